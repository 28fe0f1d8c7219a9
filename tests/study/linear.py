"""A convex model for the tests: one linear layer over flattened samples, from zero."""

import math

from torch import Tensor, nn


class Linear(nn.Module):
    """Logits of the flattened sample."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.layer = nn.Linear(inputs, classes)
        nn.init.zeros_(self.layer.weight)
        nn.init.zeros_(self.layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.layer(x.flatten(1))
        return logits


def linear(shape: tuple[int, ...], classes: int) -> nn.Module:
    return Linear(math.prod(shape), classes)
