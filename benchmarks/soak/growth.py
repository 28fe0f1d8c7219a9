"""Does it grow? One common slope through all long lives of a role, each with a level of its own.

Least squares with a level for each life (the *within* estimator of panel data): slope = Σ(t-t̄)(y-ȳ) / Σ(t-t̄)², where
the means are those of the life. Its error is that of the lives' own slopes among one another (clusters: the samples of
one life are not independent). The beginning of a life does not count (`warm_up_s`): a process that fills its caches,
its ring of log entries and its write-ahead log for the first time is not leaking.

Rule: what grows by more than its bound, beyond twice its error, fails. What is within its error is no growth; what is
told then is the error, so that a short soak does not claim more than it saw.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.soak.samples import MEASURES, SIZES, Sample

WARM_UP_MIN_S, WARM_UP_MAX_S, WARM_UP_SHARE = 180.0, 900.0, 1 / 3
LIFE_MIN_S = 300.0
HOUR_S = 3600.0
MIB = 1 << 20
BOUNDS = {"rss_bytes": 4.0 * MIB, "descriptors": 4.0, "threads": 2.0}
"""Growth per hour of one process that is still no growth: over a week, less than another such process."""


@dataclass(frozen=True, slots=True)
class Trend:
    """`per_hour` ± `error` (one standard error; NaN where a single life tells nothing of it) over `lives` lives.
    `bound` is None where the figure grows with what happened, and is told only."""

    role: str
    measure: str
    lives: int
    first: float
    last: float
    per_hour: float
    error: float
    bound: float | None

    @property
    def is_growing(self) -> bool:
        error = 0.0 if math.isnan(self.error) else self.error
        return self.bound is not None and self.per_hour - 2 * error > self.bound


Line = list[tuple[float, float]]


def warm_up_s(soak_s: float) -> float:
    """How much of each life does not count, in a soak of `soak_s`."""
    return max(WARM_UP_MIN_S, min(WARM_UP_MAX_S, soak_s * WARM_UP_SHARE))


def trends(samples: Sequence[Sample]) -> list[Trend]:
    """For every role and figure with at least one life that is long enough after its warming up."""
    found, cold_s = [], warm_up_s(max((sample.at_s for sample in samples), default=0.0))
    for role in sorted({sample.role for sample in samples}):
        for measure in (*MEASURES, *(SIZES if role == "daemon" else ())):
            lives = [_warm(life, cold_s) for life in _lives(samples, role, measure)]
            long = [life for life in lives if life and life[-1][0] - life[0][0] >= LIFE_MIN_S]
            if long:
                found.append(_trend(role, measure, long))
    return found


def _lives(samples: Iterable[Sample], role: str, measure: str) -> list[Line]:
    lives: dict[tuple[str, int, float], Line] = defaultdict(list)
    for sample in samples:
        if sample.role == role:
            lives[sample.life].append((sample.at_s, float(getattr(sample, measure))))
    return list(lives.values())


def _warm(life: Line, cold_s: float) -> Line:
    return [point for point in life if point[0] >= life[0][0] + cold_s]


def _trend(role: str, measure: str, lives: Sequence[Line]) -> Trend:
    parts = [_moments(life) for life in lives]
    spread = sum(part[1] for part in parts)
    slope = sum(part[0] for part in parts) / spread
    clusters = sum((both - slope * within) ** 2 for both, within in parts)
    many = len(parts) / (len(parts) - 1) if len(parts) > 1 else math.nan
    error = math.sqrt(many * clusters) / spread if len(parts) > 1 else math.nan
    first = sum(life[0][1] for life in lives) / len(lives)
    last = sum(life[-1][1] for life in lives) / len(lives)
    return Trend(role, measure, len(lives), first, last, slope * HOUR_S, error * HOUR_S, BOUNDS.get(measure))


def _moments(life: Line) -> tuple[float, float]:
    """Σ(t-t̄)(y-ȳ) and Σ(t-t̄)² of one life."""
    middle_t = sum(t for t, _ in life) / len(life)
    middle_y = sum(y for _, y in life) / len(life)
    return sum((t - middle_t) * (y - middle_y) for t, y in life), sum((t - middle_t) ** 2 for t, _ in life)
