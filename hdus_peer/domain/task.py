"""What a network learns: classes, shape, normalisation, and the seed architectures that may be exchanged.

Rule: a task is made with the network and travels in the credentials; it is never inferred from a peer's data.
Two peers exchange seeds only when their fingerprints are equal.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass

from hdus_peer.domain.seed import Parameter


@dataclass(frozen=True, slots=True)
class Task:
    """`shape`: of one sample as the models see it, channels first, for example (1, 28, 28). A raw sample x becomes
    (x / scale - mean) / std, per channel. `seed_architectures`: names in the registry of `learning.architectures`."""

    name: str
    classes: tuple[str, ...]
    shape: tuple[int, ...]
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    seed_architectures: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the canonical JSON of the fields above (sorted keys, no spaces, shortest floats)."""
        plain = json.dumps(dataclasses.asdict(self), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(plain.encode("ascii")).hexdigest()

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters that every seed manifest of this task carries."""
        axes = ("channels", "height", "width")[: len(self.shape)]
        shape = tuple(Parameter(name, size) for name, size in zip(axes, self.shape, strict=True))
        return (*shape, Parameter("classes", len(self.classes)))
