"""`hdus-peer peers`: the other members of the network."""

from typing import TYPE_CHECKING

import click

from hdus_peer.cli.options import asks_daemon
from hdus_peer.cli.output import Column, duration, show_json, show_table, yes_no

if TYPE_CHECKING:
    from hdus_peer.control.client import ControlClient
    from hdus_peer.control.port import PeerView

_COLUMNS = (
    Column("peer"),
    Column("id"),
    Column("state"),
    Column("heard", True),
    Column("address"),
    Column("generation", True),
    Column("I hold its seed"),
    Column("it holds mine"),
)


@click.command(short_help="List the other members of the network.")
@asks_daemon
def peers(daemon: "ControlClient", as_json: bool) -> None:
    """List the other members of this network.

    \b
    Examples
      hdus-peer peers
      hdus-peer peers --json | jq '.peers[] | select(.state == "gone") | .name'
    """
    found = daemon.peers()
    if as_json:
        show_json({"peers": found})
    else:
        show_table(
            "Members",
            _COLUMNS,
            [_row(peer) for peer in sorted(found, key=lambda peer: peer.name)],
            "No other member was met yet.",
        )


def _row(peer: "PeerView") -> list[str]:
    heard = "never" if peer.heard_ms < 0 else f"{duration(peer.heard_ms / 1000)} ago"
    marks = ["cloned"] * peer.cloned + [f"two seeds under {peer.equivocated}"] * bool(peer.equivocated)
    state = ", ".join([peer.state, *marks])
    generation = str(peer.generation) if peer.generation else "–"
    held, holds_mine = yes_no(peer.held), yes_no(peer.holds_mine)
    return [peer.name, peer.peer[:8], state, heard, peer.address, generation, held, holds_mine]
