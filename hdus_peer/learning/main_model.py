"""The main model: a registered architecture, or the operator's own factory `package.module:function`.

    def factory(shape, classes):      # (1, 28, 28), 10
        return torch.nn.Module        # from (samples, *shape) to logits (samples, classes)

Rules
1. A factory's model is tried before it is trained: one step of training as it will be, and an export that must answer
   as the model does. Whatever would end the job after hours ends it in its first seconds.
2. A checkpoint is used again only for the model that it was written for: its name, its factory's source file and the
   names, types and shapes of its state are in `identity`. What the factory's module imports is not looked at, but for
   what it changes of the state.

Absent on purpose: factories for seeds. Seeds are exchanged, and only registered architectures may be.
"""

import hashlib
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hdus_peer.domain.task import Task
from hdus_peer.errors import ConfigurationError
from hdus_peer.learning import operators_code
from hdus_peer.learning.architectures import build
from hdus_peer.learning.export import export
from hdus_peer.learning.trainer import Training, train_step
from hdus_peer.workers.job import Schedule

KEY = "train.main"
TRIED_SAMPLES = (1, 2, 5)
"""Batches of the export's trial: a graph that was traced for one number of samples fails at another."""
DEVIATION_MAX = 1e-3
"""Of the largest logit: far above what rounding does to deep models, far below what a wrong graph does."""


def build_main(name: str, task: Task) -> nn.Module:
    """A new main model, initialised from torch's global generator. Raises ConfigurationError."""
    if not operators_code.is_named(name):
        return build(name, task.shape, len(task.classes))
    model = operators_code.call(name, KEY, task.shape, len(task.classes))
    if not isinstance(model, nn.Module):
        raise _wrong(name, f"returned a {type(model).__name__}; return a torch.nn.Module")
    return model


def try_main(name: str, task: Task, schedule: Schedule, device: torch.device) -> None:
    """Raises ConfigurationError where the model cannot be built, or a factory's one not be trained or exported."""
    model = build_main(name, task).to(device)
    if not operators_code.is_named(name):
        return
    _check_tensors(name, model)
    _try_training(name, model, task, schedule, device)
    _try_export(name, model, task)


def identity(name: str, model: nn.Module) -> str:
    """SHA-256 (hex) of what makes a checkpoint one of this model."""
    source = operators_code.source_sha256(name) if operators_code.is_named(name) else ""
    state = [f"{key} {value.dtype} {tuple(value.shape)}" for key, value in model.state_dict().items()]
    return hashlib.sha256("\n".join([name, source, *state]).encode()).hexdigest()


def _check_tensors(name: str, model: nn.Module) -> None:
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise _wrong(name, "returned a model without anything to train; give it parameters that require gradients")
    odd = next((key for key, value in model.named_parameters() if value.dtype != torch.float32), None)
    if odd is not None:
        raise _wrong(name, f"returned a model whose parameter {odd} is not of float32; make it so")


def _try_training(name: str, model: nn.Module, task: Task, schedule: Schedule, device: torch.device) -> None:
    x = _samples(2, task).to(device)
    try:
        logits = model(x)
        _check_logits(name, logits, task)
        training = Training.begin(model, schedule, 0)
        train_step(training.model, training.optimizer, x, torch.zeros(2, dtype=torch.int64, device=device))
        after = model(x)
    except (RuntimeError, ValueError, TypeError, IndexError, AttributeError, KeyError, ArithmeticError) as problem:
        raise _wrong(name, f"makes a model that cannot be trained ({operators_code.said_of(problem)})") from problem
    if not bool(torch.isfinite(after).all()):
        raise _wrong(name, "makes a model that answers NaN after one step of training; mend it, or lower the rate")


def _check_logits(name: str, logits: Any, task: Task) -> None:
    wanted = (2, len(task.classes))
    if not isinstance(logits, Tensor):
        raise _wrong(
            name, f"makes a model that answers with a {type(logits).__name__}; answer with one tensor of logits"
        )
    if tuple(logits.shape) != wanted:
        raise _wrong(
            name, f"makes a model that answers 2 samples with the shape {tuple(logits.shape)}; it must be {wanted}"
        )
    if not bool(torch.isfinite(logits).all()):
        raise _wrong(name, "makes a model that answers NaN or infinity before it is trained")


def _try_export(name: str, model: nn.Module, task: Task) -> None:
    """Export, and run what came of it as the predictor will."""
    try:
        content = export(model, task.shape)
    except torch.onnx.errors.UnsupportedOperatorError as problem:
        said = " ".join(str(problem).split("Please")[0].split())
        said = said.rstrip(". ")
        raise _wrong(name, f"makes a model that cannot be exported to ONNX: {said}. Do without that operator") from None
    except Exception as problem:  # the exporter translates somebody else's code
        said = operators_code.said_of(problem)
        raise _wrong(name, f"makes a model that cannot be exported to ONNX ({said[:300]}); simplify it") from problem
    for samples in TRIED_SAMPLES:
        _compare(name, model, content, _samples(samples, task))


def _compare(name: str, model: nn.Module, content: bytes, x: Tensor) -> None:
    import onnxruntime  # only where there is something to try

    try:
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        (found,) = session.run(["logits"], {"x": x.numpy()})
    except Exception as problem:
        said = " ".join(str(problem).split())[:300]
        raise _wrong(name, f"makes a model whose export cannot be run with {len(x)} samples ({said})") from problem
    with torch.no_grad():
        expected = model(x).numpy()
    if found.shape != expected.shape or np.abs(found - expected).max() > DEVIATION_MAX * max(
        1.0, np.abs(expected).max()
    ):
        raise _wrong(
            name,
            f"makes a model whose export answers {len(x)} samples otherwise than the model does: its forward depends "
            "on the values or the number of the samples in a way that a fixed graph cannot; write it without",
        )


def _samples(count: int, task: Task) -> Tensor:
    """Standardised samples as good as any."""
    return torch.randn(count, *task.shape, generator=torch.Generator().manual_seed(count))


def _wrong(name: str, said: str) -> ConfigurationError:
    return ConfigurationError(f"{KEY} {name!r} {said}.".replace("..", "."))
