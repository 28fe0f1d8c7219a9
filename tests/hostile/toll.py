"""What an attack costs its victim: memory, disk, and how much longer its owner waits. The bounds stand in
docs/threat-model.md.

Memory is the *peak* of the daemon's resident size, as the kernel counts it (Linux), so that nothing is missed between
looks. Waiting is a ratio of medians: while it is attacked, and while it was left alone.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from hdus_peer.control.client import ControlClient
from tests.hostile.resident import MIB, PEAK, reset_peak, resident
from tests.integration.asking import ROWS, SAMPLES
from tests.integration.peers import Peer

RSS_GROWTH_MAX = 256 * MIB
DISK_GROWTH_MAX = 16 * MIB
SLOWER_MAX = 100.0
CALLS = 15


@dataclass(eq=False, slots=True)
class Toll:
    """`rss_growth`: from before the attack to its peak; `disk_growth`: of the state directory, at the end; `status` and
    `predict`: how many times longer the median answer took than before. Bytes and ratios."""

    rss_growth: int = 0
    disk_growth: int = 0
    status: float = 0.0
    predict: float = 0.0

    def is_within_bounds(self) -> bool:
        is_small = self.rss_growth <= RSS_GROWTH_MAX and self.disk_growth <= DISK_GROWTH_MAX
        return is_small and max(self.status, self.predict) <= SLOWER_MAX

    def __str__(self) -> str:
        grown = f"+{self.rss_growth / MIB:.1f} MiB of memory, +{self.disk_growth / MIB:.1f} MiB of disk"
        return f"{grown}, status {self.status:.1f} and prediction {self.predict:.1f} times slower"


class Watcher:
    """Looks at one victim; what its answers take while nobody attacks is measured at once."""

    def __init__(self, victim: Peer) -> None:
        self._victim = victim
        self._quiet = self._answers()

    @asynccontextmanager
    async def measuring(self) -> AsyncIterator[Toll]:
        """Around an attack that is still going on when the block ends; the toll is known then."""
        toll = Toll()
        daemon, disk = self._victim.process.pid, _bytes_in(self._victim.state)
        before = reset_peak(daemon)
        yield toll
        status, predict = await asyncio.to_thread(self._answers)
        toll.status, toll.predict = status / self._quiet[0], predict / self._quiet[1]
        toll.rss_growth = resident(daemon, PEAK) - before
        toll.disk_growth = _bytes_in(self._victim.state) - disk

    def _answers(self) -> tuple[float, float]:
        """Median seconds of a status and of a prediction."""
        with self._victim.client() as client:
            return _median_s(client.status), _median_s(lambda: _predict(client))


def _predict(client: ControlClient) -> None:
    client.predict(ROWS, SAMPLES)


def _median_s(ask: Callable[[], object]) -> float:
    took = []
    for _ in range(CALLS):
        began = time.perf_counter()
        ask()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def _bytes_in(directory: Path) -> int:
    return sum(_size(path) for path in directory.rglob("*"))


def _size(path: Path) -> int:
    """0 for a file that is gone meanwhile."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:
        return 0
