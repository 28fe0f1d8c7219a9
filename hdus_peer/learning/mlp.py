"""A perceptron with two hidden layers: for samples of any shape, pictures or plain rows. S is the size of a seed."""

import math
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class MlpSize:
    """Units of the two hidden layers."""

    hidden: tuple[int, int] = (128, 64)


SMALL = MlpSize((32, 16))


class Mlp(nn.Module):
    """Logits of the flattened sample."""

    def __init__(self, size: MlpSize, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        first, second = size.hidden
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(math.prod(shape), first),
            nn.ReLU(),
            nn.Linear(first, second),
            nn.ReLU(),
            nn.Linear(second, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(samples, *shape) to logits (samples, classes)."""
        logits: Tensor = self.layers(x)
        return logits
