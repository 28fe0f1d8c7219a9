"""A pipe lets go of what passed through it."""

import asyncio
import gc
import os
import sys
from collections.abc import AsyncGenerator

from hdus_peer.transport.limits import TransportLimits
from hdus_peer.transport.pipe import Pipe

CHUNK_BYTES = 1000


async def test_an_abandoned_pipe_leaves_no_chunk_for_the_garbage_collector() -> None:
    """What waits for the collector to come by would outlive its erasure."""
    chunk = os.urandom(CHUNK_BYTES)
    before = sys.getrefcount(chunk)

    async def source() -> AsyncGenerator[bytes, None]:
        message = chunk
        yield message
        await asyncio.Event().wait()

    gc.disable()
    try:
        pipe = Pipe()
        filling = pipe.fill(source())
        chunks = pipe.chunks(TransportLimits(), CHUNK_BYTES)
        assert await anext(chunks) == chunk
        await chunks.aclose()
        pipe.abandon()
        await asyncio.wait({filling})
        assert filling.cancelled()
        del pipe, filling, chunks
        assert sys.getrefcount(chunk) == before
    finally:
        gc.enable()
