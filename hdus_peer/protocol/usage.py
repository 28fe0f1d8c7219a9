"""Usage: which of the seeds held may be used now.

Rule: after a start nothing foreign is used before notices were merged (I2). A seed is confirmed once its owner's link
has merged; or, that owner being unreachable for a while, once any neighbour's has; or by being adopted in this run. A
seed whose lease is over is not used (L2).
"""

from hdus_peer.domain.clock import Instant
from hdus_peer.domain.identity import PeerId
from hdus_peer.protocol.alarms import NEVER_S
from hdus_peer.protocol.leases import LeaseClock
from hdus_peer.protocol.records import HeldSeedRow
from hdus_peer.protocol.state import Draft, State
from hdus_peer.protocol.step import UseSeeds


class Usage:
    def __init__(self, state: State, leases: LeaseClock) -> None:
        self._state = state
        self._leases = leases
        self.confirmed: set[PeerId] = set()
        self._due_s: float | None = None
        self._has_merged = False

    def use(self, draft: Draft) -> None:
        """Tell the predictor which seeds to use: those held, confirmed in this run, and leased."""
        usable = (row for row in self._state.held() if row.owner in self.confirmed)
        draft.act(UseSeeds(tuple(row for row in usable if not self._leases.is_over(row.owner))))

    def on_start(self, now: Instant) -> None:
        self._due_s = now.boot_s + self._state.limits.confirm_wait_s

    def on_open(self, peer: PeerId, now: Instant, draft: Draft) -> None:
        """A link is open, notices are merged."""
        self._has_merged = True
        is_held = self._state.get(HeldSeedRow, peer) is not None
        self._confirm({peer} if is_held else set(), now, draft)

    def on_timer(self, now: Instant, draft: Draft) -> None:
        self._confirm(set(), now, draft)

    def _confirm(self, owners: set[PeerId], now: Instant, draft: Draft) -> None:
        if self._due_s is not None and self._has_merged and now.boot_s >= self._due_s:
            self._due_s = None
            owners = owners | {row.owner for row in self._state.held()}
        if not owners <= self.confirmed:
            self.confirmed |= owners
            self.use(draft)

    def due_s(self) -> float:
        return self._due_s if self._due_s is not None and self._has_merged else NEVER_S
