"""ONNX answers as torch does, and any seed's tensors fit into its architecture's template."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from hdus_peer.errors import WorkerError
from hdus_peer.learning.architectures import build
from hdus_peer.learning.export import export, templates
from hdus_peer.learning.tensors import exchanged, pack_tensors, schema_of
from tests.learning.conftest import DIGITS
from tests.learning.test_architectures import FOR_PICTURES, FOR_WINDOWS

PICTURE, WINDOW, ROW = (1, 8, 8), (3, 21), (13,)
EVERY = [
    *((name, PICTURE) for name in FOR_PICTURES),
    *((name, WINDOW) for name in FOR_WINDOWS),
    *((name, ROW) for name in ("mlp", "mlp-s")),
]


def used_model(name: str, shape: tuple[int, ...] = PICTURE) -> nn.Module:
    """With running statistics that are no longer those of the start, and many tensors still equal to one another."""
    torch.manual_seed(3)
    model = build(name, shape, 10)
    for _ in range(3):
        model(torch.randn(16, *shape) * 2 + 1)
    return model.eval()


def answers(content: bytes, x: Tensor) -> np.ndarray:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    logits: np.ndarray = session.run(["logits"], {"x": x.numpy()})[0]
    return logits


def filled(template: Path, tensors: Mapping[str, Tensor]) -> bytes:
    model = onnx.load(template)
    for initializer in model.graph.initializer:
        if initializer.name in tensors:
            value = onnx.numpy_helper.from_array(tensors[initializer.name].numpy(), initializer.name)
            initializer.CopyFrom(value)
    content: bytes = model.SerializeToString()
    return content


def assert_equals_torch(content: bytes, model: nn.Module, shape: tuple[int, ...]) -> None:
    for samples in (1, 5, 256):
        x = torch.randn(samples, *shape, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            expected = model(x).numpy()
        assert np.abs(answers(content, x) - expected).max() <= 2e-6 * max(1.0, np.abs(expected).max())


@pytest.mark.parametrize(("name", "shape"), EVERY)
def test_an_exported_model_answers_as_torch_does(name: str, shape: tuple[int, ...]) -> None:
    model = used_model(name, shape)
    assert_equals_torch(export(model, shape), model, shape)


@pytest.mark.parametrize(("name", "shape"), EVERY)
def test_a_template_takes_the_tensors_of_any_seed(name: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    model = used_model(name, shape)
    task = replace(DIGITS, seed_architectures=(name,), shape=shape)
    assert_equals_torch(filled(templates(task, tmp_path)[name], exchanged(model)), model, shape)


def test_templates_are_exported_once(tmp_path: Path) -> None:
    task = replace(DIGITS, seed_architectures=("mlp", "resnet8"))
    first = {name: path.stat().st_mtime_ns for name, path in templates(task, tmp_path).items()}
    assert {name: path.stat().st_mtime_ns for name, path in templates(task, tmp_path).items()} == first
    assert set(first) == {"mlp", "resnet8"}
    other = templates(replace(task, shape=(1, 9, 9)), tmp_path)
    assert not set(other.values()) & set(templates(task, tmp_path).values())


def test_a_template_that_lost_a_tensor_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal tensors are what the exporter merges: without the difference between them the check must speak."""
    monkeypatch.setattr("hdus_peer.learning.export._make_all_tensors_differ", lambda model: None)
    with pytest.raises(WorkerError, match="lost or won the tensor"):
        templates(replace(DIGITS, seed_architectures=("resnet8",)), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_seed_has_no_counters_and_its_schema_is_its_architectures() -> None:
    model = used_model("resnet8")
    assert not [name for name in exchanged(model) if "num_batches" in name]
    assert schema_of(model) == schema_of(build("resnet8", (1, 8, 8), 10)) != schema_of(build("resnet8", (1, 8, 8), 9))
    assert b"num_batches" not in pack_tensors(exchanged(model))
