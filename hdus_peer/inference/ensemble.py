"""What the child answers with: one joined graph made from the main model's file and sealed seeds.

Rule: another set of seeds or another rule is another `Ensemble`, made from scratch. Where ρ is to be chosen it is 0,
the main model alone, until `choose` is done, once, before anything else is asked.
"""

import hashlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hdus_peer.domain.combination import Combination, Rho
from hdus_peer.errors import DataError, StorageError, WorkerError
from hdus_peer.inference.check import Sealed, open_seed
from hdus_peer.inference.choice import choose_rho, spread
from hdus_peer.inference.graph import ALONE, ENSEMBLE, Graph, Template, joined, parse
from hdus_peer.inference.rules import weights_of
from hdus_peer.inference.session import Floats, Session, softmax, stacked

DATASETS = ("local", "global", "holdout")


@dataclass(frozen=True, slots=True)
class Blueprint:
    """Everything an ensemble is made from; `seeds` in the order of their owners' PeerIds; `evaluation`: the trainer's
    npz with the held-out samples."""

    main: Path
    templates: Mapping[str, Path]
    seeds: Sequence[Sealed]
    evaluation: Path
    combination: Combination
    threads: int

    def graph(self, rho: Rho) -> Graph:
        """Checked, filled and joined anew, with this ρ."""
        templates = load_templates(self.templates, {seed.architecture for seed in self.seeds})
        filled = [templates[seed.architecture].filled(open_seed(seed, templates)) for seed in self.seeds]
        return joined(parse(read_model(self.main)), filled, self.combination.rule, rho)


@dataclass(frozen=True, slots=True)
class Score:
    """Accuracies in 0..1, and the SHA-256 (hex) of the ensemble's little-endian float32 output."""

    samples: int
    accuracy_alone: float
    accuracy_ensemble: float
    logits_sha256: str


class Ensemble:
    """`blueprint`: what it was made from; `rho`: the seeds' weight in use."""

    def __init__(self, blueprint: Blueprint) -> None:
        self.blueprint, combination = blueprint, blueprint.combination
        graph = blueprint.graph(combination.rho)
        self._sides = graph.sides
        self._session = Session(graph.model.SerializeToString(), blueprint.threads)
        self.rho = 0.0 if combination.rho == "auto" else combination.rho
        self._weigh()

    def choose(self) -> Generator[None, None, None]:
        """Choose ρ, where that is wanted and there are seeds; yields after every batch. Raises WorkerError."""
        objective, sides = self.blueprint.combination.objective, self._sides
        if sides is None:
            return
        x, y = self._held_out()
        batches = []
        for outputs in self._session.run(x, (sides.own, sides.seeds)):
            batches.append(outputs)
            yield
        own, seeds = stacked(batches)
        self.rho = choose_rho(objective, own, seeds, y, are_logits=sides.are_logits)
        self._weigh()

    def predict(self, rows: bytes, samples: int) -> tuple[Floats, Floats]:
        """Probabilities (samples, classes) of the main model alone and of the ensemble."""
        alone, ensemble = stacked(list(self._answers(self._session.samples(rows, samples))))
        return softmax(alone), softmax(ensemble)

    def rest(self) -> None:
        """Give back what is only needed while answering."""
        self._session.rest()

    def evaluate(self, dataset: str) -> Generator[None, None, Score]:
        """Score one data set of the trainer's npz; yields after every batch, so that requests can pass by."""
        x, y = _load(self.blueprint.evaluation, dataset)
        batches = []
        for outputs in self._answers(x):
            batches.append(outputs)
            yield
        alone, ensemble = stacked(batches)
        digest = hashlib.sha256(np.ascontiguousarray(ensemble, dtype="<f4").tobytes()).hexdigest()
        return Score(len(y), _accuracy(alone, y), _accuracy(ensemble, y), digest)

    def _answers(self, samples: Floats) -> Iterator[list[Floats]]:
        """Both answers, batch by batch. For a sample of which a seed makes no number the main model answers alone: one
        seed spoils nobody's prediction."""
        for alone, ensemble in self.run(samples):
            is_number = np.isfinite(ensemble).all(axis=1, keepdims=True)
            yield [alone, ensemble if is_number.all() else np.where(is_number, ensemble, alone)]

    def run(self, samples: Floats, names: Sequence[str] = (ALONE, ENSEMBLE)) -> Iterator[list[Floats]]:
        """Raw outputs of these names, batch by batch, with the ρ in use."""
        return self._session.run(samples, names)

    def _weigh(self) -> None:
        if self._sides is not None:
            self._session.weigh(weights_of(self.rho))

    def _held_out(self) -> tuple[Floats, NDArray[np.int64]]:
        try:
            x, y = _load(self.blueprint.evaluation, "holdout")
        except (StorageError, DataError) as problem:
            raise WorkerError(f"the weight of the seeds cannot be chosen: {problem}") from problem
        chosen = spread(len(y))
        return x[chosen], y[chosen]


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
