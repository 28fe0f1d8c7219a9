"""Predictor and trainer without processes or models: the same contracts, for tests of the daemon and simulations.

What they keep of the real ones: who is refused and why, what answers when, and that an answer is a function of the main
model and the seeds held, in whatever order they came. A "model" here is the hash of its file, and its logits for a
sample are a hash of both: meaningless and reproducible.

Absent on purpose: learning anything; a template's schema (a seed is compared with its manifest alone).
"""

import hashlib
import json
import math
import struct
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hdus_peer.domain.combination import RULES, Combination
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.sealed import KEY_BYTES, schema_digest, seal, unseal
from hdus_peer.domain.task import Task
from hdus_peer.durable import destroy_durably, write_durably
from hdus_peer.errors import (
    ConfigurationError,
    DataError,
    ForgedError,
    MalformedError,
    RefusedError,
    StorageError,
    WorkerError,
)
from hdus_peer.workers.job import TrainingJob
from hdus_peer.workers.port import (
    EnsembleState,
    Evaluation,
    Exported,
    Prediction,
    SealedSeed,
    Selected,
    Selection,
    TrainingProgress,
    TrainingResult,
)

DEFAULT = Combination("logit-mean", 0.3)
DATASETS = ("local", "global", "holdout")
EVALUATION_SAMPLES = 32
OWN_SAMPLES = 30
REST_MIN = 5

Row = list[float]


class MemoryPredictor:
    """Implements `port.Predictor`; `classes` is the width of its answers."""

    def __init__(self, combination: Combination = DEFAULT, classes: int = 3) -> None:
        self._combination = combination
        self._classes = classes
        rho, is_auto, objective = self._rho(()), combination.is_auto, combination.objective
        self._state = EnsembleState(0, (), combination.rule, rho, True, is_auto, objective)
        self._main: bytes | None = None
        self._architectures: frozenset[str] = frozenset()
        self._seeds: tuple[SealedSeed, ...] = ()
        self._stopped = False

    @property
    def state(self) -> EnsembleState:
        return self._state

    async def start(self, main: Path, templates: dict[str, Path], evaluation: Path) -> None:
        is_in_between = self._main is not None and self._state.pending
        self._main = hashlib.sha256(main.read_bytes()).digest()
        self._architectures = frozenset(templates)
        self._serve(self._seeds, pending=is_in_between)

    async def check(self, seed: SealedSeed) -> None:
        if seed.manifest.architecture not in self._architectures:
            raise RefusedError("unknown-architecture")
        _check_plaintext(_plaintext(seed), seed.manifest.schema_sha256)

    async def use(self, seeds: Sequence[SealedSeed]) -> EnsembleState:
        self._living()
        ordered = tuple(sorted(seeds, key=lambda seed: seed.manifest.owner))
        if self._state.pending or ordered != self._seeds:
            self._serve(ordered, pending=False)
        return self._state

    async def move_off(self, payloads: frozenset[str]) -> None:
        """There are no processes: only what is used can be evicted."""

    async def evict(self, payloads: frozenset[str]) -> None:
        if payloads & {seed.manifest.payload_sha256 for seed in self._seeds}:
            self._serve((), pending=True)

    async def retire(self) -> None:
        self._main = None
        self._serve((), pending=True)

    async def predict(self, rows: bytes, samples: int) -> Prediction:
        self._living()
        size = len(rows) // max(samples, 1)
        if samples < 1 or not size or size * samples != len(rows) or size % 4:
            raise DataError(f"{len(rows)} bytes are not {samples} samples; resize them")
        pairs = [self._logits(rows[start : start + size], self._state.rule) for start in range(0, len(rows), size)]
        alone, ensemble = [_softmax(row) for row, _ in pairs], [_softmax(row) for _, row in pairs]
        return Prediction(alone, ensemble, self._state)

    async def evaluate(self, dataset: str, rule: str) -> Evaluation:
        self._living()
        if dataset not in DATASETS:
            raise DataError(f"no data set is called {dataset!r}; choose one of {', '.join(DATASETS)}")
        if rule and rule not in RULES:
            raise ConfigurationError(f"no combination rule is called {rule!r}; choose one of {', '.join(RULES)}")
        rule = rule or self._state.rule
        pairs = [self._logits(f"{dataset}{index}".encode(), rule) for index in range(EVALUATION_SAMPLES)]
        digest = hashlib.sha256(b"".join(struct.pack(f"<{self._classes}f", *row) for _, row in pairs)).hexdigest()
        right_alone = sum(alone.index(max(alone)) == 0 for alone, _ in pairs)
        right = sum(row.index(max(row)) == 0 for _, row in pairs)
        return Evaluation(
            dataset,
            rule,
            self._state.rho,
            EVALUATION_SAMPLES,
            right_alone / EVALUATION_SAMPLES,
            right / EVALUATION_SAMPLES,
            digest,
            self._state,
        )

    async def export(self, place: Path, facts: Mapping[str, str], *, with_seeds: bool) -> Exported:
        model = self._living()
        seeds = self._seeds if with_seeds else ()
        if with_seeds and not seeds:
            raise WorkerError("no seeds are in use, so there is no ensemble to export: leave out --with-seeds, or wait")
        inside = tuple((seed.manifest.owner, seed.manifest.generation) for seed in seeds)
        content = json.dumps({**facts, "main": model.hex(), "seeds": inside}).encode()
        try:
            place.write_bytes(content)
        except OSError as problem:
            raise StorageError(f"{place} cannot be written; choose another place") from problem
        return Exported(len(content), inside, self._state)

    async def stop(self) -> None:
        self._stopped = True

    def _serve(self, seeds: tuple[SealedSeed, ...], pending: bool) -> None:
        self._seeds = seeds
        owners = tuple(seed.manifest.owner for seed in seeds)
        version, rho = self._state.version + 1, self._rho(seeds)
        self._state = replace(self._state, version=version, owners=owners, pending=pending, rho=rho)

    def _rho(self, seeds: tuple[SealedSeed, ...]) -> float:
        """A chosen one is some function of the main model and of the seeds in use, as a real one is."""
        if self._combination.rho != "auto":
            return self._combination.rho
        named = b"".join(seed.manifest.payload_sha256.encode() for seed in seeds)
        return hashlib.sha256((self._main or b"") + named).digest()[0] % 11 / 10 if seeds else 0.0

    def _living(self) -> bytes:
        if self._stopped:
            raise WorkerError("the predictor was stopped")
        if self._main is None:
            raise WorkerError("there is no model yet; wait until the first training is done")
        return self._main

    def _logits(self, row: bytes, rule: str) -> tuple[Row, Row]:
        """One sample's logits, alone and ensemble."""
        alone = self._member(self._living(), row)
        if not self._seeds:
            return alone, alone
        seeds = [self._member(seed.manifest.payload_sha256.encode() + rule.encode(), row) for seed in self._seeds]
        means = [math.fsum(column) / len(seeds) for column in zip(*seeds, strict=True)]
        rho = self._state.rho
        return alone, [(1 - rho) * own + rho * mean for own, mean in zip(alone, means, strict=True)]

    def _member(self, model: bytes, row: bytes) -> Row:
        digests = (hashlib.sha256(b"%d " % index + model + row).digest() for index in range(self._classes))
        return [int.from_bytes(digest[:4], "big") / 2**31 for digest in digests]


class MemoryTrainer:
    """Implements `port.Trainer`: each job's result is made of a few numbers that depend on owner and job. Its samples
    are numbers, their classes going round."""

    def __init__(self, directory: Path, owner: PeerId, task: Task) -> None:
        self._directory = directory
        self._owner = owner
        self._task = task
        self._stopped = False

    async def run(self, job: TrainingJob, progress: Callable[[TrainingProgress], None]) -> TrainingResult:
        self._living()
        self._forgotten(job)
        for stage in ("data", "main", "distil", "export", "seal"):
            progress(TrainingProgress(stage, 1.0, ""))
        source = hashlib.sha256(f"{self._owner} {job.fingerprint}".encode()).digest()
        return self._result(source)

    async def select(self, job: TrainingJob, selection: Selection, into: Path) -> Selected:
        self._living()
        own = [number for number in range(OWN_SAMPLES) if _digest(number) not in self._forgotten(job)]
        chosen = [number for number in own if self._is_meant(selection, number)]
        if not chosen:
            raise DataError(f"the selection matches none of your {len(own)} samples; choose others")
        if len(own) - len(chosen) < REST_MIN:
            raise DataError(
                f"the selection matches {len(chosen)} of your {len(own)} samples, and the others are too few to learn "
                "from; choose fewer, or use hdus-peer leave, which forgets everything"
            )
        content = "".join(sorted(f"{_digest(number)}\n" for number in chosen)).encode()
        name = hashlib.sha256(content).hexdigest()
        write_durably(into / name, content)
        counts = Counter(self._class_of(number) for number in chosen)
        return Selected(name, len(chosen), len(own), tuple(sorted(counts.items())))

    async def erase(self, job: TrainingJob, *, everything: bool = False) -> None:
        self._living()
        self._forgotten(job)
        for path in self._directory.glob("*"):
            if path.is_file() and path.stem not in self._task.seed_architectures:
                destroy_durably(path)

    async def stop(self) -> None:
        self._stopped = True

    def _living(self) -> None:
        if self._stopped:
            raise WorkerError("the trainer was stopped; ask again after the next start")

    def _is_meant(self, selection: Selection, number: int) -> bool:
        """It knows `memory:3,4` as a source, and one comparison of `label` by = or != as a condition."""
        meant = [f"{number}" in selection.samples.removeprefix("memory:").split(",")] if selection.samples else []
        if selection.where:
            column, compare, value = [*selection.where.split(), "", ""][:3]
            if column != "label" or compare not in ("=", "!="):
                raise DataError(f"{selection.where!r} is no condition on a column that there is: label")
            meant.append((self._class_of(number) == value) == (compare == "="))
        if not meant:
            raise DataError("nothing says which samples are meant; name a source of them, or a condition")
        return all(meant)

    def _class_of(self, number: int) -> str:
        return self._task.classes[number % len(self._task.classes)]

    def _forgotten(self, job: TrainingJob) -> set[str]:
        found: set[str] = set()
        for name in job.forgotten:
            path = job.forgotten_in / name
            if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != name:
                raise StorageError(f"the list of forgotten samples {path} is missing or altered; choose them again")
            found |= set(path.read_text().split())
        return found

    def _result(self, source: bytes) -> TrainingResult:
        architecture = self._task.seed_architectures[0]
        values = [byte / 255 for byte in source]
        key = hashlib.sha256(source + b"key").digest()
        sealed = seal(safetensors({"weight": values}), key, self._owner, self._task.fingerprint)
        return TrainingResult(
            architecture=architecture,
            schema_sha256=schema_digest([("weight", "F32", (len(values),))]),
            reference=hashlib.sha256(b"reference").hexdigest(),
            sealed=self._written("seed.sealed", sealed),
            key=self._written("seed.key", key),
            main=self._written("main.onnx", b"main " + source),
            templates={name: self._written(f"{name}.onnx", name.encode()) for name in self._task.seed_architectures},
            evaluation=self._written("evaluation.npz", b""),
            summary={"main": "memory", "seed_parameters": len(values)},
        )

    def _written(self, name: str, content: bytes) -> Path:
        path = self._directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path


def _digest(number: int) -> str:
    return hashlib.sha256(b"%d" % number).hexdigest()


def safetensors(tensors: dict[str, Sequence[float]]) -> bytes:
    """One-dimensional float32 tensors in the safetensors format (8 bytes header length, JSON header, data)."""
    header: dict[str, Any] = {}
    data = b""
    for name, values in tensors.items():
        packed = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": [len(values)], "data_offsets": [len(data), len(data) + len(packed)]}
        data += packed
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def _plaintext(seed: SealedSeed) -> bytes:
    key, sealed = seed.key.read_bytes(), seed.payload.read_bytes()
    if len(key) != KEY_BYTES:
        raise RefusedError("wrong-key")
    try:
        return unseal(sealed, key, seed.manifest.owner, seed.manifest.task)
    except ForgedError as problem:
        raise RefusedError("wrong-key") from problem
    except MalformedError as problem:
        raise RefusedError("not-safetensors") from problem


def _check_plaintext(plaintext: bytes, schema_sha256: str) -> None:
    try:
        (length,) = struct.unpack_from("<Q", plaintext)
        header = json.loads(plaintext[8 : 8 + length])
        schema = [(name, entry["dtype"], tuple(entry["shape"])) for name, entry in header.items()]
        values = struct.iter_unpack("<f", plaintext[8 + length :])
    except (struct.error, ValueError, KeyError, TypeError, AttributeError, OverflowError) as problem:
        raise RefusedError("not-safetensors") from problem
    if schema_digest(schema) != schema_sha256:
        raise RefusedError("wrong-schema")
    if not all(math.isfinite(value) for (value,) in values):
        raise RefusedError("not-finite")


def _softmax(logits: Row) -> Row:
    powers = [math.exp(logit - max(logits)) for logit in logits]
    return [power / math.fsum(powers) for power in powers]
