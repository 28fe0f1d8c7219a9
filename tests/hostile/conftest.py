"""One victim and one honest neighbour for all tests of a module."""

from collections.abc import Iterator

import pytest

from tests.hostile.scene import Scene
from tests.integration.conftest import trained
from tests.integration.peers import Trained, network

__all__ = ["trained"]


@pytest.fixture(scope="module")
def scene(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with network(trained, tmp_path_factory.mktemp("hostile")) as made:
        yield Scene(made)
