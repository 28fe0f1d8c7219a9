"""What the child answers with: one joined graph made from the main model's file and sealed seeds.

Rule: another set of seeds or another rule is another `Ensemble`, made from scratch. Where something is to be
chosen or learned, the main model answers alone until `choose` is done, once, before anything else is asked.
"""

import hashlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdus_peer.domain.combination import Combination
from hdus_peer.errors import DataError, StorageError, WorkerError
from hdus_peer.inference.check import Sealed, open_seed
from hdus_peer.inference.choice import choose_pool, choose_rho, spread
from hdus_peer.inference.graph import ALONE, ENSEMBLE, Graph, Template, joined, parse
from hdus_peer.inference.opinions import Evidence
from hdus_peer.inference.rules import Weights, unchosen, weights_of
from hdus_peer.inference.session import Floats, Session, softmax, stacked

DATASETS = ("local", "global", "holdout")
Loaded = tuple[Floats, NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Blueprint:
    """Everything an ensemble is made from; `seeds` in the order of their owners' PeerIds; `evaluation`: the trainer's
    npz with the held-out samples, the first of the reference set, and the peer's own classes."""

    main: Path
    templates: Mapping[str, Path]
    seeds: Sequence[Sealed]
    evaluation: Path
    combination: Combination
    threads: int

    def graph(self, known: Weights) -> Graph:
        """Checked, filled and joined anew, with these weights."""
        templates = load_templates(self.templates, {seed.architecture for seed in self.seeds})
        filled = [templates[seed.architecture].filled(open_seed(seed, templates)) for seed in self.seeds]
        return joined(parse(read_model(self.main)), filled, self.combination.rule, known)


@dataclass(frozen=True, slots=True)
class Score:
    """Accuracies in 0..1, and the SHA-256 (hex) of the ensemble's little-endian float32 output."""

    samples: int
    accuracy_alone: float
    accuracy_ensemble: float
    logits_sha256: str


class Ensemble:
    """`blueprint`: what it was made from; `rho`: the seeds' weight in use, one of all `weights`."""

    def __init__(self, blueprint: Blueprint) -> None:
        self.blueprint, combination = blueprint, blueprint.combination
        self.rho = 0.0 if combination.rho == "auto" else combination.rho
        self.weights: Weights = weights_of(self.rho)
        graph = blueprint.graph({} if combination.is_learned else self.weights)
        self._sides = graph.sides
        self._session = Session(graph.model.SerializeToString(), blueprint.threads)
        self._session.weigh(unchosen())

    def choose(self) -> Generator[None, None, None]:
        """Choose ρ and the rule's own weights, where that is wanted and there are seeds; yields after every batch.
        Raises WorkerError."""
        sides, combination = self._sides, self.blueprint.combination
        if sides is None:
            return
        x, y = self._held_out()
        own, others = yield from self._seen(x, sides.names)
        if sides.opinions:
            reference, class_counts = self._reference()
            (opinions,) = yield from self._seen(reference, (sides.opinions,))
            self.rho, self.weights = choose_pool(combination, own, Evidence(opinions, others, y, class_counts))
        else:
            self.rho = choose_rho(combination.objective, own, others, y, are_logits=sides.are_logits)
            self.weights = weights_of(self.rho)
        self.weigh()

    def weigh(self) -> None:
        """From now on `weights` count."""
        self._session.weigh(self.weights)

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

    def _seen(self, samples: Floats, names: Sequence[str]) -> Generator[None, None, list[Floats]]:
        """The outputs of these names over all samples; yields after every batch."""
        batches = []
        for outputs in self.run(samples, names):
            batches.append(outputs)
            yield
        return stacked(batches)

    def _held_out(self) -> Loaded:
        with _said_of_weights():
            x, y = _load(self.blueprint.evaluation, "holdout")
        chosen = spread(len(y))
        return x[chosen], y[chosen]

    def _reference(self) -> Loaded:
        with _said_of_weights():
            return _load_reference(self.blueprint.evaluation)


@contextmanager
def _said_of_weights() -> Iterator[None]:
    """What is wrong with the evaluation data, as those who wait for an ensemble hear it."""
    try:
        yield
    except (StorageError, DataError) as problem:
        raise WorkerError(f"the weight of the seeds cannot be chosen: {problem}") from problem


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


def _load(path: Path, dataset: str) -> Loaded:
    if dataset not in DATASETS:
        raise DataError(f"no data set is called {dataset!r}; choose one of {', '.join(DATASETS)}")
    x, y = _arrays(path, f"x_{dataset}", f"y_{dataset}")
    if len(x) == 0 or len(x) != len(y):
        raise DataError(f"the data set {dataset!r} is empty; give more samples and train again")
    return np.ascontiguousarray(x, dtype=np.float32), np.asarray(y, dtype=np.int64)


def _load_reference(path: Path) -> Loaded:
    """Samples of the reference set, and how many own samples there are of each class."""
    reference, counts = _arrays(path, "x_reference", "class_counts")
    return np.ascontiguousarray(reference, dtype=np.float32), np.asarray(counts, dtype=np.int64)


def _arrays(path: Path, *names: str) -> list[NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return [arrays[name] for name in names]
    except (OSError, KeyError, ValueError) as problem:
        raise StorageError("the held-out data cannot be read; run `hdus-peer train` to make them again") from problem
