"""Both transports pass the suite of the port."""

from collections.abc import AsyncIterator

import pytest

from tests.contracts.transport import TransportContract
from tests.transport.worlds import GrpcWorld, MemoryWorld


class TestGrpc(TransportContract):
    @pytest.fixture
    async def world(self) -> AsyncIterator[GrpcWorld]:
        world = GrpcWorld()
        yield world
        await world.close()


class TestMemory(TransportContract):
    @pytest.fixture
    async def world(self) -> AsyncIterator[MemoryWorld]:
        world = MemoryWorld()
        yield world
        await world.close()
