"""MobileNets for small pictures: inverted residuals, batch normalisation, ReLU6 (Sandler et al. 2018, MobileNetV2).

Strides are few, because the pictures are 8 to 32 pixels wide; the first block keeps its 1×1 convolution although it
does not expand. The parameter counts of S, M and L are part of the method (docs, "The experiment") and are tested.
"""

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Stage:
    """`repeats` blocks of `width` channels; the first of them has the stride."""

    width: int
    repeats: int = 1
    stride: int = 1
    expansion: int = 6


@dataclass(frozen=True, slots=True)
class MobileNetSize:
    """Channels after the stem and before the classifier, and the stages between them."""

    stem: int
    stages: tuple[Stage, ...]
    head: int


SMALL = MobileNetSize(32, (Stage(8, expansion=1), Stage(8, stride=2), Stage(8, stride=2)), 8)
MEDIUM = MobileNetSize(
    32,
    (Stage(16, expansion=1), Stage(24), Stage(32), Stage(48, stride=2), Stage(64), Stage(96, stride=2), Stage(160)),
    320,
)
LARGE = MobileNetSize(
    32,
    (
        Stage(16, expansion=1),
        Stage(24, repeats=2),
        Stage(32, repeats=3),
        Stage(64, repeats=4, stride=2),
        Stage(96, repeats=3),
        Stage(160, repeats=3, stride=2),
        Stage(320),
    ),
    1280,
)


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project; added to its input where the shapes allow."""

    def __init__(self, channels: int, width: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = channels * expansion
        self.residual = stride == 1 and channels == width
        self.layers = nn.Sequential(
            nn.Conv2d(channels, inner, 1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU6(),
            nn.Conv2d(inner, inner, 3, stride, 1, groups=inner, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU6(),
            nn.Conv2d(inner, width, 1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(samples, channels, height, width) to (samples, width, height / stride, width / stride)."""
        y: Tensor = self.layers(x)
        return x + y if self.residual else y


class MobileNet(nn.Module):
    """Logits of pictures of any size from 4×4 up."""

    def __init__(self, size: MobileNetSize, channels: int, classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(channels, size.stem, 3, padding=1, bias=False), nn.BatchNorm2d(size.stem), nn.ReLU6()
        )
        blocks, width = [], size.stem
        for stage in size.stages:
            for position in range(stage.repeats):
                blocks.append(InvertedResidual(width, stage.width, 1 if position else stage.stride, stage.expansion))
                width = stage.width
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Sequential(nn.Conv2d(width, size.head, 1, bias=False), nn.BatchNorm2d(size.head), nn.ReLU6())
        self.classifier = nn.Linear(size.head, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(samples, channels, height, width) to logits (samples, classes)."""
        y: Tensor = self.head(self.blocks(self.stem(x)))
        logits: Tensor = self.classifier(y.mean((2, 3)))
        return logits
