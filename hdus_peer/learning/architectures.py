"""The registry of architectures: the only names that a main or a seed model may have.

Rule: an architecture is a name and a shape, never code that somebody sends. A name's meaning (layers, tensor names)
never changes; another network gets another name, because seeds of it may be held by peers of any version.
"""

from collections.abc import Callable
from functools import partial

from torch import nn

from hdus_peer.errors import ConfigurationError
from hdus_peer.learning import cnn1d, mlp, transformer
from hdus_peer.learning.cnn1d import Cnn1d, Cnn1dSize
from hdus_peer.learning.mlp import Mlp, MlpSize
from hdus_peer.learning.mobilenet import LARGE, MEDIUM, SMALL, MobileNet, MobileNetSize
from hdus_peer.learning.resnet import RESNET8, RESNET20, RESNET50, ResNet, ResNetSize
from hdus_peer.learning.transformer import Transformer, TransformerSize

Factory = Callable[[tuple[int, ...], int], nn.Module]

PICTURE_SIDE_MIN = 4
WINDOW_LENGTH_MIN = 4
SEQUENCE_LENGTH_MAX = 1024
"""Attention compares every step with every other: a longer sequence costs memory by the square of its length."""


def build(name: str, shape: tuple[int, ...], classes: int) -> nn.Module:
    """A new model for samples of `shape` (channels first), initialised from torch's global generator.

    Raises ConfigurationError for an unknown name, or a shape that the architecture cannot take."""
    factory = REGISTRY.get(name)
    if factory is None:
        raise ConfigurationError(f"there is no architecture {name!r}; choose one of {', '.join(REGISTRY)}")
    try:
        return factory(shape, classes)
    except _UnfitError as problem:
        raise ConfigurationError(f"the architecture {name!r} {problem}") from None


def parameter_count(model: nn.Module) -> int:
    """Trainable parameters; the statistics of batch normalisation are not among them."""
    return sum(parameter.numel() for parameter in model.parameters())


def _mobilenet(size: MobileNetSize, shape: tuple[int, ...], classes: int) -> nn.Module:
    return MobileNet(size, _channels_of_picture(shape), classes)


def _resnet(size: ResNetSize, shape: tuple[int, ...], classes: int) -> nn.Module:
    return ResNet(size, _channels_of_picture(shape), classes)


def _cnn1d(size: Cnn1dSize, shape: tuple[int, ...], classes: int) -> nn.Module:
    if len(shape) != 2 or shape[1] < WINDOW_LENGTH_MIN:
        raise _unfit(shape, f"windows (channels, length) of {WINDOW_LENGTH_MIN} steps or more")
    return Cnn1d(size, shape[0], classes)


def _transformer(size: TransformerSize, shape: tuple[int, ...], classes: int) -> nn.Module:
    if len(shape) != 2 or shape[1] > SEQUENCE_LENGTH_MAX:
        raise _unfit(shape, f"sequences (features, length) of {SEQUENCE_LENGTH_MAX} steps or fewer")
    return Transformer(size, shape[0], shape[1], classes)


def _channels_of_picture(shape: tuple[int, ...]) -> int:
    if len(shape) != 3 or min(shape[1:]) < PICTURE_SIDE_MIN:
        raise _unfit(shape, f"pictures of {PICTURE_SIDE_MIN}×{PICTURE_SIDE_MIN} or more")
    return shape[0]


class _UnfitError(Exception):
    """The architecture cannot take the task's samples."""


def _unfit(shape: tuple[int, ...], taken: str) -> _UnfitError:
    is_window = len(shape) == 2 and shape[1] >= WINDOW_LENGTH_MIN
    fitting = "'cnn1d-s', 'cnn1d-m' or 'mlp'" if is_window else "'mlp-s' or 'mlp'"
    return _UnfitError(f"takes {taken}, and the samples of this task have the shape {shape}; choose {fitting}")


REGISTRY: dict[str, Factory] = {
    "mobilenet-s": partial(_mobilenet, SMALL),
    "mobilenet-m": partial(_mobilenet, MEDIUM),
    "mobilenet-l": partial(_mobilenet, LARGE),
    "resnet8": partial(_resnet, RESNET8),
    "resnet20": partial(_resnet, RESNET20),
    "resnet50": partial(_resnet, RESNET50),
    "mlp": partial(Mlp, MlpSize()),
    "mlp-s": partial(Mlp, mlp.SMALL),
    "cnn1d-s": partial(_cnn1d, cnn1d.SMALL),
    "cnn1d-m": partial(_cnn1d, cnn1d.MEDIUM),
    "transformer-s": partial(_transformer, transformer.SMALL),
    "transformer-m": partial(_transformer, transformer.MEDIUM),
}
