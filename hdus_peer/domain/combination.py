"""How a main model and the seeds of others become one answer: the names of the rules and objectives, said once.

What a rule computes is in `inference.rules`, what an objective prefers in `inference.choice`; configuration, workers
and the demo need their names alone.
"""

from dataclasses import dataclass
from typing import Literal, get_args

RuleName = Literal["logit-mean", "prob-mean", "entropy", "median", "trimmed-mean"]
Objective = Literal["local", "global"]
Rho = float | Literal["auto"]
"""The weight of the seeds, 0..1; "auto": chosen on the peer's own held-out data at every change of the seeds."""

RULES: tuple[str, ...] = get_args(RuleName)
OBJECTIVES: tuple[str, ...] = get_args(Objective)


@dataclass(frozen=True, slots=True)
class Combination:
    """What the operator wants. `objective` decides only where `rho` is "auto"."""

    rule: str
    rho: Rho
    objective: str = "local"

    @property
    def is_auto(self) -> bool:
        return self.rho == "auto"
