"""Leases, the holder's side: how long each seed held may still be used and held (L2).

Rules
1. A lease is counted, not dated: the owner states two lengths from the instant of signing, and this peer counts them
   down on its boot clock from the moment at which they came. No clock of a neighbour and no jump of the own wall clock
   ends or prolongs one within a run.
2. Over a restart the wall clock's difference is taken off what was left; what is left never grows without a renewal.
   (So a clock set back hides at most the time since the last note, `lease_note_s`, and the time switched off.)
3. Over `use`: out of the ensemble, and back only by a renewal. Over `hold`: erased and released; before a port opens
   where it ended while this peer was off.
4. A renewal counts only from its owner over the owner's own link, and only with a higher sequence; nothing is leased
   for longer than `lease_max_s` at a time, whatever is stated. A key without a lease is leased for that long.
"""

from dataclasses import replace

from hdus_peer.domain.clock import Instant
from hdus_peer.domain.envelope import Signed
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.seed import LeaseRenewal
from hdus_peer.protocol.alarms import NEVER_S, Alarms
from hdus_peer.protocol.records import HeldSeedRow
from hdus_peer.protocol.state import Draft, State


def lease_problem(renewal: Signed[LeaseRenewal], owner: PeerId, generation: int) -> str:
    """Why this is no lease of that seed by its owner, in one word."""
    lease = renewal.statement
    if not renewal.signer == lease.owner == owner or lease.generation != generation:
        return "not-owner"
    is_sane = lease.issued_at_s < lease.use_until_s <= lease.hold_until_s
    return "" if is_sane else "wrong-lease"


class LeaseClock:
    """The deadlines of this run, on the boot clock (s)."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._use_until_s: dict[PeerId, float] = {}
        self._hold_until_s: dict[PeerId, float] = {}
        self._over: set[PeerId] = set()
        self._alarms: Alarms[PeerId] = Alarms(self._next_s)

    def begin(self, row: HeldSeedRow, renewal: Signed[LeaseRenewal] | None, from_s: float, now: Instant) -> HeldSeedRow:
        """`row` under `renewal`, which came at `from_s` of the boot clock; to be written."""
        most_s = self._state.limits.lease_max_s
        lease = renewal.statement if renewal else None
        use_s = min(lease.use_until_s - lease.issued_at_s, most_s) if lease else most_s
        hold_s = min(lease.hold_until_s - lease.issued_at_s, most_s) if lease else most_s
        self._count(row.owner, from_s + use_s, from_s + hold_s)
        return self.noted(replace(row, lease=renewal), now)

    def resume(self, row: HeldSeedRow, now: Instant) -> None:
        """Go on counting what a former run left."""
        off_s = max(0, now.unix_s - row.counted_at_s)
        most_s = self._state.limits.lease_max_s
        use_s, hold_s = (row.use_left_s - off_s, row.hold_left_s - off_s) if row.counted_at_s else (most_s, most_s)
        self._count(row.owner, now.boot_s + use_s, now.boot_s + hold_s)
        if use_s <= 0:
            self._over.add(row.owner)

    def _count(self, owner: PeerId, use_until_s: float, hold_until_s: float) -> None:
        self._use_until_s[owner], self._hold_until_s[owner] = use_until_s, hold_until_s
        self._over.discard(owner)
        self._alarms.watch(owner)

    def noted(self, row: HeldSeedRow, now: Instant) -> HeldSeedRow:
        """`row` with what is left of its lease, rounded down."""
        use_s, hold_s = (max(0, int(left_s)) for left_s in self.left(row.owner, now))
        return replace(row, use_left_s=use_s, hold_left_s=hold_s, counted_at_s=now.unix_s)

    def left(self, owner: PeerId, now: Instant) -> tuple[float, float]:
        """For how many seconds the seed of `owner` may still be used, and held."""
        return self._use_until_s.get(owner, 0.0) - now.boot_s, self._hold_until_s.get(owner, 0.0) - now.boot_s

    def is_over(self, owner: PeerId) -> bool:
        """Whether the seed of `owner` may be used no more."""
        return owner in self._over

    def end_uses(self, now: Instant) -> list[PeerId]:
        """Whose leases came to their `use_until` just now."""
        ended = [owner for owner, until_s in self._use_until_s.items() if until_s <= now.boot_s]
        ended = [owner for owner in ended if owner not in self._over]
        self._over.update(ended)
        return ended

    def lapsed(self, now: Instant) -> list[PeerId]:
        """Whose leases came to their `hold_until`; they are counted no more."""
        lapsed = [owner for owner, until_s in self._hold_until_s.items() if until_s <= now.boot_s]
        for owner in lapsed:
            self.forget(owner)
        return lapsed

    def forget(self, owner: PeerId) -> None:
        """Nothing of `owner` is held any more."""
        self._use_until_s.pop(owner, None)
        self._hold_until_s.pop(owner, None)
        self._over.discard(owner)

    def _next_s(self, owner: PeerId) -> float:
        use_s = NEVER_S if owner in self._over else self._use_until_s.get(owner, NEVER_S)
        return min(use_s, self._hold_until_s.get(owner, NEVER_S))

    def due_s(self) -> float:
        return self._alarms.earliest_s()


class LeaseNotes:
    """Writes now and then what is left of every lease, so that a restart knows."""

    def __init__(self, state: State, clock: LeaseClock) -> None:
        self._state, self._clock = state, clock
        self._due_s: float | None = None

    def on_timer(self, now: Instant, draft: Draft) -> None:
        held = self._state.held()
        if self._due_s is None or not held:
            self._due_s = now.boot_s + self._state.limits.lease_note_s if held else None
        elif self._due_s <= now.boot_s:
            self._due_s = now.boot_s + self._state.limits.lease_note_s
            for row in held:
                self._state.put(draft, self._clock.noted(row, now))

    def due_s(self) -> float:
        if self._due_s is None:
            return 0.0 if self._state.has(HeldSeedRow) else NEVER_S
        return self._due_s
