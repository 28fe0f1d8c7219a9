"""Erasures: decided in one Step, answered by `Erased`, and only then spoken of (I1).

Rule: a row (`ErasureRow`) is written in the Step that decides, with the `Erase` effect; it is deleted in the Step that
answers `Erased`, which alone signs what follows from it (a receipt, a release, a departure). Rows that a crash left are
done again at start, before a port opens.
"""

import enum

from hdus_peer.domain.identity import PeerId
from hdus_peer.protocol.records import ErasureRow
from hdus_peer.protocol.state import Draft, State
from hdus_peer.protocol.step import Erase


class Cause(enum.StrEnum):
    """Why something is erased. The first group follows from a notice, the last from this peer's own leave."""

    NOTICE = "notice"
    SUPERSEDED = "superseded"
    DISPLACED = "displaced"
    LAPSED = "lapsed"
    REFUSED = "refused"
    LOST = "lost"  # its files were gone or damaged, and nobody can use it: written by a repair
    ROLLED_BACK = "rolled-back"
    REPLACED = "replaced"
    DEPARTURE = "departure"
    FORGOTTEN = "forgotten"  # my own seed, and what was learned from samples that I forget


AT_ONCE = frozenset({Cause.NOTICE, Cause.ROLLED_BACK, Cause.DEPARTURE, Cause.FORGOTTEN})
_OF_EVERYBODY = frozenset({Cause.ROLLED_BACK, Cause.DEPARTURE})


def begin(
    state: State,
    draft: Draft,
    owner: PeerId,
    cause: Cause,
    payloads: tuple[str, ...],
    *,
    through: int = 0,
    grant: int = 0,
) -> None:
    """Decide an erasure. `through`: the tombstone that a receipt will name, or the sequence that a departure will;
    `grant`: the grant that a release will."""
    if cause in AT_ONCE:
        payloads = _with_unfinished(state, owner, payloads, is_about_all=cause in _OF_EVERYBODY)
    number = state.row.erasure_highest + 1
    state.change_self(draft, erasure_highest=number)
    row = ErasureRow(number, owner, cause, through, grant, payloads)
    state.put(draft, row)
    draft.act(_effect(row))


def _with_unfinished(state: State, owner: PeerId, payloads: tuple[str, ...], *, is_about_all: bool) -> tuple[str, ...]:
    """A receipt and a departure speak of everything that is here, also of what an earlier erasure has not finished."""
    unfinished = [row for row in state.all(ErasureRow) if is_about_all or row.owner == owner]
    return tuple(dict.fromkeys([*payloads, *(payload for row in unfinished for payload in row.payloads)]))


def resume(state: State, draft: Draft) -> None:
    """Do again what a crash interrupted."""
    for row in sorted(state.all(ErasureRow), key=lambda row: row.erasure):
        draft.act(_effect(row))


def is_emptying(state: State) -> bool:
    """Whether everything of everybody is being erased: until that is done nothing can be said of any one owner."""
    return any(row.cause in _OF_EVERYBODY for row in state.all(ErasureRow))


def _effect(row: ErasureRow) -> Erase:
    cause = Cause(row.cause)
    return Erase(row.erasure, row.payloads, at_once=cause in AT_ONCE, learned=cause == Cause.FORGOTTEN)
