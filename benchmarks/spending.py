"""What peers spend together: processor time of their daemons, and bytes on all their links; and how much of that is for
one thing, less what they spend in the same time when nothing happens."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]

from benchmarks.footprint import cpu_s
from benchmarks.peers import Peer
from benchmarks.socket_bytes import can_count, sent_bytes


@dataclass(frozen=True, slots=True)
class Spending:
    """Up to one moment, or between two. `sent_bytes`: no number where nobody counts them."""

    seconds: float
    computed_s: float
    sent_bytes: float

    def since(self, before: "Spending") -> "Spending":
        return Spending(
            self.seconds - before.seconds,
            self.computed_s - before.computed_s,
            self.sent_bytes - before.sent_bytes,
        )

    def beyond(self, idle: "Spending") -> "Spending":
        """Less what `idle`, spent while nothing happened, comes to in the same time."""
        share = self.seconds / idle.seconds
        return Spending(
            self.seconds,
            self.computed_s - share * idle.computed_s,
            self.sent_bytes - share * idle.sent_bytes,
        )


def spent(peers: Sequence[Peer]) -> Spending:
    """So far."""
    sent = sent_bytes([peer.pid for peer in peers]) if can_count() else float("nan")
    return Spending(time.perf_counter(), sum(cpu_s(psutil.Process(peer.pid)) for peer in peers), sent)
