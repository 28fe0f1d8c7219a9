"""The registry of architectures: the only names that a main or a seed model may have.

Rule: an architecture is a name and a shape, never code that somebody sends. A name's meaning (layers, tensor names)
never changes; another network gets another name, because seeds of it may be held by peers of any version.
"""

from collections.abc import Callable
from functools import partial

from torch import nn

from hdus_peer.errors import ConfigurationError
from hdus_peer.learning.mlp import Mlp, MlpSize
from hdus_peer.learning.mobilenet import LARGE, MEDIUM, SMALL, MobileNet, MobileNetSize
from hdus_peer.learning.resnet import RESNET8, RESNET20, RESNET50, ResNet, ResNetSize

Factory = Callable[[tuple[int, ...], int], nn.Module]

PICTURE_SIDE_MIN = 4


def build(name: str, shape: tuple[int, ...], classes: int) -> nn.Module:
    """A new model for samples of `shape` (channels first), initialised from torch's global generator.

    Raises ConfigurationError for an unknown name, or a shape that the architecture cannot take."""
    factory = REGISTRY.get(name)
    if factory is None:
        raise ConfigurationError(f"there is no architecture {name!r}; choose one of {', '.join(REGISTRY)}")
    return factory(shape, classes)


def parameter_count(model: nn.Module) -> int:
    """Trainable parameters; the statistics of batch normalisation are not among them."""
    return sum(parameter.numel() for parameter in model.parameters())


def _channels(shape: tuple[int, ...]) -> int:
    if len(shape) != 3 or min(shape[1:]) < PICTURE_SIDE_MIN:
        raise ConfigurationError(
            f"this architecture takes pictures of {PICTURE_SIDE_MIN}×{PICTURE_SIDE_MIN} or more, and the samples of "
            f"this task have the shape {shape}; choose 'mlp'"
        )
    return shape[0]


def _mobilenet(size: MobileNetSize, shape: tuple[int, ...], classes: int) -> nn.Module:
    return MobileNet(size, _channels(shape), classes)


def _resnet(size: ResNetSize, shape: tuple[int, ...], classes: int) -> nn.Module:
    return ResNet(size, _channels(shape), classes)


REGISTRY: dict[str, Factory] = {
    "mobilenet-s": partial(_mobilenet, SMALL),
    "mobilenet-m": partial(_mobilenet, MEDIUM),
    "mobilenet-l": partial(_mobilenet, LARGE),
    "resnet8": partial(_resnet, RESNET8),
    "resnet20": partial(_resnet, RESNET20),
    "resnet50": partial(_resnet, RESNET50),
    "mlp": partial(Mlp, MlpSize()),
}
