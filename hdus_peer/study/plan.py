"""What a study does: a TOML file, checked and bounded before anything is computed.

Rules
1. A plan says everything that changes a result, but for the device; its hash stands in every row. What does not change
   one (where the data lie, how many processes) is not in it.
2. A plan is written in full size; `scale` shortens its schedules and samples, and is named wherever results are.
"""

import hashlib
import json
import math
import re
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from hdus_peer.domain.combination import Objective, RuleName
from hdus_peer.workers.job import Distillation, Schedule

PEERS_MAX = 1000
OWN = "own"


def _of_form(pattern: str, said: str) -> AfterValidator:
    """Texts that match; `said` in the sentence about those that do not."""

    def check(text: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise ValueError(said)
        return text

    return AfterValidator(check)


Architecture = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
Partition = Annotated[
    str,
    _of_form(
        r"drop-class|iid|dirichlet:[0-9]{1,6}(\.[0-9]{1,9})?|by:[A-Za-z0-9_]{1,40}",
        "drop-class, iid, dirichlet:ALPHA or by:COLUMN",
    ),
]
Samples = Annotated[int, Field(ge=0, le=10_000_000)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Rate = Annotated[float, Field(gt=0, le=10)]
Temperature = Annotated[float, Field(gt=0, le=1000)]
Step = Annotated[str, _of_form(r"(leave|join|forget) [0-9]{1,4}", '"leave N", "join N" or "forget N"')]
Weight = Annotated[Literal["auto"] | Annotated[float, Field(ge=0, le=1)], Field(description='0 to 1, or "auto"')]


def _once_each(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) != len(values):
        raise ValueError("every value once")
    return values


T = TypeVar("T")
Several = Annotated[tuple[T, ...], Field(min_length=1, max_length=1000), AfterValidator(_once_each)]


class Section(BaseModel):
    """A part of a plan."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)


class DataSection(Section):
    """`task`: a preset or a file; `source`, `reference`: see `learning.sources`, a file's path within the data
    directory; `groups`: a file there with an array for a partition by:ARRAY; `samples` of each peer, its tests included
    (0: all), and of the common parts."""

    task: str
    source: str
    reference: str = ""
    groups: str = ""
    samples: Samples = 0
    reference_samples: Samples = 0
    test_samples: Samples = 0


class ScheduleSection(Section):
    """Of every main model, and of the same length for the systems that train together."""

    epochs: Count
    batch: Annotated[int, Field(ge=2, le=65_536)]
    learning_rate: Rate = 0.01
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.0
    patience: Annotated[int, Field(ge=0, le=1_000_000)] = 0  # 0: no early stopping


class DistillationSection(Section):
    """Of every seed."""

    steps: Count
    batch: Annotated[int, Field(ge=2, le=65_536)]
    learning_rate: Rate = 0.01
    shift: Annotated[int, Field(ge=0, le=4)] = 0  # pixels, see `learning.shifts`


class SystemSection(Section):
    """`mains`: the architectures to run it with; "own": each peer its own, as `mains` of the plan says."""

    mains: Several[Architecture] = (OWN,)


class HdusSection(SystemSection):
    """Every temperature is a seed of its own; every rule, ρ and (for "auto") objective is tried on it."""

    temperatures: Several[Temperature] = (3.0,)
    rules: Several[RuleName] = ("opinion-pool",)
    rho: Several[Weight] = ("auto",)
    objectives: Several[Objective] = ("local",)


class SisaSection(SystemSection):
    """`slices` of each peer's samples, whose states are kept (see `learning.sisa`)."""

    slices: Annotated[int, Field(ge=1, le=100)] = 1


class SharedSection(SystemSection):
    """A system that shares parameters needs one architecture for all. `optimizer` of each peer; `learning_rate` 0: the
    schedule's. (D-PSGD and FedAvg were made for plain SGD; the saved runs of the paper's authors used Adam.)"""

    optimizer: Literal["adam", "sgd"] = "adam"
    learning_rate: Annotated[float, Field(ge=0, le=10)] = 0.0

    @model_validator(mode="after")
    def _same_for_all(self) -> Self:
        if OWN in self.mains:
            raise ValueError('architectures by name, not "own": peers that share parameters share the architecture')
        return self


class FedUnlSection(SharedSection):
    """`join_rounds`: how long a newcomer takes part before it is measured."""

    local_epochs: Count = 3
    repair_steps: Count = 400
    repair_temperature: Temperature = 5.0
    repair_batch: Annotated[int, Field(ge=2, le=65_536)] = 32
    repair_learning_rate: Rate = 0.01
    join_rounds: Count = 1


class DsgdSection(SharedSection):
    """`gamma`: the weight of the neighbours' mean; `join_epochs`: as `join_rounds`."""

    gamma: Annotated[float, Field(gt=0, le=1)] = 0.9
    join_epochs: Count = 1


class SystemsSection(Section):
    """The systems side by side; those that are named run."""

    isgd: SystemSection | None = None
    hdus: HdusSection | None = None
    sisa_a: SisaSection | None = None
    fedunl: FedUnlSection | None = None
    dsgd: DsgdSection | None = None


class Plan(Section):
    """A whole study. `sequence`: steps after everybody was measured together: "leave N", "join N", and
    "forget N" (a tenth of that peer's training samples, where the system can)."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$", description="lower-case letters, digits, '-'")]
    data: DataSection
    partitions: Several[Partition]
    peers: Annotated[int, Field(ge=1, le=PEERS_MAX)]
    mains: Annotated[tuple[Architecture, ...], Field(min_length=1, max_length=PEERS_MAX)]
    seed_model: Architecture
    random_seeds: Several[Annotated[int, Field(ge=0, le=2**31)]]
    schedule: ScheduleSection
    distillation: DistillationSection
    systems: SystemsSection
    sequence: Annotated[tuple[Step, ...], Field(max_length=100)] = ()
    threads: Annotated[int, Field(ge=1, le=256)] = 1
    scale: Annotated[float, Field(gt=0, le=1)] = 1.0

    @model_validator(mode="after")
    def _sequence_is_possible(self) -> Self:
        present = set(range(self.peers))
        for action, peer in self.steps:
            if peer not in range(self.peers) or (action == "join") == (peer in present):
                raise ValueError(f"sequence: {action} {peer} is not possible there, with the peers {sorted(present)}")
            present ^= {peer} if action != "forget" else set()
            if not present:
                raise ValueError(f"sequence: nobody is left after {action} {peer}")
        return self

    @property
    def steps(self) -> tuple[tuple[str, int], ...]:
        """The sequence as (action, peer)."""
        return tuple((action, int(peer)) for action, peer in (step.split() for step in self.sequence))

    @property
    def sha256(self) -> str:
        """Of the canonical JSON of everything, the scale included. What came later is left out where it says nothing,
        so that a plan stays the same one."""
        fields = self.model_dump(mode="json")
        if not self.distillation.shift:
            del fields["distillation"]["shift"]
        plain = json.dumps(fields, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(plain.encode()).hexdigest()

    def main_of(self, peer: int) -> str:
        """The architecture of a peer's own main model; the list goes round."""
        return self.mains[peer % len(self.mains)]

    def samples(self, full: int) -> int:
        """So many at this scale; 0, all, stays all where nothing is shortened."""
        return self._scaled(full) if full else 0

    def schedule_of_main(self) -> Schedule:
        plan, epochs = self.schedule, self._scaled(self.schedule.epochs)
        return Schedule(epochs, plan.batch, plan.learning_rate, plan.weight_decay, plan.patience or epochs)

    def distillation_at(self, temperature: float) -> Distillation:
        plan = self.distillation
        return Distillation(temperature, self._scaled(plan.steps), plan.batch, plan.learning_rate, plan.shift)

    def repair(self, plan: FedUnlSection) -> Distillation:
        steps = self._scaled(plan.repair_steps)
        return Distillation(plan.repair_temperature, steps, plan.repair_batch, plan.repair_learning_rate)

    def _scaled(self, full: int) -> int:
        return max(1, math.ceil(full * self.scale))
