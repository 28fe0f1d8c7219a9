"""Real torch models of the registry, exported as the trainer does; everything small."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

from hdus_peer.inference.graph import Template
from hdus_peer.learning.architectures import build
from hdus_peer.learning.export import export
from hdus_peer.learning.tensors import exchanged

SHAPE = (1, 8, 8)
CLASSES = 10


@dataclass(frozen=True)
class Member:
    """A model in torch and as the predictor gets it."""

    module: nn.Module

    @property
    def onnx(self) -> bytes:
        return export(self.module, SHAPE)

    @property
    def tensors(self) -> dict[str, bytes]:
        return {name: tensor.numpy().astype("<f4").tobytes() for name, tensor in exchanged(self.module).items()}

    def logits(self, samples: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return self.module(torch.from_numpy(samples)).numpy()


def member(architecture: str, random_seed: int) -> Member:
    """A model whose every tensor, normalisation statistics included, is its own."""
    torch.manual_seed(random_seed)
    module = build(architecture, SHAPE, CLASSES).eval()
    with torch.no_grad():
        for tensor in exchanged(module).values():
            tensor.add_(torch.rand(tensor.shape) * 0.2)
    return Member(module)


@pytest.fixture(scope="session")
def template() -> Callable[[str], Template]:
    made: dict[str, Template] = {}

    def of(architecture: str) -> Template:
        if architecture not in made:
            made[architecture] = Template(member(architecture, 4711).onnx)
        return made[architecture]

    return of
