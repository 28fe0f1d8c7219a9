"""`hdus-peer leave`: be unlearned everywhere, and watch who has erased.

Rule: what was asked for is done by the daemon, whatever becomes of this command: a closed terminal stops nothing.
"""

import contextlib
from typing import TYPE_CHECKING

import click

from hdus_peer.cli.options import asks_daemon, unlearning_options
from hdus_peer.cli.output import show_json
from hdus_peer.cli.questions import confirm
from hdus_peer.cli.unlearning_view import PENDING_EXIT_CODE, followed, show_erasures, show_who_holds, summary
from hdus_peer.errors import NotRunningError

if TYPE_CHECKING:
    from hdus_peer.control.client import ControlClient
    from hdus_peer.control.port import UnlearnProgress


@click.command(short_help="Be unlearned everywhere, and leave.")
@unlearning_options("leave")
@asks_daemon
@click.pass_context
def leave(ctx: click.Context, daemon: "ControlClient", as_json: bool, yes: bool, wait_s: float) -> None:
    """Leave the network: everybody erases what came from this peer, and confirms it with a signature.

    Ends with 0 once all holders confirmed. Those that cannot be reached erase when they come back: then this command
    ends with 3, and the daemon stays, only to tell them and to collect their receipts. Type it again to look.

    \b
    Examples
      hdus-peer leave
      hdus-peer leave --yes --wait 120 --json
    """
    is_active = daemon.status().phase == "active"
    if is_active and not as_json:
        _show_before(daemon)
    if is_active and not yes:
        confirm("Have it erased everywhere, and leave the network?", "leaving cannot be undone")
    with contextlib.closing(daemon.leave(wait_s)) as steps:
        reached = followed(steps, quiet=as_json)
    if reached is None:
        raise NotRunningError("the daemon ended before it took the leave: type `hdus-peer start`, then leave again")
    show_json(summary(reached)) if as_json else _show(reached)
    ctx.exit(0 if reached.finished and not reached.pending else PENDING_EXIT_CODE)


def _show_before(daemon: "ControlClient") -> None:
    show_who_holds(daemon.holders())
    owners = sorted(seed.name for seed in daemon.seeds())
    if owners:
        click.echo(f"What this peer holds of others is erased here: {len(owners)} seeds ({', '.join(owners)}).")


def _show(reached: "UnlearnProgress") -> None:
    show_erasures(reached)
    if not reached.finished:
        click.echo("The daemon stays to tell the others; `hdus-peer leave` shows how far it is.")
    elif reached.pending:
        click.echo("Left. The daemon ends; what is pending stays in the certificate.")
    else:
        click.echo("Left: nothing of this peer remains at any holder. The daemon ends.")
