"""How much each peer may say: an allowance that frames and calls spend, and that comes back with time (a token bucket).

Rules
1. From whoever has used up its allowance nothing is read until a part of it came back. Nothing is lost: what it says
   waits on its own side, by gRPC's flow control, and everybody else is heard meanwhile.
2. The allowance is the peer's, not the link's: another link brings none.
3. It is counted once whenever somebody has to wait, under the word "flooding".

A frame counts as one, and as one more for every `frame_bytes` of it, so that neither many small ones nor few large ones
take the event loop from the others. What is whole again is forgotten: there are no more accounts than peers that speak.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from hdus_peer.domain.identity import PeerId
from hdus_peer.transport.limits import TransportLimits

FLOODING = "flooding"
PAUSE_MIN_S = 1.0
PAUSE_MAX_S = 2.0


@dataclass(eq=False, slots=True)
class _Account:
    left: float
    at_s: float


class Allowances:
    def __init__(self, limits: TransportLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits, self._clock = limits, clock
        self._accounts: dict[PeerId, _Account] = {}

    def __len__(self) -> int:
        return len(self._accounts)

    def spend(self, peer: PeerId, size: int) -> float:
        """Count `size` bytes said by `peer`; for how long (s) nothing more is to be taken from it, mostly 0."""
        limits, account = self._limits, self._refilled(peer)
        account.left = max(account.left - 1 - size // limits.frame_bytes, -PAUSE_MAX_S * limits.frames_per_s)
        return 0.0 if account.left >= 0 else PAUSE_MIN_S - account.left / limits.frames_per_s

    def _refilled(self, peer: PeerId) -> _Account:
        now_s, whole = self._clock(), float(self._limits.frames_at_once_max)
        if peer not in self._accounts:
            self._forget_whole(now_s)
            self._accounts[peer] = _Account(whole, now_s)
        account = self._accounts[peer]
        account.left, account.at_s = self._left(account, now_s), now_s
        return account

    def _left(self, account: _Account, now_s: float) -> float:
        back = (now_s - account.at_s) * self._limits.frames_per_s
        return min(float(self._limits.frames_at_once_max), account.left + back)

    def _forget_whole(self, now_s: float) -> None:
        whole = self._limits.frames_at_once_max
        for peer in [peer for peer, account in self._accounts.items() if self._left(account, now_s) >= whole]:
            del self._accounts[peer]
