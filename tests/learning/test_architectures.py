"""The registry: parameter counts are the method's, every architecture takes every usual picture."""

import pytest
import torch

from hdus_peer.errors import ConfigurationError
from hdus_peer.learning.architectures import REGISTRY, build, parameter_count

PUBLISHED = {
    "mobilenet-s": 5_050,
    "mobilenet-m": 348_490,
    "mobilenet-l": 2_237_194,
    "resnet8": 3_890,
    "resnet20": 272_186,
    "resnet50": 758_266,
}


@pytest.mark.parametrize(("name", "parameters"), PUBLISHED.items())
def test_parameter_counts_are_those_of_the_method(name: str, parameters: int) -> None:
    assert parameter_count(build(name, (1, 28, 28), 10)) == parameters


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32), (1, 4, 4)])
@pytest.mark.parametrize("name", REGISTRY)
def test_every_architecture_takes_every_picture(name: str, shape: tuple[int, ...]) -> None:
    model = build(name, shape, 7).eval()
    assert model(torch.zeros(2, *shape)).shape == (2, 7)


def test_the_perceptron_takes_plain_rows() -> None:
    assert build("mlp", (13,), 3)(torch.zeros(2, 13)).shape == (2, 3)


@pytest.mark.parametrize("shape", [(13,), (1, 3, 8)])
def test_a_picture_architecture_refuses_what_is_no_picture(shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigurationError, match="choose 'mlp'"):
        build("resnet8", shape, 3)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="mobilenet-s, mobilenet-m"):
        build("vgg", (1, 8, 8), 10)
