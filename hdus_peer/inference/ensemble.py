"""What the child answers with: one joined graph made from the main model's file and sealed seeds.

Rule: an `Ensemble` is never changed. Another set of seeds, rule or ρ is another `Ensemble`, made from scratch.
"""

import hashlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hdus_peer.errors import DataError, StorageError, WorkerError
from hdus_peer.inference.check import Sealed, open_seed
from hdus_peer.inference.graph import Mix, Template, joined, parse
from hdus_peer.inference.session import Floats, Session, softmax, stacked

DATASETS = ("local", "global", "holdout")


@dataclass(frozen=True, slots=True)
class Blueprint:
    """Everything an ensemble is made from; `seeds` in the order of their owners' PeerIds."""

    main: Path
    templates: Mapping[str, Path]
    seeds: Sequence[Sealed]
    mix: Mix
    threads: int


@dataclass(frozen=True, slots=True)
class Score:
    """Accuracies in 0..1, and the SHA-256 (hex) of the ensemble's little-endian float32 output."""

    samples: int
    accuracy_alone: float
    accuracy_ensemble: float
    logits_sha256: str


class Ensemble:
    def __init__(self, blueprint: Blueprint) -> None:
        templates = load_templates(blueprint.templates, {seed.architecture for seed in blueprint.seeds})
        filled = [templates[seed.architecture].filled(open_seed(seed, templates)) for seed in blueprint.seeds]
        model = joined(parse(read_model(blueprint.main)), filled, blueprint.mix)
        self._session = Session(model, blueprint.threads)

    def predict(self, rows: bytes, samples: int) -> tuple[Floats, Floats]:
        """Probabilities (samples, classes) of the main model alone and of the ensemble."""
        alone, ensemble = stacked(list(self._session.run(self._session.samples(rows, samples))))
        return softmax(alone), softmax(ensemble)

    def rest(self) -> None:
        """Give back what is only needed while answering."""
        self._session.rest()

    def evaluate(self, evaluation: Path, dataset: str) -> Generator[None, None, Score]:
        """Score one data set of the trainer's npz; yields after every batch, so that requests can pass by."""
        x, y = _load(evaluation, dataset)
        batches = []
        for outputs in self._session.run(x):
            batches.append(outputs)
            yield
        alone, ensemble = stacked(batches)
        digest = hashlib.sha256(np.ascontiguousarray(ensemble, dtype="<f4").tobytes()).hexdigest()
        return Score(len(y), _accuracy(alone, y), _accuracy(ensemble, y), digest)


def load_templates(paths: Mapping[str, Path], names: set[str]) -> dict[str, Template]:
    """Those templates among `names` that the task has."""
    return {name: Template(read_model(paths[name])) for name in sorted(names) if name in paths}


def read_model(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise WorkerError(f"the model {path.name} cannot be read; run `hdus-peer train` to make it again") from problem


def _accuracy(logits: Floats, labels: NDArray[np.int64]) -> float:
    return float((logits.argmax(axis=1) == labels).mean())


def _load(path: Path, dataset: str) -> tuple[Floats, NDArray[np.int64]]:
    if dataset not in DATASETS:
        raise DataError(f"no data set is called {dataset!r}; choose one of {', '.join(DATASETS)}")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            x, y = arrays[f"x_{dataset}"], arrays[f"y_{dataset}"]
    except (OSError, KeyError, ValueError) as problem:
        raise StorageError("the held-out data cannot be read; run `hdus-peer train` to make them again") from problem
    if len(x) == 0 or len(x) != len(y):
        raise DataError(f"the data set {dataset!r} is empty; give more samples and train again")
    return np.ascontiguousarray(x, dtype=np.float32), np.asarray(y, dtype=np.int64)
