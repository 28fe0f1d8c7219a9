"""The child's requests, each a generator that yields where others may pass by and returns its answer.

    load      make the ensemble that answers from now on, and choose ρ where that is wanted
    check     decrypt and verify one seed, then let go of it
    predict   probabilities, alone and ensemble
    evaluate  accuracies and the hash of the ensemble's output over a data set; yields after every batch
    export    write the ensemble as one ONNX file

Rule: errors of the product's tree become answers; any other ends the process, which its parent starts again.
"""

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

from hdus_peer.domain.combination import Combination
from hdus_peer.domain.identity import PeerId
from hdus_peer.errors import WorkerError
from hdus_peer.inference.check import Sealed, open_seed, probe
from hdus_peer.inference.ensemble import Blueprint, Ensemble, load_templates
from hdus_peer.inference.export import export

Answer = tuple[dict[str, Any], bytes]
Work = Generator[None, None, Answer]


class Service:
    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._current: Ensemble | None = None

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
            case "export":
                return self._export(request)
            case other:
                raise WorkerError(f"the predictor knows no request {other!r}; restart the daemon after an update")

    def rest(self) -> None:
        """Nothing was asked for a while: give back what is only needed while answering."""
        if self._current is not None:
            self._current.rest()

    def _load(self, request: dict[str, Any]) -> Answer:
        seeds = sorted((_sealed(seed) for seed in request["seeds"]), key=lambda seed: seed.owner)
        blueprint = Blueprint(
            main=Path(request["main"]),
            templates=_paths(request["templates"]),
            seeds=seeds,
            evaluation=Path(request["evaluation"]),
            combination=Combination(request["rule"], request["rho"], request["objective"]),
            threads=self._threads,
        )
        ensemble = Ensemble(blueprint)
        for _ in ensemble.choose():
            pass  # nobody else is answered by a process that is being loaded
        self._current = ensemble
        return {"rho": ensemble.rho}, b""

    def _check(self, request: dict[str, Any]) -> Answer:
        seed = _sealed(request["seed"])
        templates = load_templates(_paths(request["templates"]), {seed.architecture})
        tensors = open_seed(seed, templates)
        probe(templates[seed.architecture], tensors, self._threads)
        return {}, b""

    def _predict(self, samples: int, body: bytes) -> Answer:
        alone, ensemble = self._loaded().predict(body, samples)
        return {"classes": alone.shape[1]}, alone.astype("<f4").tobytes() + ensemble.astype("<f4").tobytes()

    def _evaluate(self, dataset: str, rule: str) -> Work:
        """Another rule than the configured one gets a graph, and a ρ, of its own for this once."""
        ensemble = self._loaded()
        blueprint = ensemble.blueprint
        if rule not in ("", blueprint.combination.rule):
            ensemble = Ensemble(replace(blueprint, combination=replace(blueprint.combination, rule=rule)))
            yield from ensemble.choose()
        score = yield from ensemble.evaluate(dataset)
        return {
            "rule": ensemble.blueprint.combination.rule,
            "rho": ensemble.rho,
            "samples": score.samples,
            "accuracy_alone": score.accuracy_alone,
            "accuracy_ensemble": score.accuracy_ensemble,
            "logits_sha256": score.logits_sha256,
        }, b""

    def _export(self, request: dict[str, Any]) -> Answer:
        ensemble = self._loaded()
        written = export(ensemble, Path(request["place"]), request["facts"], with_seeds=request["with_seeds"])
        return {"bytes": written.size, "seeds": written.seeds}, b""

    def _loaded(self) -> Ensemble:
        if self._current is None:
            raise WorkerError("the predictor has no model yet; wait until the first training is done")
        return self._current


def _sealed(fields: dict[str, Any]) -> Sealed:
    return Sealed(
        owner=PeerId(fields["owner"]),
        generation=fields["generation"],
        task=fields["task"],
        architecture=fields["architecture"],
        schema_sha256=fields["schema_sha256"],
        payload_bytes=fields["payload_bytes"],
        payload=Path(fields["payload"]),
        key=Path(fields["key"]),
    )


def _paths(names: dict[str, str]) -> dict[str, Path]:
    return {name: Path(path) for name, path in names.items()}
