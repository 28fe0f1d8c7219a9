"""An unlearning as its owner sees it: who holds what, who has erased while it goes on, and one sentence at the end.

Rule: a holder counts as erased once it signed, and only if it exists once; of everybody else the sentence says what
will happen and by when, as far as that is known, and promises nothing more.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from hdus_peer.cli.output import Column, date, show_table
from hdus_peer.terminal import console, has_motion

if TYPE_CHECKING:
    from hdus_peer.control.port import HolderErasure, HolderView, UnlearnProgress

NAMES_SHOWN = 5
PENDING_EXIT_CODE = 3
_HOLDERS = (Column("holder"), Column("id"), Column("generation", True), Column("reachable"), Column("lease ends"))
_ERASURES = (
    Column("holder"), Column("id"), Column("erased"), Column("proof"), Column("after", True), Column("lease ends"),
)  # fmt: skip


# --- before -------------------------------------------------------------------------------------------------------
def show_who_holds(holders: "Iterable[HolderView]") -> None:
    """One line a holder whose entries are open, of the latest generation that it was granted."""
    latest = {each.peer: each for each in sorted(holders, key=lambda each: each.generation) if not each.closed_by}
    rows = sorted(_holding(each) for each in latest.values())
    show_table("Who holds my seed", _HOLDERS, rows, "Nobody holds a seed of this peer.")


def _holding(holder: "HolderView") -> list[str]:
    return [holder.name, holder.peer[:8], str(holder.generation), holder.state, _lease_end(holder.hold_until_s)]


# --- meanwhile ----------------------------------------------------------------------------------------------------
def followed(steps: "Iterable[UnlearnProgress]", quiet: bool) -> "UnlearnProgress | None":
    """Draw `steps` as they come, unless `quiet`; the last one, None where none came."""
    reached = None
    with _bar(quiet) as advance:
        for reached in steps:
            advance(reached)
    return reached


@contextlib.contextmanager
def _bar(quiet: bool) -> "Iterator[Callable[[UnlearnProgress], None]]":
    if quiet or not has_motion():
        yield lambda progress: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    waiting = TextColumn("{task.fields[waiting]}", style="dim", markup=False)
    columns = ("holders that confirmed", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), waiting)
    with Progress(*columns, console=console()) as bar:
        task = bar.add_task("", total=None, waiting="")
        yield lambda step: bar.update(
            task, total=len(step.holders), completed=step.confirmed, waiting=_waiting(step.pending)
        )


def _waiting(pending: "Sequence[HolderErasure]") -> str:
    return f"waiting for {_listed(pending)}" if pending else ""


# --- at the end ---------------------------------------------------------------------------------------------------
def show_erasures(reached: "UnlearnProgress") -> None:
    """A line a holder, and the sentence."""
    rows = sorted(_erasure(each) for each in reached.holders)
    show_table("Erasures", _ERASURES, rows, "Nobody held a seed of this peer.")
    click.echo(f"{outcome(reached.holders, int(time.time()))}; certificate saved to {reached.certificate}")


def summary(reached: "UnlearnProgress") -> dict[str, object]:
    """The same for programs."""
    return {
        "finished": reached.finished,
        "phase": reached.phase,
        "through": reached.through,
        "total": len(reached.holders),
        "confirmed": reached.confirmed,
        "holders": reached.holders,
        "pending": [holder.name for holder in reached.pending],
        "erased_ms": _slowest_ms(reached.holders),
        "outcome": outcome(reached.holders, int(time.time())),
        "certificate": reached.certificate,
    }


def outcome(holders: "Sequence[HolderErasure]", now_s: int) -> str:
    """One sentence without its full stop: "5 of 5 holders erased in 52 ms", or how many did and what is to be expected
    of the others."""
    pending = [each for each in holders if not each.is_counted]
    last_ms = _slowest_ms(holders)
    took = f" in {last_ms} ms" if not pending and last_ms >= 0 else ""
    erased = f"{len(holders) - len(pending)} of {len(holders)} holders erased{took}"
    return "; ".join([erased, *_expected(pending, now_s)])


def _slowest_ms(holders: "Iterable[HolderErasure]") -> int:
    """Until the last one that confirmed; -1 where none did in this run."""
    return max((each.after_ms for each in holders), default=-1)


def _expected(pending: "Sequence[HolderErasure]", now_s: int) -> Iterator[str]:
    """What will become of those that are pending, those of one kind together."""
    for kind in _KINDS:
        found = [each for each in pending if kind.has(each, now_s)]
        pending = [each for each in pending if each not in found]
        if found:
            until_s = max(each.hold_until_s for each in found)
            words = kind.one if len(found) == 1 else kind.many
            yield words.format(names=_listed(found), until=_lease_end(until_s))


@dataclass(frozen=True, slots=True)
class _Kind:
    """Pending holders of whom the same is to be expected, and how that is said of one and of many."""

    has: "Callable[[HolderErasure, int], bool]"
    one: str
    many: str


_KINDS = (
    _Kind(
        lambda holder, now_s: holder.cloned,
        "{names} runs on two devices, so its answer does not count",
        "{names} run on two devices each, so their answers do not count",
    ),
    _Kind(
        lambda holder, now_s: _has_lapsed(holder, now_s),
        "{names} did not sign, and its lease ended {until}: it has erased, or does so when it is next switched on",
        "{names} did not sign, and their leases ended by {until}: they have erased, or do so when next switched on",
    ),
    _Kind(
        lambda holder, now_s: holder.revoked,
        "{names} was put out by the network's authority and answers nobody; its lease ends {until}",
        "{names} were put out by the network's authority and answer nobody; their leases end by {until}",
    ),
    _Kind(
        lambda holder, now_s: holder.state == "alive",
        "{names} is in reach and has not signed yet",
        "{names} are in reach and have not signed yet",
    ),
    _Kind(
        lambda holder, now_s: holder.hold_until_s > 0,
        "{names} is off line: it erases when it returns, and by {until} at the latest",
        "{names} are off line: they erase when they return, and by {until} at the latest",
    ),
    _Kind(
        lambda holder, now_s: True,
        "{names} is off line: it erases when it returns, and not before, since no lease of it is known",
        "{names} are off line: they erase when they return, and not before, since no leases of them are known",
    ),
)
"""The first that a holder belongs to counts."""


def _has_lapsed(holder: "HolderErasure", now_s: int) -> bool:
    from hdus_peer.domain.seed import is_lapsed

    return is_lapsed(holder.hold_until_s, now_s)


def _listed(holders: "Sequence[HolderErasure]") -> str:
    """ "anna", "anna and bela", "anna, bela, cleo and 9 others"."""
    names = sorted(each.name for each in holders)
    if len(names) > NAMES_SHOWN:
        names = [*names[: NAMES_SHOWN - 1], f"{len(names) - NAMES_SHOWN + 1} others"]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _erasure(holder: "HolderErasure") -> list[str]:
    after = f"{holder.after_ms} ms" if holder.after_ms >= 0 else "–"
    state = "confirmed" if holder.is_counted else "cloned" if holder.cloned else "pending"
    ends = "" if holder.is_counted else _lease_end(holder.hold_until_s)
    return [holder.name, holder.peer[:8], state, holder.closed_by or "–", after, ends]


def _lease_end(instant_s: int) -> str:
    return date(instant_s) if instant_s else "not known"
