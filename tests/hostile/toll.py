"""What an attack costs its victim: memory, disk, and how much longer its owner waits.

Memory is the *peak* of the daemon's resident size between two looks, as the kernel counts it (Linux), so that nothing
is missed between samples. Waiting is a ratio of medians: while it is attacked, and while it was left alone.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hdus_peer.control.client import ControlClient
from tests.hostile.resident import PEAK, reset_peak, resident
from tests.integration.asking import ROWS, SAMPLES
from tests.integration.peers import Peer

CALLS = 15


@dataclass(eq=False, slots=True)
class Toll:
    """`rss_growth`: from before the attack to its peak; `disk_growth`: of the state directory, at the end; `status` and
    `predict`: how many times longer the median answer took than before. Bytes and ratios."""

    rss_growth: int = 0
    disk_growth: int = 0
    status: float = 0.0
    predict: float = 0.0


class Watcher:
    """Looks at one victim; `quiet` is how long its answers take while nobody attacks."""

    def __init__(self, victim: Peer) -> None:
        self._victim = victim
        self._quiet = self._answers()

    @contextmanager
    def measuring(self) -> Iterator[Toll]:
        """Around an attack that is still going on when the block ends; the toll is known then."""
        toll = Toll()
        daemon, disk = self._victim.process.pid, self._disk()
        before = reset_peak(daemon)
        yield toll
        status, predict = self._answers()
        toll.status, toll.predict = status / self._quiet[0], predict / self._quiet[1]
        toll.rss_growth = resident(daemon, PEAK) - before
        toll.disk_growth = self._disk() - disk

    def _disk(self) -> int:
        sizes = (_size(path) for path in self._victim.state.rglob("*"))
        return sum(sizes)

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


def _size(path: Path) -> int:
    """0 for a file that is gone meanwhile."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:
        return 0
