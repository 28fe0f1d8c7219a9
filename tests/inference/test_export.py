"""An exported file in a plain ONNX Runtime: it loads without the product, and computes what the ensemble computes."""

import json
import stat
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from hdus_peer.domain.combination import RULES, Combination
from hdus_peer.errors import StorageError, WorkerError
from hdus_peer.inference.check import Sealed
from hdus_peer.inference.ensemble import Blueprint, Ensemble
from hdus_peer.inference.export import export
from hdus_peer.workers.port import SealedSeed
from tests.contracts.predictor import World, samples

pytestmark = pytest.mark.slow


def sealed(seed: SealedSeed) -> Sealed:
    claims = seed.manifest
    names = (claims.owner, claims.generation, claims.task, claims.architecture, claims.schema_sha256)
    return Sealed(*names, claims.payload_bytes, seed.payload, seed.key)


def ensemble(folder: Path, combination: Combination, count: int = 5) -> Ensemble:
    world = World(folder)
    seeds = sorted((sealed(world.seed(number)) for number in range(1, count + 1)), key=lambda seed: seed.owner)
    made = Ensemble(Blueprint(world.main, world.templates, seeds, world.evaluation, combination, 1))
    for _ in made.choose():
        pass
    return made


def plain(file: Path, x: np.ndarray) -> list[np.ndarray]:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(str(file), options).run(["alone", "ensemble"], {"x": x})


@pytest.mark.parametrize("rho", [0.3, "auto"])
@pytest.mark.parametrize("rule", RULES)
def test_a_plain_runtime_gives_the_same_bits(rule: str, rho: float | str, tmp_path: Path) -> None:
    made = ensemble(tmp_path, Combination(rule, rho, "global"))
    written = export(made, tmp_path / "ensemble.onnx", {}, with_seeds=True)
    x = samples(16, 7)
    (expected,) = made.run(x)
    assert [each.tobytes() for each in plain(tmp_path / "ensemble.onnx", x)] == [each.tobytes() for each in expected]
    assert written.size == (tmp_path / "ensemble.onnx").stat().st_size
    onnx.checker.check_model(str(tmp_path / "ensemble.onnx"), full_check=True)


def test_the_file_says_what_is_in_it_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    made = ensemble(tmp_path, Combination("median", "auto", "global"), count=3)
    written = export(made, tmp_path / "ensemble.onnx", {"task": "home"}, with_seeds=True)
    assert stat.S_IMODE((tmp_path / "ensemble.onnx").stat().st_mode) == 0o600
    model = onnx.load(tmp_path / "ensemble.onnx")
    said = {entry.key: entry.value for entry in model.metadata_props}
    assert (said["task"], said["rule"], float(said["rho"])) == ("home", "median", made.rho)
    assert [(each["owner"], each["generation"]) for each in json.loads(said["seeds"])] == list(written.seeds)
    assert [value.name for value in model.graph.input] == ["x"]
    assert [value.name for value in model.graph.output] == ["alone", "ensemble"]


def test_the_main_model_alone_holds_nothing_of_others(tmp_path: Path) -> None:
    made = ensemble(tmp_path, Combination("prob-mean", 0.5))
    assert export(made, tmp_path / "main.onnx", {}, with_seeds=False).seeds == ()
    x = samples(9, 7)
    alone, both = plain(tmp_path / "main.onnx", x)
    (expected,) = made.run(x)
    assert alone.tobytes() == both.tobytes() == expected[0].tobytes()
    model = onnx.load(tmp_path / "main.onnx")
    assert not [tensor.name for tensor in model.graph.initializer if tensor.name.startswith("seed")]


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="no seeds are in use"):
        export(ensemble(tmp_path, Combination("median", 0.5), count=0), tmp_path / "a.onnx", {}, with_seeds=True)
    with pytest.raises(StorageError, match="choose another place"):
        export(ensemble(tmp_path, Combination("median", 0.5)), tmp_path, {}, with_seeds=True)
