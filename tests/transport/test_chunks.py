"""Reading a payload in chunks: whole, in bounds, and closed exactly once, never under a thread that reads."""

import asyncio
import threading

import pytest

from hdus_peer.errors import StorageError
from hdus_peer.transport.chunks import AT_ONCE_BYTES_MAX, CHUNK_BYTES_MAX, PayloadReader
from tests.contracts.transport import PATIENCE_S, Payload

BIG = 2 * CHUNK_BYTES_MAX + 5


class Reads:
    """A payload, the gate before its reads, and an event for its closing."""

    def __init__(self, size: int, claimed: int | None = None) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.closed = asyncio.Event()
        self.payload = Payload(bytes(size), claimed or size, self.gate, self.closed.set)


@pytest.mark.parametrize("offset", [0, 1, BIG - AT_ONCE_BYTES_MAX, BIG, BIG + 1])
async def test_every_byte_once(offset: int) -> None:
    reads = Reads(BIG)
    reader = PayloadReader(reads.payload, offset)
    assert reader.bytes_left == max(0, BIG - offset)
    chunks = [chunk async for chunk in reader.chunks()]
    assert sum(map(len, chunks)) == max(0, BIG - offset)
    assert all(0 < len(chunk) <= CHUNK_BYTES_MAX for chunk in chunks)
    reader.close()
    assert reads.payload.closed == 1


@pytest.mark.parametrize("size", [100, BIG])
async def test_a_payload_that_is_too_short(size: int) -> None:
    reader = PayloadReader(Reads(size // 2, size).payload, 0)
    with pytest.raises(StorageError, match="hdus-peer check"):
        [chunk async for chunk in reader.chunks()]
    reader.close()


async def test_closing_waits_for_the_thread_that_reads() -> None:
    reads = Reads(BIG)
    reader = PayloadReader(reads.payload, 0)
    chunks = reader.chunks()
    reads.gate.clear()
    first = asyncio.ensure_future(anext(chunks))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    reader.close()
    assert reads.payload.closed == 0
    reads.gate.set()
    async with asyncio.timeout(PATIENCE_S):
        await reads.closed.wait()
    assert reads.payload.closed == 1
