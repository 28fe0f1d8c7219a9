"""Whom a leaver still waits for: the holders of whom an answer can be expected.

Rules
1. An entry of the ledger without an answer is waited for until its lease is over by the own wall clock, and
   `lapse_slack_s`: by then its holder has erased by itself, or does so before it next opens a port. A presumed holder's
   entry ends when the longest lease does that could have been forgotten (`restored`).
2. Whom the authority revoked is turned away by everybody, and is not waited for.
3. Once all the leases that this peer ever gave are over, nobody is left who has to hear of its leave.

What is no longer waited for is not done: the certificate says lapsed, or revoked.
"""

from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.seed import is_lapsed
from hdus_peer.domain.unlearning import UnlearnKind
from hdus_peer.protocol.records import GrantRow, MemberRow, TombstoneRow
from hdus_peer.protocol.state import State


def open_grants(state: State) -> list[GrantRow]:
    """Grants that a notice of mine covers and nobody has closed yet."""
    through = state.through(state.me.peer)
    return [row for row in state.all(GrantRow) if row.generation <= through and not row.closed_by]


def awaited(state: State, date_s: int) -> list[GrantRow]:
    """Those of them that are waited for at `date_s` (Unix s)."""
    slack_s, rows = state.limits.lapse_slack_s, open_grants(state)
    waiting = [row for row in rows if not is_lapsed(row.hold_until_s, date_s, slack_s)]
    return [row for row in waiting if not is_revoked(state, row.holder)]


def may_be_heard(state: State, date_s: int) -> bool:
    """Whether anybody may be there, now or later, who has to know of my leave."""
    is_over = is_lapsed(state.row.hold_until_max_s, date_s, state.limits.lapse_slack_s)
    return not is_over and any(not is_revoked(state, row.peer) for row in state.all(MemberRow))


def is_revoked(state: State, peer: PeerId) -> bool:
    tombstone = state.get(TombstoneRow, peer)
    return tombstone is not None and tombstone.kind == UnlearnKind.REVOKE
