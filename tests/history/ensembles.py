"""Real ensembles over tiny real seeds, for the devices of a simulation: each follows every change of what its device
computes with, and answers through the predictor child's own service.

A seed is a function of its owner and generation alone, a main model and its held-out samples of their peer alone, as
learning makes them. All are copies of one teacher, each with noise of its own: so seeds help, some more than others,
and the choice of ρ depends on which are held.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from hdus_peer.domain.combination import Combination
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.sealed import KEY_BYTES, schema_digest, seal
from hdus_peer.domain.seed import SeedManifest
from hdus_peer.inference.graph import LOGITS, Template
from hdus_peer.inference.service import Service
from hdus_peer.inference.session import Session, stacked
from hdus_peer.protocol.records import HeldSeedRow
from hdus_peer.simulation.cast import ARCHITECTURES
from hdus_peer.simulation.device import Device

SHAPE, CLASSES = (4,), 3
SAMPLES = 128
NOISE_OF_MAIN, NOISE_OF_SEED = 0.5, 0.4
THREADS = 1


def numbers_of(*what: object) -> np.random.Generator:
    """A source of numbers that depends on nothing else."""
    digest = hashlib.sha256(" ".join(map(str, what)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


class Models:
    """One template for everybody, and below `directory` the files of each peer and seed, made when first asked for."""

    def __init__(self, template: bytes, directory: Path) -> None:
        self._directory = directory
        self._template = Template(template)
        self.template_path = self._file("template.onnx", lambda: template)
        self._teacher = {
            name: numbers_of("teacher", name).normal(size=shape) for name, _, shape in self._template.schema
        }

    def main(self, peer: PeerId) -> Path:
        return self._file(f"{peer}.onnx", lambda: self._model(self._pupil(NOISE_OF_MAIN, peer)))

    def samples(self, peer: PeerId) -> np.ndarray:
        return numbers_of("samples", peer).normal(size=(SAMPLES, *SHAPE)).astype("<f4")

    def evaluation(self, peer: PeerId) -> Path:
        """The held-out samples, labelled by the teacher, and the reference set, as the trainer leaves them."""
        path = self._directory / f"{peer}.npz"
        if not path.exists():
            x = self.samples(peer)
            session = Session(self._model(self._pupil(0.0, "teacher")), THREADS)
            (logits,) = stacked(list(session.run(x, (LOGITS,))))
            y = logits.argmax(axis=1)
            reference = numbers_of("reference").normal(size=(SAMPLES, *SHAPE)).astype("<f4")
            counts = np.bincount(y, minlength=CLASSES)
            np.savez(path, x_holdout=x, y_holdout=y, x_reference=reference, class_counts=counts)
        return path

    def seed(self, manifest: SeedManifest) -> dict[str, Any]:
        """A seed as the service reads it, with the two files that it names."""
        stem = f"{manifest.owner}-{manifest.generation}"
        key = numbers_of("key", stem).bytes(KEY_BYTES)
        tensors = self._pupil(NOISE_OF_SEED, stem)
        payload = self._file(stem, lambda: seal(save(tensors), key, manifest.owner, manifest.task))
        return {
            "owner": manifest.owner,
            "generation": manifest.generation,
            "task": manifest.task,
            "architecture": manifest.architecture,
            "schema_sha256": schema_digest(self._template.schema),
            "payload_bytes": payload.stat().st_size,
            "payload": str(payload),
            "key": str(self._file(f"{stem}.key", lambda: key)),
        }

    def _pupil(self, noise: float, *what: object) -> dict[str, np.ndarray]:
        numbers = numbers_of("pupil", *what)
        return {
            name: (value + noise * numbers.normal(size=value.shape)).astype("<f4")
            for name, value in self._teacher.items()
        }

    def _model(self, tensors: dict[str, np.ndarray]) -> bytes:
        return self._template.filled({name: value.tobytes() for name, value in tensors.items()}).SerializeToString()

    def _file(self, name: str, content: Any) -> Path:
        path = self._directory / name
        if not path.exists():
            path.write_bytes(content())
        return path


@dataclass(frozen=True)
class Answer:
    """All that an ensemble is to others: the file of its graph with ρ in it, ρ itself, the probabilities of its peer's
    samples, and the hash of its raw output over them."""

    graph: bytes
    rho: float
    predictions: bytes
    logits_sha256: str


class Following:
    """The predictor of one device through its life; `service` is another one where a mistake is planted."""

    def __init__(self, peer: PeerId, models: Models, combination: Combination, service: type[Service]) -> None:
        self._peer, self._models, self._combination, self._start = peer, models, combination, service
        self._run, self._service = 0, service(THREADS)
        self._load(())

    def follow(self, device: Device) -> None:
        """Compute with what the device computes with now; a new run of it is a new process."""
        if device.core is None or (device.run, device.hands.using) == (self._run, self._using):
            return
        if device.run != self._run:
            self._run, self._service = device.run, self._start(THREADS)
        self._load(device.hands.using)

    def answer(self, place: Path) -> Answer:
        """What it answers now; its graph is written to `place` on the way."""
        with_seeds = bool(self._using)
        self._ask({"do": "export", "place": str(place), "facts": {}, "with_seeds": with_seeds})
        samples = self._models.samples(self._peer)
        _, predictions = self._ask({"do": "predict", "samples": len(samples)}, samples.tobytes())
        score, _ = self._ask({"do": "evaluate", "dataset": "holdout", "rule": ""})
        return Answer(place.read_bytes(), score["rho"], predictions, score["logits_sha256"])

    def _load(self, using: tuple[HeldSeedRow, ...]) -> None:
        self._using = using
        request = {
            "do": "load",
            "main": str(self._models.main(self._peer)),
            "templates": dict.fromkeys(ARCHITECTURES, str(self._models.template_path)),
            "evaluation": str(self._models.evaluation(self._peer)),
            "seeds": [self._models.seed(row.manifest.statement) for row in using],
            **asdict(self._combination),
        }
        self._ask(request)

    def _ask(self, request: dict[str, Any], body: bytes = b"") -> tuple[dict[str, Any], bytes]:
        return _end_of(self._service.work(request, body))


def _end_of(work: Iterator[None]) -> Any:
    """What a request's generator returns."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value
