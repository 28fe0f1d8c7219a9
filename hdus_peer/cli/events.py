"""`hdus-peer events`: what the peer did, fact by fact, for people who watch and for programs that react."""

from typing import TYPE_CHECKING

import click

from hdus_peer.cli.logs import LINES_MAX, show
from hdus_peer.cli.options import asks_daemon

if TYPE_CHECKING:
    from hdus_peer.control.client import ControlClient


@click.command(short_help="Show what the peer did lately; --follow shows what it does.")
@click.option("-f", "--follow", is_flag=True, help="Go on until Ctrl-C or the daemon's end.")
@click.option("-n", "--lines", type=click.IntRange(0, LINES_MAX), default=50, show_default=True, help="How many.")
@asks_daemon
def events(daemon: "ControlClient", as_json: bool, follow: bool, lines: int) -> None:
    """Show events: a seed adopted, a peer gone, an erasure done. Names and fields are those of the log.

    Every event is shown, small ones included, whatever the daemon's log.level is; see `hdus-peer logs`.

    \b
    Examples
      hdus-peer events
      hdus-peer events --follow
      hdus-peer events --follow --lines 0 --json | jq 'select(.event == "SeedAdopted") | .peer'
    """
    from hdus_peer.control.port import LogsWanted

    show(daemon, LogsWanted(lines, "debug", follow, events_only=True), as_json)
