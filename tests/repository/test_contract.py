"""Both repositories keep the contract."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hdus_peer.repository.durable import DurableRepository
from hdus_peer.repository.memory import MemoryRepository, MemoryState
from tests.contracts.repository import RepositoryContract


class DirectoryPlace:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.repository: DurableRepository | None = None

    def open(self) -> DurableRepository:
        self.repository = DurableRepository(self.directory)
        return self.repository

    def close(self) -> None:
        if self.repository is not None:
            self.repository.close()


class MemoryPlace:
    def __init__(self) -> None:
        self.state = MemoryState()

    def open(self) -> MemoryRepository:
        self.repository = MemoryRepository(self.state)
        return self.repository

    def close(self) -> None:
        self.repository.close()


class TestDurable(RepositoryContract):
    @pytest.fixture
    def place(self, tmp_path: Path) -> Iterator[DirectoryPlace]:
        place = DirectoryPlace(tmp_path / "state")
        yield place
        place.close()


class TestMemory(RepositoryContract):
    @pytest.fixture
    def place(self) -> MemoryPlace:
        return MemoryPlace()
