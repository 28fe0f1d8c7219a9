"""Sealed payloads as chunks: their form on the wire, and reading ahead from whoever holds them.

Rules
1. A chunk carries at most 1 MiB, the size at which gRPC was measured fastest; nothing larger is read.
2. Reading a file never blocks the event loop for long: a small payload is read at once (a thread would cost more than
   the read), of a large one the next chunk is read in a thread while this one is being sent.
3. Whoever stops early waits for the thread that still reads, so that a payload is never closed under it.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import NamedTuple

from google.protobuf.message import DecodeError

from hdus_peer.errors import MalformedError, StorageError
from hdus_peer.protocol.payload import Readable
from hdus_peer.wire.v1 import wire_pb2 as wire

CHUNK_BYTES_MAX = 1024 * 1024
CHUNK_OVERHEAD_BYTES = 32
AT_ONCE_BYTES_MAX = 256 * 1024
_DATA_TAG = bytes([wire.Chunk.DATA_FIELD_NUMBER << 3 | 2])


class Chunk(NamedTuple):
    data: bytes
    ticket: int


def encode_chunk(data: bytes, ticket: int = 0) -> bytes:
    """A `wire.Chunk`, with one copy of the data where protobuf makes three (a tenth of the time of a fetch)."""
    return b"".join((wire.Chunk(ticket=ticket).SerializeToString(), _DATA_TAG, _varint(len(data)), data))


def decode_chunk(message: bytes) -> Chunk:
    """Raises MalformedError."""
    try:
        chunk = wire.Chunk.FromString(message)
    except DecodeError as problem:
        raise MalformedError("bytes that are no chunk") from problem
    return Chunk(chunk.data, chunk.ticket)


def _varint(number: int) -> bytes:
    """Protobuf's base-128 form: seven bits a byte, the lowest first, the top bit set on all but the last."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


async def chunks_of(payload: Readable, offset: int) -> AsyncGenerator[bytes, None]:
    """The chunks of `payload` from `offset` on. Raises StorageError for a payload that is shorter than it said."""
    if payload.size - offset > AT_ONCE_BYTES_MAX:
        async with aclosing(_read_ahead(payload, offset)) as chunks:
            async for chunk in chunks:
                yield chunk
        return
    while offset < payload.size:
        chunk = _read(payload, offset)
        offset += len(chunk)
        yield chunk


async def _read_ahead(payload: Readable, offset: int) -> AsyncGenerator[bytes, None]:
    reading: asyncio.Future[bytes] | None = None
    try:
        while offset < payload.size:
            reading = reading or _read_in_thread(payload, offset)
            chunk = await asyncio.shield(reading)
            offset += len(chunk)
            reading = _read_in_thread(payload, offset) if offset < payload.size else None
            yield chunk
    finally:
        if reading is not None:
            await asyncio.wait({reading})


def _read(payload: Readable, offset: int) -> bytes:
    chunk = payload.read(offset, min(CHUNK_BYTES_MAX, payload.size - offset))
    if not chunk:
        raise StorageError("a payload ended before its size; run `hdus-peer check`")
    return chunk


def _read_in_thread(payload: Readable, offset: int) -> asyncio.Future[bytes]:
    return asyncio.get_running_loop().run_in_executor(None, _read, payload, offset)
