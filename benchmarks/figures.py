"""Medians, quantiles and intervals of what was measured in turns. Pure, and the same figures for the same samples."""

import random
from collections.abc import Callable, Sequence
from statistics import median

RESAMPLES = 2000
CONFIDENCE = 0.95


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0..1) of `values` lie, interpolated."""
    ordered = sorted(values)
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


def ratios(measured: Sequence[float], baseline: Sequence[float]) -> list[float]:
    """Each measurement divided by the baseline taken beside it."""
    return [one / other for one, other in zip(measured, baseline, strict=True)]


def interval(
    values: Sequence[float], figure: Callable[[Sequence[float]], float] = median, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Within which `figure` of the population lies, by the percentile bootstrap (Efron 1979)."""
    draw = random.Random(0)
    found = [figure(draw.choices(values, k=len(values))) for _ in range(RESAMPLES)]
    tail = (1.0 - confidence) / 2.0
    return quantile(found, tail), quantile(found, 1.0 - tail)


def uncovered(lags: Sequence[float], period: float) -> list[float]:
    """`lags` of a timer of `period`, and those of every tick that one long lag swallowed: otherwise a standstill of a
    second would count as one late tick among thousands (coordinated omission)."""
    found: list[float] = []
    for lag in lags:
        found.append(lag)
        swallowed = lag - period
        while swallowed > 0:
            found.append(swallowed)
            swallowed -= period
    return found
