"""How far a leave is, or the forgetting of samples: the holder ledger that the notice committed to, and which of its
entries are closed.

Rule: what is shown has happened. The core decides ahead of the disk, so an entry counts as closed, and the leave as
finished, once the event says so, which is published after the commit; what a former run closed counts from the start.
Times are this run's own: from the commit of the notice to the moment at which a holder's last entry closed.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace

from hdus_peer.control.port import HolderErasure, PendingNotice, UnlearnProgress
from hdus_peer.domain.clock import Instant
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.unlearning import UnlearnKind
from hdus_peer.protocol.awaited import is_revoked
from hdus_peer.protocol.contacts import Liveness
from hdus_peer.protocol.records import GrantRow, MemberRow, Phase, ReceiptRow, TombstoneRow
from hdus_peer.protocol.state import State
from hdus_peer.protocol.step import Event


class Leaving:
    """Listens to the journal for the times, and answers from the state."""

    def __init__(
        self,
        state: State,
        clock: Callable[[], Instant],
        name_of: Callable[[str], str],
        liveness: Callable[[PeerId], Liveness],
    ) -> None:
        self._state, self._clock, self._name_of, self._liveness = state, clock, name_of, liveness
        self._begun_s: float | None = None
        self._closed_s: dict[PeerId, float] = {}
        self._closed = {row.grant for row in state.all(GrantRow) if row.closed_by}
        self._has_left = state.row.phase == Phase.LEFT
        own = state.get(ReceiptRow, state.me.peer, state.me.peer)
        self._forgotten = own.receipt.statement.through if own else 0

    def on_event(self, event: Event) -> None:
        if event.name in ("LeaveBegun", "ForgetBegun"):
            self._begun_s = self._clock().boot_s
        elif event.name == "Forgotten" and event.peer is not None:
            self._closed_s[event.peer] = self._clock().boot_s
            self._forgotten = int(dict(event.details)["through"])
        elif event.name == "GrantClosed" and event.peer is not None:
            self._closed.add(int(dict(event.details)["grant"]))
            self._closed_s[event.peer] = self._clock().boot_s
        elif event.name in ("Left", "Rejoined"):
            self._has_left = event.name == "Left"

    def progress(self) -> UnlearnProgress:
        phase = Phase.LEFT if self._has_left else Phase.LEAVING
        tombstone = self._state.get(TombstoneRow, self._state.me.peer)
        through = tombstone.through if tombstone else 0
        return UnlearnProgress(phase, through, self._holders(through), finished=self._has_left)

    def forgetting(self) -> UnlearnProgress:
        """Of my latest notice, whatever it is."""
        through = self._state.through(self._state.me.peer)
        found = UnlearnProgress(self._state.row.phase, through, self._holders(through), finished=False)
        return replace(found, finished=not found.pending)

    def notices(self) -> tuple[PendingNotice, ...]:
        """My latest notice, while it is not done with: somebody's answer is missing, or this peer is still leaving."""
        tombstone = self._state.get(TombstoneRow, self._state.me.peer)
        if tombstone is None:
            return ()
        notice = tombstone.notice.statement
        found = PendingNotice(notice.kind, notice.through, notice.issued_at_s, self._holders(notice.through))
        return (found,) if found.pending or self._state.row.phase == Phase.LEAVING else ()

    def _holders(self, through: int) -> tuple[HolderErasure, ...]:
        by_holder: dict[PeerId, list[GrantRow]] = defaultdict(list)
        for row in sorted(self._state.all(GrantRow), key=lambda row: row.grant):
            if row.generation <= through:
                by_holder[row.holder].append(row)
        return (*(self._holder(peer, rows) for peer, rows in sorted(by_holder.items())), *self._itself())

    def _itself(self) -> Iterator[HolderErasure]:
        """Whoever forgets samples, and stays, answers as a holder does."""
        me = self._state.me.peer
        tombstone, receipt = self._state.get(TombstoneRow, me), self._state.get(ReceiptRow, me, me)
        if tombstone is None or tombstone.kind != UnlearnKind.FORGET:
            return
        is_confirmed = receipt is not None and self._forgotten >= tombstone.through
        yield HolderErasure(
            peer=me,
            name=self._name_of(me),
            confirmed=is_confirmed,
            closed_by="receipt" if is_confirmed else "",
            after_ms=self._after_ms(me) if is_confirmed else -1,
            erased=receipt.receipt.statement.erased if receipt and is_confirmed else (),
            state=Liveness.ALIVE,
        )

    def _holder(self, peer: PeerId, rows: list[GrantRow]) -> HolderErasure:
        is_confirmed = all(row.grant in self._closed for row in rows)
        receipt, member = self._state.get(ReceiptRow, self._state.me.peer, peer), self._state.get(MemberRow, peer)
        return HolderErasure(
            peer=peer,
            name=self._name_of(peer),
            confirmed=is_confirmed,
            closed_by=rows[-1].closed_by if is_confirmed else "",
            after_ms=self._after_ms(peer) if is_confirmed else -1,
            erased=receipt.receipt.statement.erased if receipt else (),
            hold_until_s=max(row.hold_until_s for row in rows),
            state=self._liveness(peer),
            cloned=bool(member and member.cloned),
            revoked=is_revoked(self._state, peer),
        )

    def _after_ms(self, peer: PeerId) -> int:
        closed_s = self._closed_s.get(peer)
        if closed_s is None or self._begun_s is None or closed_s < self._begun_s:
            return -1
        return round((closed_s - self._begun_s) * 1000)
