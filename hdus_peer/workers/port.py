"""The daemon's side of the two children: what it asks of the trainer and of the predictor.

Rule: neither torch nor onnxruntime is imported on this side; a child that dies is started again and its job goes on;
no plaintext of a seed crosses to this side.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.seed import SeedManifest
from hdus_peer.workers.job import TrainingJob


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """How far a job is. `stage`: "data", "main", "distil", "export", "seal"; `fraction` 0..1 of that stage."""

    stage: str
    fraction: float
    detail: str


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What a finished job left under `models/` (every path absolute, every file durable).

    `sealed` and `key`: the sealed seed and its key, to be adopted, if the job wanted them. `main`: ONNX of the main
    model. `templates`: ONNX per seed architecture. `evaluation`: an npz with x_local, y_local, x_global, y_global,
    x_holdout, y_holdout, x_reference (normalised float32 samples, int64 labels) and class_counts (own samples).
    `summary`: small public numbers for people."""

    architecture: str
    schema_sha256: str
    reference: str
    sealed: Path
    key: Path
    main: Path
    templates: dict[str, Path]
    evaluation: Path
    summary: dict[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which samples are meant. `samples`: a source, as `data.source` is written, whose samples are found by their
    content; `where`: conditions COLUMN OP VALUE (= != < <= > >=) joined by "and", where the column `label` is the
    class. "" for none; where both are given, samples that fit both."""

    samples: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True)
class Selected:
    """A list that was written: `name`, the SHA-256 (hex) of its content; `matched` of the `own` samples are in it,
    `by_class` of each class."""

    name: str
    matched: int
    own: int
    by_class: tuple[tuple[str, int], ...]


class Trainer(Protocol):
    async def run(self, job: TrainingJob, progress: Callable[[TrainingProgress], None]) -> TrainingResult:
        """Bring the job to its end: resumes where a killed one stopped; a finished one of the same fingerprint is
        answered at once. Raises what the child raised (DataError, ConfigurationError), WorkerError where it cannot be
        kept alive."""

    async def select(self, job: TrainingJob, selection: Selection, into: Path) -> Selected:
        """Write the list of those of the job's own samples that `selection` means, durably, as `into`/NAME; those
        forgotten before and the public ones (reference, global test) are none of them. Whoever does not use it removes
        it. A job that runs is not disturbed. Raises DataError or ConfigurationError where the selection cannot be
        understood, means nothing, or leaves too little to learn from; StorageError, WorkerError."""

    async def erase(self, job: TrainingJob, *, everything: bool = False) -> None:
        """End whatever runs, and return only when nothing in the job's directory depends on a sample that the job
        forgets; or on any own sample, where `everything` is to go. May be repeated. Raises StorageError,
        WorkerError."""

    async def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class SealedSeed:
    """A seed for the predictor: its manifest and where its two files lie."""

    manifest: SeedManifest
    payload: Path
    key: Path


@dataclass(frozen=True, slots=True)
class EnsembleState:
    """What answers now. `version` grows at every change; `rho`: the weight of the seeds in use, `rho_auto`: chosen for
    `objective` on own held-out data; `pending` is true while the main model answers alone because the graph with the
    seeds is being rebuilt and its ρ chosen."""

    version: int
    owners: tuple[PeerId, ...]
    rule: str
    rho: float
    pending: bool
    rho_auto: bool
    objective: str


@dataclass(frozen=True, slots=True)
class Prediction:
    """`alone` and `ensemble`: probabilities as rows of floats, (samples, classes)."""

    alone: list[list[float]]
    ensemble: list[list[float]]
    state: EnsembleState


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Accuracy in 0..1 on one test set, and the SHA-256 (hex) of the raw little-endian float32 bytes of the ensemble's
    logits (samples, classes) over it under `rule` with `rho`."""

    dataset: str
    rule: str
    rho: float
    samples: int
    accuracy_alone: float
    accuracy_ensemble: float
    logits_sha256: str
    state: EnsembleState = field(repr=False)


@dataclass(frozen=True, slots=True)
class Exported:
    """An ONNX file that was written: its size, and whose seeds it holds, as (owner, generation)."""

    size: int
    seeds: tuple[tuple[PeerId, int], ...]
    state: EnsembleState = field(repr=False)


class Predictor(Protocol):
    async def start(self, main: Path, templates: dict[str, Path], evaluation: Path) -> None:
        """Serve this main model (again after a retraining); the first call starts the child and its spare."""

    async def check(self, seed: SealedSeed) -> None:
        """Decrypt and verify (schema, finite values, bounds). Raises RefusedError with one word: "not-safetensors",
        "wrong-key", "wrong-schema", "not-finite", "unknown-architecture"."""

    async def use(self, seeds: Sequence[SealedSeed]) -> EnsembleState:
        """Rebuild the ensemble from exactly these seeds, in the order of PeerIds, with no gap in answering."""

    async def move_off(self, payloads: frozenset[str]) -> None:
        """See that the process that answers never touched these payloads (to check one is to touch it); the same
        seeds are served, with no gap in answering. After this nobody notices an `evict` of them. Raises as `use`."""

    async def evict(self, payloads: frozenset[str]) -> None:
        """Return only when no process can compute with these payloads: the process that holds one is killed and
        awaited, the spare answers (main model alone, flagged) until `use` is done."""

    async def retire(self) -> None:
        """Return only when no process holds the main model; nothing answers until the next `start`."""

    async def predict(self, rows: bytes, samples: int) -> Prediction:
        """`rows`: normalised little-endian float32 samples. Waits for a spare, never fails because of an eviction."""

    async def evaluate(self, dataset: str, rule: str) -> Evaluation:
        """`dataset`: "local", "global" or "holdout"; `rule`: "" for the configured one."""

    async def export(self, place: Path, facts: Mapping[str, str], *, with_seeds: bool) -> Exported:
        """Write what answers now as one ONNX file to `place` (replaced where it exists), with the seeds or without,
        and `facts` as its metadata. Raises WorkerError where seeds are wanted and none are in use, StorageError. What
        was not reported as done may be there in part: the caller removes it."""

    @property
    def state(self) -> EnsembleState: ...

    async def stop(self) -> None: ...
