"""The gRPC transport is tested on both event loops: asyncio's own, and uvloop, which the daemon runs on."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import uvloop

from tests.transport.worlds import GrpcWorld


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if "TestGrpc" in item.nodeid:
        return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}


@pytest.fixture
async def world() -> AsyncIterator[GrpcWorld]:
    world = GrpcWorld()
    yield world
    await world.close()
