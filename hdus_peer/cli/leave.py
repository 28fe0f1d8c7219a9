"""`hdus-peer leave`: be unlearned everywhere, and watch who has erased.

Rule: what was asked for is done by the daemon, whatever becomes of this command: a closed terminal stops nothing.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

from hdus_peer.cli.options import asks_daemon
from hdus_peer.cli.output import Column, date, show_json, show_table
from hdus_peer.cli.questions import confirm
from hdus_peer.errors import NotRunningError
from hdus_peer.terminal import console, has_motion

if TYPE_CHECKING:
    from hdus_peer.control.client import ControlClient
    from hdus_peer.control.port import HolderErasure, HolderView, LeaveProgress

PENDING_EXIT_CODE = 3
_HOLDERS = (Column("holder"), Column("id"), Column("generation", True), Column("reachable"))
_ERASURES = (Column("holder"), Column("id"), Column("erased"), Column("proof"), Column("after", True))


@click.command(short_help="Be unlearned everywhere, and leave.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0.1, 86_400),
    default=30.0,
    show_default=True,
    help="Seconds to wait for confirmations; the leave itself goes on.",
)
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
    if not as_json:
        _show_holders([holder for holder in daemon.holders() if not holder.closed_by])
    if not yes and daemon.status().phase == "active":
        confirm("Have it erased everywhere, and leave the network?", "leaving cannot be undone")
    reached = _follow(daemon, wait_s, quiet=as_json)
    show_json(_summary(reached)) if as_json else _show(reached)
    ctx.exit(0 if reached.finished else PENDING_EXIT_CODE)


def _show_holders(holders: "list[HolderView]") -> None:
    rows = sorted([each.name, each.peer[:8], str(each.generation), each.state] for each in holders)
    show_table("Who holds my seed", _HOLDERS, rows, "Nobody holds a seed of this peer.")


def _follow(daemon: "ControlClient", wait_s: float, quiet: bool) -> "LeaveProgress":
    reached = None
    with _bar(quiet) as advance, contextlib.closing(daemon.leave(wait_s)) as steps:
        for reached in steps:
            advance(reached)
    if reached is None:
        raise NotRunningError("the daemon ended before it took the leave: type `hdus-peer start`, then leave again")
    return reached


@contextlib.contextmanager
def _bar(quiet: bool) -> "Iterator[Callable[[LeaveProgress], None]]":
    if quiet or not has_motion():
        yield lambda progress: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

    with Progress(
        "holders that confirmed", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console()
    ) as bar:
        task = bar.add_task("", total=None)
        yield lambda step: bar.update(task, total=len(step.holders), completed=step.confirmed)


def _summary(reached: "LeaveProgress") -> dict[str, object]:
    return {
        "finished": reached.finished,
        "phase": reached.phase,
        "through": reached.through,
        "total": len(reached.holders),
        "confirmed": reached.confirmed,
        "holders": reached.holders,
        "pending": [holder.name for holder in reached.pending],
        "certificate": reached.certificate,
    }


def _show(reached: "LeaveProgress") -> None:
    show_table(
        "Erasures", _ERASURES, sorted(_row(each) for each in reached.holders), "Nobody held a seed of this peer."
    )
    click.echo(_outcome(reached))
    if reached.finished:
        click.echo("Left: nothing of this peer remains at any holder. The daemon ends.")
        return
    for holder in reached.pending:
        click.echo(f"{holder.name} is out of reach: it erases when it comes back{_latest(holder)}.")
    click.echo("The daemon stays to tell them; `hdus-peer leave` shows how far it is.")


def _latest(holder: "HolderErasure") -> str:
    """By when its lease makes it erase in any case, or when it is next switched on after that."""
    return f", and by {date(holder.hold_until_s)} at the latest" if holder.hold_until_s else ""


def _outcome(reached: "LeaveProgress") -> str:
    """One sentence: "5 of 5 holders erased in 52 ms; certificate saved to …"."""
    last_ms = max((holder.after_ms for holder in reached.holders), default=-1)
    took = f" in {last_ms} ms" if reached.finished and last_ms >= 0 else ""
    erased = f"{reached.confirmed} of {len(reached.holders)} holders erased{took}"
    return f"{erased}; certificate saved to {reached.certificate}"


def _row(holder: "HolderErasure") -> list[str]:
    after = f"{holder.after_ms} ms" if holder.after_ms >= 0 else "–"
    state = "confirmed" if holder.confirmed else "pending"
    return [holder.name, holder.peer[:8], state, holder.closed_by or "–", after]
