"""Sealed payloads as chunks: their form on the wire, and reading ahead from whoever holds them.

Rules
1. A chunk carries at most 1 MiB, the size at which gRPC was measured fastest; nothing larger is read.
2. Reading a file never blocks the event loop: the next chunk is read in a thread while this one is being sent.
3. Whoever stops early waits for the thread that still reads, so that a payload is never closed under it.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import NamedTuple

from google.protobuf.message import DecodeError

from hdus_peer.errors import MalformedError, StorageError
from hdus_peer.protocol.payload import Readable
from hdus_peer.wire.v1 import wire_pb2 as wire

CHUNK_BYTES_MAX = 1024 * 1024
CHUNK_OVERHEAD_BYTES = 32


class Chunk(NamedTuple):
    data: bytes
    ticket: int


def encode_chunk(data: bytes, ticket: int = 0) -> bytes:
    return wire.Chunk(data=data, ticket=ticket).SerializeToString()


def decode_chunk(message: bytes) -> Chunk:
    """Raises MalformedError."""
    try:
        chunk = wire.Chunk.FromString(message)
    except DecodeError as problem:
        raise MalformedError("bytes that are no chunk") from problem
    return Chunk(chunk.data, chunk.ticket)


async def read_ahead(payload: Readable, offset: int) -> AsyncGenerator[bytes, None]:
    """The chunks of `payload` from `offset` on. Raises StorageError for a payload that is shorter than it said."""
    reading: asyncio.Future[bytes] | None = None
    try:
        while offset < payload.size:
            reading = reading or _read(payload, offset)
            chunk = await asyncio.shield(reading)
            offset += len(chunk)
            reading = _read(payload, offset) if offset < payload.size else None
            yield chunk
    finally:
        if reading is not None:
            await asyncio.wait({reading})


def _read(payload: Readable, offset: int) -> asyncio.Future[bytes]:
    def read() -> bytes:
        chunk = payload.read(offset, min(CHUNK_BYTES_MAX, payload.size - offset))
        if not chunk:
            raise StorageError("a payload ended before its size; run `hdus-peer check`")
        return chunk

    return asyncio.get_running_loop().run_in_executor(None, read)
