"""Seeds of several architectures in one ensemble, from the trainer's files to the child's answers."""

import random
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from hdus_peer.domain.identity import Identity
from hdus_peer.domain.sealed import KEY_BYTES, seal
from hdus_peer.domain.task import Task
from hdus_peer.errors import RefusedError
from hdus_peer.inference.service import Service
from hdus_peer.learning.architectures import build
from hdus_peer.learning.export import export, templates
from hdus_peer.learning.tensors import exchanged, pack_tensors, schema_of

pytestmark = pytest.mark.slow

RHO = 0.4
CLASSES = 6
SAMPLES = 37
KINDS = {
    (1, 8, 8): ("mobilenet-s", "resnet8", "mlp", "mlp-s"),
    (3, 21): ("cnn1d-s", "transformer-s", "mlp-s", "mlp"),
    (13,): ("mlp-s", "mlp"),
}


@dataclass
class World:
    """A main model and two seeds of every architecture that the task allows, as files."""

    folder: Path
    task: Task

    def __post_init__(self) -> None:
        self.main = used_model(self.task.seed_architectures[0], self.task, 99)
        (self.folder / "main.onnx").write_bytes(export(self.main, self.task.shape))
        x = np.random.default_rng(2).standard_normal((SAMPLES, *self.task.shape), dtype=np.float32)
        arrays = {f"{axis}_{part}": value for part in ("local", "global", "holdout")
                  for axis, value in (("x", x), ("y", np.arange(SAMPLES) % CLASSES))}  # fmt: skip
        np.savez(self.folder / "evaluation.npz", **arrays)
        self.x = x
        names = [name for name in self.task.seed_architectures for _ in range(2)]
        self.seeds = [(used_model(name, self.task, number), name) for number, name in enumerate(names)]
        self.described = [self.sealed(model, name, number) for number, (model, name) in enumerate(self.seeds)]

    def sealed(self, model: nn.Module, architecture: str, number: int) -> dict[str, Any]:
        owner, key = Identity(bytes([number + 1]) * 32).peer_id, bytes([number]) * KEY_BYTES
        payload = seal(pack_tensors(exchanged(model)), key, owner, self.task.fingerprint)
        paths = {kind: self.folder / f"{sha256(payload).hexdigest()}.{kind}" for kind in ("payload", "key")}
        paths["payload"].write_bytes(payload)
        paths["key"].write_bytes(key)
        return {
            "owner": owner,
            "generation": 1,
            "task": self.task.fingerprint,
            "architecture": architecture,
            "schema_sha256": schema_of(model),
            "payload_bytes": len(payload),
            **{kind: str(path) for kind, path in paths.items()},
        }

    def answered(self, seeds: list[dict[str, Any]], rule: str = "logit-mean") -> np.ndarray:
        """Probabilities [alone, ensemble] of a fresh process's service."""
        service = Service(threads=1)
        found = templates(self.task, self.folder)
        ask(
            service,
            do="load",
            main=str(self.folder / "main.onnx"),
            evaluation=str(self.folder / "evaluation.npz"),
            templates={name: str(path) for name, path in found.items()},
            seeds=seeds,
            rule=rule,
            rho=RHO,
            objective="local",
        )
        for seed in seeds:
            ask(service, do="check", seed=seed, templates={name: str(path) for name, path in found.items()})
        _, body = ask(service, body=self.x.tobytes(), do="predict", samples=SAMPLES)
        return np.frombuffer(body, "<f4").reshape(2, SAMPLES, CLASSES)


def ask(service: Service, body: bytes = b"", **request: Any) -> tuple[dict[str, Any], bytes]:
    work = service.work(request, body)
    try:
        while True:
            next(work)
    except StopIteration as done:
        answer: tuple[dict[str, Any], bytes] = done.value
        return answer


def used_model(name: str, task: Task, random_seed: int) -> nn.Module:
    torch.manual_seed(random_seed)
    model = build(name, task.shape, CLASSES)
    for _ in range(3):
        model(torch.randn(16, *task.shape) * 2 + 1)
    return model.eval()


@pytest.fixture(params=KINDS, ids=["pictures", "windows", "rows"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    shape: tuple[int, ...] = request.param
    channels = (0.0,) * shape[0], (1.0,) * shape[0]
    return World(tmp_path, Task("t", tuple("abcdef"), shape, 1.0, *channels, KINDS[shape]))


def logits(model: nn.Module, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return model(torch.tensor(x)).numpy().astype(np.float64)


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def test_the_ensemble_is_what_torch_computes(world: World) -> None:
    alone, ensemble = world.answered(world.described)
    own = logits(world.main, world.x)
    others = np.mean([logits(model, world.x) for model, _ in world.seeds], axis=0)
    assert np.abs(alone - softmax(own)).max() < 2e-6
    assert np.abs(ensemble - softmax((1 - RHO) * own + RHO * others)).max() < 2e-6


@pytest.mark.parametrize("rule", ["logit-mean", "prob-mean"])
def test_neither_order_nor_history_changes_a_bit(world: World, rule: str) -> None:
    """However they came, and whoever was there between, the same seeds give the same answers."""
    seeds = list(world.described)
    first = world.answered(seeds, rule)
    for number in range(2):
        random.Random(number).shuffle(seeds)
        assert world.answered(seeds, rule).tobytes() == first.tobytes()
    without = world.answered(world.described[1:], rule)
    assert without.tobytes() != first.tobytes()
    assert world.answered(world.described[:0:-1], rule).tobytes() == without.tobytes()


def test_a_seed_of_one_architecture_is_none_of_another(world: World) -> None:
    first, second = world.described[0], world.described[-1]
    with pytest.raises(RefusedError, match="wrong-schema"):
        world.answered([{**first, "architecture": second["architecture"]}])
