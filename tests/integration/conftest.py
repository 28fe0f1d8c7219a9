"""A network of real processes for each test; its members were trained once for the whole run."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # before gRPC loads: nothing here uses it in a forked child

from tests.integration.peers import Network, Trained, network


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return Trained(tmp_path_factory.mktemp("trained"))


@pytest.fixture
def peers(trained: Trained, tmp_path: Path) -> Iterator[Network]:
    with network(trained, tmp_path) as made:
        yield made
