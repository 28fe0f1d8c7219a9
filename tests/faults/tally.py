"""What happened in a run of these tests, counted over all of them, for its last lines."""

from collections import Counter

counts: Counter[str] = Counter()
slowest_s: dict[str, float] = {}


def count(what: str) -> None:
    counts[what] += 1


def took(what: str, seconds: float) -> None:
    """Only the longest is told."""
    slowest_s[what] = max(seconds, slowest_s.get(what, 0.0))


def lines() -> list[str]:
    told = [f"{what}: {number}" for what, number in sorted(counts.items())]
    return told + [f"{what}, the slowest: {seconds:.1f} s" for what, seconds in sorted(slowest_s.items())]
