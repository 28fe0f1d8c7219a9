"""Small Transformers for sequences: (features, length), numbers at every step (Vaswani et al. 2017; normalisation
before each sublayer as in Xiong et al. 2020, so that they train without a warm-up).

A convolution over five steps, every second one kept, brings a sequence to the model's width, and each place gets a
learned position; the mean over time goes to the classifier. (With one step at a time as its input, S learned nothing of
noisy waves in the time in which cnn1d-s knew them all.)
There is no dropout: a checkpoint holds everything that decides the next bit, and small models do without. Attention is
written out in matrix products, so that the export has the same numbers under the same names.

Absent on purpose: token ids. A task's samples are numbers with a mean and a deviation, and a vocabulary would have to
be part of the task as well; give words as one-hot features or as the vectors of a fixed embedding.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

POSITION_DEVIATION = 0.02
KERNEL = 5
STRIDE = 2


@dataclass(frozen=True, slots=True)
class TransformerSize:
    """`width` of the model, `hidden` units of the sublayer behind each attention."""

    width: int
    heads: int
    blocks: int
    hidden: int


SMALL = TransformerSize(width=16, heads=2, blocks=2, hidden=32)
MEDIUM = TransformerSize(width=96, heads=4, blocks=4, hidden=192)


class Attention(nn.Module):
    """Every step asks all steps (no mask: the whole sequence is known)."""

    def __init__(self, size: TransformerSize) -> None:
        super().__init__()
        self.heads = size.heads
        self.scale = 1.0 / math.sqrt(size.width // size.heads)
        self.queries = nn.Linear(size.width, size.width)
        self.keys = nn.Linear(size.width, size.width)
        self.values = nn.Linear(size.width, size.width)
        self.output = nn.Linear(size.width, size.width)

    def forward(self, x: Tensor) -> Tensor:
        """(samples, length, width) to the same."""
        queries, keys, values = (self._split(part(x)) for part in (self.queries, self.keys, self.values))
        weights = torch.softmax(queries @ keys.transpose(2, 3) * self.scale, dim=3)
        mixed: Tensor = self.output((weights @ values).transpose(1, 2).flatten(2))
        return mixed

    def _split(self, x: Tensor) -> Tensor:
        """(samples, length, width) to (samples, heads, length, width of a head)."""
        return torch.unflatten(x, 2, (self.heads, -1)).transpose(1, 2)


class Block(nn.Module):
    """Attention and a perceptron, each normalised before and added to its input."""

    def __init__(self, size: TransformerSize) -> None:
        super().__init__()
        self.attention = nn.Sequential(nn.LayerNorm(size.width), Attention(size))
        self.perceptron = nn.Sequential(
            nn.LayerNorm(size.width), nn.Linear(size.width, size.hidden), nn.ReLU(), nn.Linear(size.hidden, size.width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(samples, length, width) to the same."""
        y: Tensor = x + self.attention(x)
        z: Tensor = y + self.perceptron(y)
        return z


class Transformer(nn.Module):
    """Logits of sequences of one length."""

    def __init__(self, size: TransformerSize, features: int, length: int, classes: int) -> None:
        super().__init__()
        self.embedding = nn.Conv1d(features, size.width, KERNEL, STRIDE, KERNEL // 2)
        places = (length - 1) // STRIDE + 1
        self.positions = nn.Parameter(torch.randn(places, size.width) * POSITION_DEVIATION)
        self.blocks = nn.Sequential(*(Block(size) for _ in range(size.blocks)))
        self.normalisation = nn.LayerNorm(size.width)
        self.classifier = nn.Linear(size.width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(samples, features, length) to logits (samples, classes)."""
        y: Tensor = self.blocks(self.embedding(x).transpose(1, 2) + self.positions)
        logits: Tensor = self.classifier(self.normalisation(y).mean(1))
        return logits
