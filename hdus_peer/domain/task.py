"""What a network learns: classes, shape, normalisation, and the seed architectures that may be exchanged.

Rules
1. A task is made with the network and travels in the credentials; it is never inferred from a peer's data. That holds
   for the columns of a table, too: which they are, their order, what they may hold, and how they are standardised.
2. Two peers exchange seeds only when their fingerprints are equal. What a task does not have is not part of its
   fingerprint: a task without features has the fingerprint that it had before there were any.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum

from hdus_peer.domain.seed import Parameter


class FeatureType(StrEnum):
    """What the cells of a column are."""

    NUMBER = "number"
    BOOLEAN = "boolean"
    CATEGORY = "category"


class Encoding(StrEnum):
    """What a category becomes: one value of 0 or 1 for each of its values, or the position of its value."""

    ONE_HOT = "one-hot"
    INDEX = "index"


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of a table that the models see. `values`: those of a category, in order; empty for the others."""

    name: str
    type: FeatureType
    values: tuple[str, ...] = ()
    encoding: Encoding = Encoding.INDEX

    @property
    def width(self) -> int:
        """How many numbers of a sample it becomes."""
        is_spread = self.type is FeatureType.CATEGORY and self.encoding is Encoding.ONE_HOT
        return len(self.values) if is_spread else 1


@dataclass(frozen=True, slots=True)
class Task:
    """`shape`: of one sample as the models see it, channels first, for example (1, 28, 28). A raw sample x becomes
    (x / scale - mean) / std, per channel. `seed_architectures`: names in the registry of `learning.architectures`.
    `features`: the columns that make up a sample, in order, if samples are rows of a table; `shape` is their width."""

    name: str
    classes: tuple[str, ...]
    shape: tuple[int, ...]
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    seed_architectures: tuple[str, ...]
    features: tuple[Feature, ...] = ()

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the canonical JSON of the fields above (sorted keys, no spaces, shortest floats), without
        `features` where there are none."""
        fields = dataclasses.asdict(self)
        if not self.features:
            del fields["features"]
        plain = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(plain.encode("ascii")).hexdigest()

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters that every seed manifest of this task carries."""
        axes = ("channels", "height", "width")[: len(self.shape)]
        shape = tuple(Parameter(name, size) for name, size in zip(axes, self.shape, strict=True))
        return (*shape, Parameter("classes", len(self.classes)))
