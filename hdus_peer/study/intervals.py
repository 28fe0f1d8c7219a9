"""Means over random seeds, and how sure they are.

Sources: sample standard deviation (n-1); for a mean of paired differences Student's t interval. Few random seeds give
wide intervals, and that is what they are worth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Spread:
    """`deviation`: of the sample, None of a single value."""

    mean: float
    deviation: float | None


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean of paired differences; `half_width` of its 95 % interval, None of a single pair."""

    mean: float
    half_width: float | None


def spread(values: Sequence[float]) -> Spread:
    return Spread(fmean(values), stdev(values) if len(values) > 1 else None)


def paired(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Difference | None:
    """`ours` minus `theirs` over the random seeds that both have; None where there is none."""
    values = [ours[key] - theirs[key] for key in sorted(ours.keys() & theirs.keys())]
    if not values:
        return None
    return Difference(fmean(values), _half_width(values) if len(values) > 1 else None)


def _half_width(values: Sequence[float]) -> float:
    from scipy.special import stdtrit  # the quantile of Student's t

    quantile = float(stdtrit(len(values) - 1, 0.5 + CONFIDENCE / 2))
    return quantile * stdev(values) / sqrt(len(values))
