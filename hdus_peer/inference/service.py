"""The child's requests, each a generator that yields where others may pass by and returns its answer.

    load      make the ensemble that answers from now on
    check     decrypt and verify one seed, then let go of it
    predict   probabilities, alone and ensemble
    evaluate  accuracies and the hash of the ensemble's output over a data set; yields after every batch

Rule: errors of the product's tree become answers; any other ends the process, which its parent starts again.
"""

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hdus_peer.domain.identity import PeerId
from hdus_peer.errors import WorkerError
from hdus_peer.inference.check import Sealed, open_seed, probe
from hdus_peer.inference.ensemble import Blueprint, Ensemble, load_templates
from hdus_peer.inference.graph import Mix

Answer = tuple[dict[str, Any], bytes]
Work = Generator[None, None, Answer]


@dataclass(frozen=True, slots=True)
class Loaded:
    blueprint: Blueprint
    evaluation: Path
    ensemble: Ensemble = field(repr=False)


class Service:
    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._current: Loaded | None = None

    def work(self, request: dict[str, Any], body: bytes) -> Work:
        """The work of one request; only an evaluation ever yields."""
        match request["do"]:
            case "load":
                return self._load(request)
            case "check":
                return self._check(request)
            case "predict":
                return self._predict(request["samples"], body)
            case "evaluate":
                return (yield from self._evaluate(request["dataset"], request["rule"]))
            case other:
                raise WorkerError(f"the predictor knows no request {other!r}; restart the daemon after an update")

    def rest(self) -> None:
        """Nothing was asked for a while: give back what is only needed while answering."""
        if self._current is not None:
            self._current.ensemble.rest()

    def _load(self, request: dict[str, Any]) -> Answer:
        seeds = sorted((_sealed(seed) for seed in request["seeds"]), key=lambda seed: seed.owner)
        mix = Mix(request["rule"], request["rho"])
        blueprint = Blueprint(Path(request["main"]), _paths(request["templates"]), seeds, mix, self._threads)
        self._current = Loaded(blueprint, Path(request["evaluation"]), Ensemble(blueprint))
        return {}, b""

    def _check(self, request: dict[str, Any]) -> Answer:
        seed = _sealed(request["seed"])
        templates = load_templates(_paths(request["templates"]), {seed.architecture})
        tensors = open_seed(seed, templates)
        probe(templates[seed.architecture], tensors, self._threads)
        return {}, b""

    def _predict(self, samples: int, body: bytes) -> Answer:
        alone, ensemble = self._loaded().ensemble.predict(body, samples)
        return {"classes": alone.shape[1]}, alone.astype("<f4").tobytes() + ensemble.astype("<f4").tobytes()

    def _evaluate(self, dataset: str, rule: str) -> Work:
        """Another rule than the configured one gets a graph of its own for this once."""
        loaded = self._loaded()
        ensemble, mix = loaded.ensemble, loaded.blueprint.mix
        if rule not in ("", mix.rule):
            ensemble = Ensemble(replace(loaded.blueprint, mix=replace(mix, rule=rule)))
        score = yield from ensemble.evaluate(loaded.evaluation, dataset)
        return {
            "rule": rule or mix.rule,
            "samples": score.samples,
            "accuracy_alone": score.accuracy_alone,
            "accuracy_ensemble": score.accuracy_ensemble,
            "logits_sha256": score.logits_sha256,
        }, b""

    def _loaded(self) -> Loaded:
        if self._current is None:
            raise WorkerError("the predictor has no model yet; wait until the first training is done")
        return self._current


def _sealed(fields: dict[str, Any]) -> Sealed:
    return Sealed(
        owner=PeerId(fields["owner"]),
        task=fields["task"],
        architecture=fields["architecture"],
        schema_sha256=fields["schema_sha256"],
        payload_bytes=fields["payload_bytes"],
        payload=Path(fields["payload"]),
        key=Path(fields["key"]),
    )


def _paths(names: dict[str, str]) -> dict[str, Path]:
    return {name: Path(path) for name, path in names.items()}
