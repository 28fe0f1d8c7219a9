"""One template for all: the only thing here that PyTorch makes."""

import pytest

from hdus_peer.learning.architectures import build
from hdus_peer.learning.export import export
from tests.history.ensembles import CLASSES, SHAPE


@pytest.fixture(scope="session")
def template() -> bytes:
    return export(build("mlp-s", SHAPE, CLASSES), SHAPE)
