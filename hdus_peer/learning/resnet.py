"""Residual networks for small pictures (He et al. 2016, the CIFAR form): three stages, projection shortcuts.

The parameter counts of ResNet 8, 20 and 50 are part of the method (docs, "The experiment") and are tested.
"""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.functional import relu


@dataclass(frozen=True, slots=True)
class ResNetSize:
    """Channels of the three stages, and residual blocks in each; the later two stages halve the picture."""

    widths: tuple[int, int, int]
    blocks: int


RESNET8 = ResNetSize((8, 8, 8), 1)
RESNET20 = ResNetSize((16, 32, 64), 3)
RESNET50 = ResNetSize((16, 32, 64), 8)


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions around a shortcut, which is a 1×1 convolution where the shape changes."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, 3, stride, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels != width:
            self.shortcut = nn.Sequential(nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        """(samples, channels, height, width) to (samples, width, height / stride, width / stride)."""
        return relu(self.layers(x) + self.shortcut(x))


class ResNet(nn.Module):
    """Logits of pictures of any size from 4×4 up."""

    def __init__(self, size: ResNetSize, channels: int, classes: int) -> None:
        super().__init__()
        width = size.widths[0]
        self.stem = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        blocks = []
        for stage, stage_width in enumerate(size.widths):
            for position in range(size.blocks):
                blocks.append(ResidualBlock(width, stage_width, 2 if stage and not position else 1))
                width = stage_width
        self.blocks = nn.Sequential(*blocks)
        self.classifier = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(samples, channels, height, width) to logits (samples, classes)."""
        y: Tensor = self.blocks(self.stem(x))
        logits: Tensor = self.classifier(y.mean((2, 3)))
        return logits
