"""What follows when a lease is renewed, ends, or lapses. The counting is `leases`'."""

from hdus_peer.domain.clock import Instant
from hdus_peer.protocol.erasure import Cause
from hdus_peer.protocol.exchange import Exchange
from hdus_peer.protocol.leases import LeaseClock, LeaseNotes, lease_problem
from hdus_peer.protocol.links import Link
from hdus_peer.protocol.messages import Renewal
from hdus_peer.protocol.records import HeldSeedRow
from hdus_peer.protocol.state import Draft, State
from hdus_peer.protocol.usage import Usage


class Lapsing:
    def __init__(self, state: State, clock: LeaseClock, exchange: Exchange, usage: Usage) -> None:
        self._state, self._clock, self._exchange, self._usage = state, clock, exchange, usage
        self._notes = LeaseNotes(state, clock)

    def on_start(self, now: Instant, draft: Draft) -> None:
        """Go on counting; what lapsed while this peer was off is erased before a port opens."""
        for row in self._state.held():
            self._clock.resume(row, now)
        self.on_timer(now, draft)

    def on_renewal(self, link: Link, message: Renewal, now: Instant, draft: Draft) -> None:
        renewal, row = message.renewal, self._state.get(HeldSeedRow, link.peer)
        if row is None or renewal.statement.generation != row.generation:
            return  # of what was given up, or is superseded, meanwhile
        problem = lease_problem(renewal, link.peer, row.generation)
        if not problem and row.lease is not None and row.lease.statement.sequence >= renewal.statement.sequence:
            problem = "older-lease"
        if problem:
            draft.refuse(link.peer, problem)
            return
        was_over = self._clock.is_over(link.peer)
        self._state.put(draft, self._clock.begin(row, renewal, now.boot_s, now))
        if was_over:
            self._usage.use(draft)
            draft.tell("LeaseRenewed", link.peer)

    def on_timer(self, now: Instant, draft: Draft) -> None:
        for owner in self._clock.lapsed(now):
            row = self._state.get(HeldSeedRow, owner)
            if row is not None:
                self._exchange.give_up(row, Cause.LAPSED, draft)
                draft.tell("LeaseLapsed", owner, generation=row.generation)
        ended = [owner for owner in self._clock.end_uses(now) if self._state.get(HeldSeedRow, owner)]
        for owner in ended:
            draft.tell("LeaseEnded", owner)
        if ended:
            self._usage.use(draft)
        self._notes.on_timer(now, draft)

    def due_s(self) -> float:
        return min(self._clock.due_s(), self._notes.due_s())
