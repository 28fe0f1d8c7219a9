"""One measured figure beside its goal, as a value: what every benchmark returns and the report shows."""

import math
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Row:
    """`letter`: of the goal in the list of goals; `goal`: the most that `measured` may be (None: told for comparison);
    `unit`: "" for a ratio; `how`: what was divided by what; `details`: further figures, their unit last in the name."""

    letter: str
    name: str
    measured: float
    unit: str
    goal: float | None
    how: str
    details: dict[str, float] = field(default_factory=dict)

    @property
    def is_met(self) -> bool | None:
        """None where there is no goal. A figure that is no number is never met."""
        if self.goal is None:
            return None
        return not math.isnan(self.measured) and self.measured <= self.goal


def in_unit(value: float, unit: str) -> str:
    """`value` for people, with three significant digits."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:.{digits}f}{' ' + unit if unit else ''}"
