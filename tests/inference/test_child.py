"""The child as its parent meets it: frames in, frames out, nothing else on the channel, and quick ends."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import safetensors.numpy

from hdus_peer.domain.combination import RULES, Rho
from hdus_peer.workers.frames import Frame, pack, receive
from hdus_peer.workers.port import SealedSeed
from tests.contracts.predictor import CLASSES, SAMPLES, World, samples, weights

pytestmark = pytest.mark.slow


class Child:
    def __init__(self, world: World, environment: dict[str, str] | None = None) -> None:
        self._world = world
        command = [sys.executable, "-m", "hdus_peer.inference", "1"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env=environment
        )

    def send(self, number: int, do: str, body: bytes = b"", **fields: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(pack({"id": number, "do": do, **fields}, body))

    def receive(self) -> Frame:
        assert self.process.stdout is not None
        frame = receive(self.process.stdout)
        assert frame is not None
        return frame

    def load(
        self, seeds: int = 2, rule: str = "logit-mean", rho: Rho = 0.25, objective: str = "local"
    ) -> dict[str, Any]:
        world = self._world
        described = []
        for seed in (world.seed(number) for number in range(1, seeds + 1)):
            claims = ("owner", "generation", "task", "architecture", "schema_sha256", "payload_bytes")
            fields = {claim: getattr(seed.manifest, claim) for claim in claims}
            described.append(fields | {"payload": str(seed.payload), "key": str(seed.key)})
        templates = {name: str(path) for name, path in world.templates.items()}
        places = {"main": str(world.main), "evaluation": str(world.evaluation), "templates": templates}
        self.send(0, "load", seeds=described, rule=rule, rho=rho, objective=objective, **places)
        return self.receive()[0]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def child(world: World) -> Iterator[Child]:
    child = Child(world)
    with child.process:
        yield child
        child.process.kill()


def linear(tensors: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1) @ tensors["fc.weight"].T + tensors["fc.bias"]


def test_answers_what_the_formula_says(child: Child) -> None:
    assert child.load(seeds=2, rho=0.25) == {"id": 0, "ok": {"rho": 0.25}}
    x = samples(3)
    child.send(1, "predict", x.tobytes(), samples=3)
    header, body = child.receive()
    assert header == {"id": 1, "ok": {"classes": CLASSES}}
    alone, ensemble = np.frombuffer(body, "<f4").reshape(2, 3, CLASSES)
    own, seeds = linear(weights(1000), x), [linear(weights(number), x) for number in (1, 2)]
    for found, logits in ((alone, own), (ensemble, 0.75 * own + 0.25 * np.mean(seeds, axis=0))):
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        assert np.allclose(found, powers / powers.sum(axis=1, keepdims=True), atol=1e-6)


class Hostile(World):
    """Its seeds have finite tensors, give numbers for the probe of a check, and overflow on other samples."""

    def seed(self, number: int, *_: Any) -> SealedSeed:
        tensors = weights(number)
        tensors["fc.weight"] = np.zeros_like(tensors["fc.weight"])
        tensors["fc.weight"][0, 0], tensors["fc.weight"][1, 0] = 1e5, -1e5
        return super().seed(number, safetensors.numpy.save(tensors))


@pytest.mark.parametrize("rule", RULES)
def test_a_seed_that_makes_no_numbers_of_a_sample_spoils_no_answer(tmp_path: Path, rule: str) -> None:
    child = Child(Hostile(tmp_path))
    with child.process:
        child.load(seeds=1, rule=rule, rho=0.5)
        x = samples(2)
        x[1].flat[0] = 1e35  # what layer after layer of a deeper net makes of an ordinary sample
        child.send(1, "predict", x.tobytes(), samples=2)
        _, ensemble = np.frombuffer(child.receive()[1], "<f4").reshape(2, 2, CLASSES)
        child.process.kill()
    assert np.isfinite(ensemble).all()
    assert np.allclose(ensemble.sum(axis=1), 1.0, atol=1e-5)


def test_an_evaluation_gives_accuracies_and_the_hash_of_the_raw_floats(child: Child, world: World) -> None:
    child.load(seeds=0)
    child.send(1, "evaluate", dataset="global", rule="")
    header, _ = child.receive()
    with np.load(world.evaluation) as arrays:
        x, y = arrays["x_global"], arrays["y_global"]
    logits = linear(weights(1000), x)
    score = header["ok"]
    assert score["samples"] == SAMPLES
    assert score["accuracy_alone"] == score["accuracy_ensemble"] == pytest.approx((logits.argmax(1) == y).mean())
    assert score["logits_sha256"] != hashlib.sha256(b"").hexdigest()


def test_an_evaluation_lets_a_later_request_pass(child: Child, world: World) -> None:
    np.savez(world.folder / "evaluation.npz", x_local=samples(5000), y_local=np.zeros(5000, np.int64))
    evaluation = world.folder / "evaluation.npz"
    long = evaluation.read_bytes()
    child.load(seeds=1)
    evaluation.write_bytes(long)
    child.send(1, "evaluate", dataset="local", rule="prob-mean")
    child.send(2, "predict", samples(1).tobytes(), samples=1)
    assert [child.receive()[0]["id"] for _ in range(2)] == [2, 1]


def test_errors_are_answers_and_the_child_goes_on(child: Child) -> None:
    child.send(1, "predict", b"", samples=1)
    assert child.receive()[0]["error"]["kind"] == "WorkerError"
    child.load()
    child.send(2, "predict", b"123", samples=1)
    assert child.receive()[0]["error"]["kind"] == "DataError"
    child.send(3, "predict", np.full(6, np.nan, np.float32).tobytes(), samples=1)
    assert child.receive()[0]["error"]["kind"] == "DataError"
    child.send(4, "dance")
    assert child.receive()[0]["error"]["kind"] == "WorkerError"
    child.send(5, "predict", samples(1).tobytes(), samples=1)
    assert "ok" in child.receive()[0]


def test_ends_when_its_channel_closes(child: Child) -> None:
    child.load()
    assert child.process.stdin is not None
    child.process.stdin.close()
    assert child.process.wait(timeout=10) == 0


def test_holds_neither_torch_nor_the_heavy_parts_of_onnx(child: Child) -> None:
    child.load()
    libraries = {Path(mapping.path).name for mapping in psutil.Process(child.process.pid).memory_maps()}
    assert any("onnxruntime" in library for library in libraries)
    assert not any("torch" in library or "onnx_cpp2py" in library for library in libraries)


def test_nothing_is_written_down_about_the_device(world: World, tmp_path: Path) -> None:
    """ONNX Runtime would leave an id and events for its maker."""
    home = tmp_path / "home"
    home.mkdir()
    usual = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    child = Child(world, {**usual, "HOME": str(home), "TMPDIR": str(home)})
    with child.process:
        assert "ok" in child.load()
        child.process.kill()
    assert list(home.iterdir()) == []
