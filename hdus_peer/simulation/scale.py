"""How the protocol scales: one run of a crowd for each number of peers, and what it cost.

Rules
1. All that is told of the protocol (`Figures`) follows from the seed and the number of peers alone; what a run cost
   this machine (`Cost`) is measured beside it, and decides nothing.
2. The first violation ends it.
"""

import gc
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from hdus_peer.simulation.crowd import Crowd, Figures, Tell
from hdus_peer.simulation.evidence import Violation

KIB = 1024

T = TypeVar("T")


@dataclass(slots=True)
class Cost:
    """`wall_s`: seconds by the wall clock of each phase, by name. `memory_bytes`: the most that the process has held so
    far, earlier runs included."""

    wall_s: dict[str, float] = field(default_factory=dict)
    memory_bytes: int = 0

    @property
    def total_s(self) -> float:
        return sum(self.wall_s.values())

    @property
    def until_left_s(self) -> float:
        """Until the certificate was complete, and everybody knew."""
        return sum(self.wall_s.get(phase, 0.0) for phase in ("making", "join", "leave"))


@dataclass(frozen=True, slots=True)
class Report:
    """One run: the figures as far as it came, and what did not hold in it."""

    figures: Figures
    cost: Cost
    violation: Violation | None

    @property
    def events_per_s(self) -> float:
        return self.figures.events / self.cost.total_s


def run(sizes: Sequence[int], seed: int, tell: Tell) -> list[Report]:
    """Measure a crowd of each size, the smallest first, up to the first violation."""
    reports: list[Report] = []
    for peers in sorted(sizes):
        reports.append(measure(peers, seed, tell))
        if reports[-1].violation is not None:
            break
    return reports


def measure(peers: int, seed: int, tell: Tell) -> Report:
    """One run to its end, or to what does not hold. Nothing of it is in a cycle, so that to look for cycles in millions
    of objects would find nothing."""
    is_collecting = gc.isenabled()
    gc.disable()
    try:
        return _measured(peers, seed, tell)
    finally:
        if is_collecting:
            gc.enable()


def _measured(peers: int, seed: int, tell: Tell) -> Report:
    cost = Cost()
    crowd = _timed("making", cost, lambda: Crowd(peers, seed, tell))
    violation: Violation | None = None
    try:
        for phase in (crowd.join, crowd.leave, crowd.settle, crowd.rest):
            _timed(phase.__name__, cost, phase)
    except Violation as found:
        violation = found
    crowd.close()
    cost.memory_bytes = _most_memory_bytes()
    return Report(crowd.figures, cost, violation)


def _timed(phase: str, cost: Cost, action: Callable[[], T]) -> T:
    start_s = time.perf_counter()
    try:
        return action()
    finally:
        cost.wall_s[phase] = time.perf_counter() - start_s


def _most_memory_bytes() -> int:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * KIB
