"""1-D convolutional networks for windows of sensors: (channels, length), strided convolutions, the mean over time.

A window is looked at through kernels of 7, 5 and 3 steps while its length halves and its channels grow; the mean at the
end makes the answer one of the whole window, wherever in it something happened. S is the size of a seed.
"""

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution to `width` channels, with batch normalisation."""

    width: int
    kernel: int
    stride: int = 1


@dataclass(frozen=True, slots=True)
class Cnn1dSize:
    """The convolutions, in order."""

    layers: tuple[Layer, ...]


SMALL = Cnn1dSize((Layer(16, 7), Layer(24, 5, stride=2), Layer(32, 3, stride=2)))
MEDIUM = Cnn1dSize(
    (Layer(64, 7), Layer(128, 5, stride=2), Layer(128, 3), Layer(256, 3, stride=2), Layer(256, 3, stride=2))
)


class Cnn1d(nn.Module):
    """Logits of windows of any length."""

    def __init__(self, size: Cnn1dSize, channels: int, classes: int) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        width = channels
        for layer in size.layers:
            padding = layer.kernel // 2
            stages += [
                nn.Conv1d(width, layer.width, layer.kernel, layer.stride, padding, bias=False),
                nn.BatchNorm1d(layer.width),
                nn.ReLU(),
            ]
            width = layer.width
        self.layers = nn.Sequential(*stages)
        self.classifier = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(samples, channels, length) to logits (samples, classes)."""
        y: Tensor = self.layers(x)
        logits: Tensor = self.classifier(y.mean(2))
        return logits
