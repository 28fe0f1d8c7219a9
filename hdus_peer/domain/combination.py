"""How a main model and the seeds of others become one answer: the names of the rules and objectives, said once.

What a rule computes is in `inference.rules`, what an objective prefers in `inference.choice`; configuration, workers
and the demo need their names alone.
"""

from dataclasses import dataclass
from typing import Literal, get_args

RuleName = Literal["logit-mean", "prob-mean", "entropy", "median", "trimmed-mean", "opinion-pool"]
Objective = Literal["local", "global"]
Rho = float | Literal["auto"]
"""The weight of the seeds, 0..1; "auto": chosen on the peer's own held-out data at every change of the seeds."""

RULES: tuple[str, ...] = get_args(RuleName)
OBJECTIVES: tuple[str, ...] = get_args(Objective)
LEARNED = "opinion-pool"
"""The rule that has weights of its own to learn (see `inference.opinions`)."""


@dataclass(frozen=True, slots=True)
class Combination:
    """What the operator wants. `objective` decides only where something `is_learned`."""

    rule: str
    rho: Rho
    objective: str = "local"

    @property
    def is_auto(self) -> bool:
        return self.rho == "auto"

    @property
    def is_learned(self) -> bool:
        """Whether something of it follows from data and from the seeds that are held: ρ, or the rule's own weights."""
        return self.is_auto or self.rule == LEARNED
