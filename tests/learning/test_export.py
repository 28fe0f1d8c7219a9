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
from hdus_peer.learning.architectures import REGISTRY, build
from hdus_peer.learning.export import export, templates
from hdus_peer.learning.tensors import exchanged, pack_tensors, schema_of
from tests.learning.conftest import DIGITS

X = torch.randn(5, 1, 8, 8, generator=torch.Generator().manual_seed(0))
TASK = replace(DIGITS, seed_architectures=tuple(REGISTRY))


def used_model(name: str) -> nn.Module:
    """With running statistics that are no longer those of the start, and many tensors still equal to one another."""
    torch.manual_seed(3)
    model = build(name, (1, 8, 8), 10)
    for _ in range(3):
        model(torch.randn(16, 1, 8, 8) * 2 + 1)
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


def assert_equals_torch(content: bytes, model: nn.Module) -> None:
    for x in (X, X[:1]):
        with torch.no_grad():
            expected = model(x).numpy()
        assert np.abs(answers(content, x) - expected).max() <= 2e-6 * max(1.0, np.abs(expected).max())


@pytest.mark.parametrize("name", REGISTRY)
def test_an_exported_model_answers_as_torch_does(name: str) -> None:
    model = used_model(name)
    assert_equals_torch(export(model, (1, 8, 8)), model)


@pytest.mark.parametrize("name", REGISTRY)
def test_a_template_takes_the_tensors_of_any_seed(name: str, tmp_path: Path) -> None:
    model = used_model(name)
    template = templates(replace(DIGITS, seed_architectures=(name,)), tmp_path)[name]
    assert_equals_torch(filled(template, exchanged(model)), model)


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
