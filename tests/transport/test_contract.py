"""Both transports pass the suite of the port."""

from collections.abc import AsyncIterator

import pytest

from tests.contracts.transport import TransportContract
from tests.transport.worlds import MemoryWorld


class TestGrpc(TransportContract):
    """In the `world` of this folder, on both event loops (see conftest)."""


class TestMemory(TransportContract):
    @pytest.fixture
    async def world(self) -> AsyncIterator[MemoryWorld]:
        world = MemoryWorld()
        yield world
        await world.close()
