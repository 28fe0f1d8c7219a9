"""The set of tombstones as others compare it: one root, 256 buckets, and the items that bring another up to date.

Rules
1. Tombstones merge by maximum of `through`; at equal `through` the authority's goes before the owner's, then the
   smaller envelope hash: commutative, idempotent, monotone, so that every order of arrival ends in the same set.
2. A proof of equivocation counts as a tombstone of its own through its generation, and merges by maximum of that.
3. The root is in every heartbeat. Passing a notice on is an optimisation; comparing roots and then buckets is the
   guarantee that a lost one is repaired (protocol review, A.10).
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator

from hdus_peer.domain.clock import Instant
from hdus_peer.domain.envelope import Signed
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.unlearning import LedgerEntry, UnlearnKind, UnlearnNotice, ledger_digest
from hdus_peer.protocol.messages import BUCKETS, NOTICES_PER_MESSAGE_MAX, Equivocation, NoticeItem, Notices
from hdus_peer.protocol.records import EquivocationRow, GrantRow, TombstoneRow
from hdus_peer.protocol.state import Draft, State


def bucket_of(owner: PeerId) -> int:
    """0..255: the first byte of the hash that the PeerId writes out."""
    return base64.b32decode(owner[:8].upper())[0]


def _line(row: TombstoneRow | EquivocationRow) -> str:
    if isinstance(row, EquivocationRow):
        return f"{row.owner} {row.generation} proof\n"
    departed = row.departure.statement.state_sequence if row.departure else 0
    return f"{row.owner} {row.through} {row.kind} {departed}\n"


def _all(state: State) -> list[TombstoneRow | EquivocationRow]:
    return [*state.all(TombstoneRow), *state.all(EquivocationRow)]


def _digest(rows: Iterable[TombstoneRow | EquivocationRow]) -> str:
    lines = sorted(map(_line, rows))
    return hashlib.sha256("".join(lines).encode("ascii")).hexdigest() if lines else ""


def root(state: State) -> str:
    """SHA-256 (hex) over the sorted (owner, through, kind, departure) of all tombstones and (owner, generation) of all
    proofs; "" for none."""
    return state.derived(_root, TombstoneRow, EquivocationRow)


def _root(state: State) -> str:
    return _digest(_all(state))


def bucket_hashes(state: State) -> tuple[str, ...]:
    """The same per bucket, 256 of them."""
    buckets: list[list[TombstoneRow | EquivocationRow]] = [[] for _ in range(BUCKETS)]
    for row in _all(state):
        buckets[bucket_of(row.owner)].append(row)
    return tuple(map(_digest, buckets))


def rows_in(state: State, buckets: Iterable[int]) -> list[TombstoneRow]:
    wanted = frozenset(buckets)
    return sorted((row for row in state.all(TombstoneRow) if bucket_of(row.owner) in wanted), key=lambda row: row.owner)


def proofs(state: State, buckets: Iterable[int] = range(BUCKETS)) -> list[Equivocation]:
    """The proofs of equivocation in these buckets, as they are passed on."""
    wanted = frozenset(buckets)
    rows = sorted(state.all(EquivocationRow), key=lambda row: row.owner)
    return [Equivocation(row.first, row.second, row.membership) for row in rows if bucket_of(row.owner) in wanted]


def supersedes(new: Signed[UnlearnNotice], old: TombstoneRow | None, root_peer: PeerId) -> bool:
    """Whether `new` replaces `old` under rule 1."""
    if old is None or new.statement.through != old.through:
        return old is None or new.statement.through > old.through
    ranks = [(notice.signer != root_peer, notice.envelope.digest) for notice in (new, old.notice)]
    return ranks[0] < ranks[1]


def ledger_of(state: State, through: int) -> tuple[LedgerEntry, ...]:
    """The holder ledger that a notice through `through` commits to: every grant up to it, in order. Later grants are of
    higher generations, so it stays the same."""
    grants = sorted(state.all(GrantRow), key=lambda row: row.grant)
    return tuple(LedgerEntry(row.holder, row.generation, row.grant) for row in grants if row.generation <= through)


def write_own(state: State, kind: UnlearnKind, now: Instant, draft: Draft) -> TombstoneRow:
    """Sign a notice of my own through everything that I ever published, and take it as my tombstone."""
    me, row = state.me, state.row
    through = max(row.generation_highest, row.through_highest, now.unix_s)
    ledger = ledger_of(state, through)
    notice = me.sign(UnlearnNotice(me.peer, through, kind, ledger_digest(ledger), len(ledger), now.unix_s))
    state.change_self(draft, through_highest=through)
    old = state.get(TombstoneRow, me.peer)
    tombstone = TombstoneRow(me.peer, through, kind, notice, me.membership, old.departure if old else None)
    state.put(draft, tombstone)
    return tombstone


def holders_of(state: State, through: int) -> int:
    """How many members the ledger of such a notice names."""
    return len({entry.holder for entry in ledger_of(state, through)})


def item(state: State, row: TombstoneRow, to: PeerId) -> NoticeItem:
    """`row` as it is told to `to`; a listed holder of my own seed gets the ledger with it."""
    ledger = ledger_of(state, row.through) if row.owner == state.me.peer else ()
    is_listed = any(entry.holder == to for entry in ledger)
    return NoticeItem(row.notice, row.membership, row.departure, ledger if is_listed else ())


def messages(state: State, rows: list[TombstoneRow], to: PeerId, is_whole: bool) -> Iterator[Notices]:
    """`rows` as messages of bounded size; `is_whole`: the last one is marked, and the receiver answers `Merged`."""
    items = [item(state, row, to) for row in rows]
    chunks = [items[start : start + NOTICES_PER_MESSAGE_MAX] for start in range(0, len(items), NOTICES_PER_MESSAGE_MAX)]
    for number, chunk in enumerate(chunks or [[]], start=1):
        yield Notices(tuple(chunk), last=is_whole and number == max(1, len(chunks)))
