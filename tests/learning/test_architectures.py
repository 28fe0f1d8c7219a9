"""The registry: parameter counts never change, every architecture takes every usual sample of its kind."""

import pytest
import torch

from hdus_peer.errors import ConfigurationError
from hdus_peer.learning.architectures import REGISTRY, build, parameter_count

PICTURE, WINDOW, ROW = (1, 28, 28), (9, 128), (43,)
PUBLISHED = {
    "mobilenet-s": 5_050,
    "mobilenet-m": 348_490,
    "mobilenet-l": 2_237_194,
    "resnet8": 3_890,
    "resnet20": 272_186,
    "resnet50": 758_266,
}
OWN = {
    ("mlp", PICTURE): 109_386,
    ("mlp", ROW): 14_538,
    ("mlp-s", ROW): 2_106,
    ("cnn1d-s", WINDOW): 5_706,
    ("cnn1d-m", WINDOW): 393_290,
    ("transformer-s", WINDOW): 6_410,
    ("transformer-m", WINDOW): 310_858,
}
FOR_PICTURES = (*PUBLISHED, "mlp", "mlp-s")
FOR_WINDOWS = ("cnn1d-s", "cnn1d-m", "transformer-s", "transformer-m", "mlp", "mlp-s")


@pytest.mark.parametrize(("name", "parameters"), PUBLISHED.items())
def test_parameter_counts_are_those_of_the_method(name: str, parameters: int) -> None:
    assert parameter_count(build(name, PICTURE, 10)) == parameters


@pytest.mark.parametrize(("key", "parameters"), OWN.items())
def test_parameter_counts_of_our_own(key: tuple[str, tuple[int, ...]], parameters: int) -> None:
    assert parameter_count(build(*key, 10)) == parameters


def test_every_architecture_is_counted() -> None:
    assert {*PUBLISHED, *(name for name, _ in OWN)} == set(REGISTRY)


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32), (1, 4, 4)])
@pytest.mark.parametrize("name", FOR_PICTURES)
def test_every_architecture_of_pictures_takes_every_picture(name: str, shape: tuple[int, ...]) -> None:
    model = build(name, shape, 7).eval()
    assert model(torch.zeros(2, *shape)).shape == (2, 7)


@pytest.mark.parametrize("shape", [(1, 4), (3, 50), (9, 128), (1, 140), (6, 1024)])
@pytest.mark.parametrize("name", FOR_WINDOWS)
@pytest.mark.parametrize("batch", [1, 2])
def test_every_architecture_of_windows_takes_every_window(name: str, shape: tuple[int, ...], batch: int) -> None:
    model = build(name, shape, 7).eval()
    assert model(torch.zeros(batch, *shape)).shape == (batch, 7)


@pytest.mark.parametrize("name", ["mlp", "mlp-s"])
def test_the_perceptrons_take_plain_rows(name: str) -> None:
    assert build(name, (13,), 3)(torch.zeros(2, 13)).shape == (2, 3)


@pytest.mark.parametrize(
    ("name", "shape", "said"),
    [
        ("resnet8", (13,), "takes pictures of 4×4 or more.*choose 'mlp-s' or 'mlp'"),
        ("mobilenet-s", (1, 3, 8), "takes pictures.*choose 'mlp-s' or 'mlp'"),
        ("mobilenet-m", (9, 128), "takes pictures.*choose 'cnn1d-s', 'cnn1d-m' or 'mlp'"),
        ("cnn1d-s", (3, 32, 32), r"takes windows \(channels, length\) of 4 steps or more.*choose"),
        ("cnn1d-m", (3, 3), "takes windows.*choose 'mlp-s' or 'mlp'"),
        ("transformer-s", (13,), r"takes sequences \(features, length\) of 1024 steps or fewer"),
        ("transformer-m", (1, 1025), "1024 steps or fewer.*choose 'cnn1d-s'"),
    ],
)
def test_what_an_architecture_cannot_take_it_refuses(name: str, shape: tuple[int, ...], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        build(name, shape, 3)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="mobilenet-s, mobilenet-m"):
        build("vgg", (1, 8, 8), 10)
