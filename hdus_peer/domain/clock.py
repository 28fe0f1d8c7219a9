"""Time as an argument. Nothing in `domain` or `protocol` reads a clock; whoever drives them passes an `Instant`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Instant:
    """`boot_s`: seconds of a clock that never jumps and counts suspend (CLOCK_BOOTTIME); all durations and deadlines
    are differences of it. `wall_s`: Unix seconds, which may jump; only for dates that others read."""

    boot_s: float
    wall_s: float

    @property
    def unix_s(self) -> int:
        return max(0, int(self.wall_s))
