"""What the trainer child is asked to do: one frozen value, written as JSON beside the models.

Rule: everything that changes the bits of a model is in here (architecture, data, seeds, threads, device, schedule), so
that its fingerprint decides whether a finished result may be used again and a checkpoint resumed.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.task import Encoding, Feature, FeatureType, Task


@dataclass(frozen=True, slots=True)
class Schedule:
    """Training of the main model: Adam, cosine learning rate, early stopping on own held-out data."""

    epochs_max: int
    batch: int
    learning_rate: float
    weight_decay: float
    patience: int


@dataclass(frozen=True, slots=True)
class Distillation:
    """Distilling the seed: KL at `temperature` (times its square), Adam, `steps` batches of reference samples; pictures
    are moved by up to `shift` pixels, see `learning.shifts`."""

    temperature: float
    steps: int
    batch: int
    learning_rate: float
    shift: int = 0


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """`directory`: where models, checkpoints and results go. `data`, `reference`, `test`: sources (see
    `learning.sources`); `shard`: see `learning.shards`; `main`: an architecture's name, or package.module:factory;
    `samples`, `reference_samples`, `test_samples`: at most so many (0: all). `job_epoch` names the data as it is now;
    `seal`: the seed is wanted in its sealed form (it is not, where it was published already). `shards`, `slices`: how
    the training is divided, so that forgetting repeats less of it (see `learning.sisa`). `forgotten`: the lists of own
    samples that are left out, each called by its SHA-256 (hex), in `forgotten_in` (see `learning.forgotten`)."""

    directory: Path
    owner: PeerId
    job_epoch: int
    seal: bool
    task: Task
    data: str
    shard: str
    samples: int
    reference: str
    reference_samples: int
    test: str
    test_samples: int
    main: str
    seed: str
    random_seed: int
    threads: int
    device: str
    schedule: Schedule
    distillation: Distillation
    shards: int = 1
    slices: int = 1
    forgotten: tuple[str, ...] = ()
    forgotten_in: Path = Path("forgotten")

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of everything but the directories and what is done with the result. What came later is left out
        where it says nothing, so that a finished job stays the same one."""
        fields = dataclasses.asdict(self)
        del fields["directory"], fields["forgotten_in"], fields["seal"]
        for name, nothing in (("shards", 1), ("slices", 1), ("forgotten", ())):
            if fields[name] == nothing:
                del fields[name]
        if not self.task.features:
            del fields["task"]["features"]  # as in the task's own fingerprint
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()

    def to_json(self) -> str:
        paths = {"directory": str(self.directory), "forgotten_in": str(self.forgotten_in)}
        return json.dumps({**dataclasses.asdict(self), **paths}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> "TrainingJob":
        """The inverse of `to_json`; the file is made by the daemon, so a wrong one is our own bug."""
        fields = json.loads(text)
        task = _tuples(fields["task"])
        fields["task"] = Task(**task | {"features": tuple(_feature(feature) for feature in task["features"])})
        fields["directory"], fields["forgotten_in"] = Path(fields["directory"]), Path(fields["forgotten_in"])
        fields["forgotten"] = tuple(fields["forgotten"])
        fields["schedule"] = Schedule(**fields["schedule"])
        fields["distillation"] = Distillation(**fields["distillation"])
        return cls(**fields)


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}


def _feature(fields: dict[str, Any]) -> Feature:
    kinds = {"type": FeatureType(fields["type"]), "encoding": Encoding(fields["encoding"])}
    return Feature(**_tuples(fields) | kinds)
