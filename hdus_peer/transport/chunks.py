"""Sealed payloads as chunks: their form on the wire, and reading ahead from whoever holds them.

Rules
1. A chunk carries at most 1 MiB, the size at which gRPC was measured fastest; nothing larger is read.
2. Reading a file never blocks the event loop for long: a small payload is read at once (a thread would cost more than
   the read), of a large one the next chunk is read in a thread while this one is being sent.
3. A payload is closed once, and never under a thread that still reads from it.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import NamedTuple

from google.protobuf.message import DecodeError

from hdus_peer.errors import RefusedError, StorageError
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
    """Raises RefusedError("malformed")."""
    try:
        chunk = wire.Chunk.FromString(message)
    except DecodeError as problem:
        raise RefusedError("malformed") from problem
    return Chunk(chunk.data, chunk.ticket)


def _varint(number: int) -> bytes:
    """Protobuf's base-128 form: seven bits a byte, the lowest first, the top bit set on all but the last."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


class PayloadReader:
    """Reads one payload, from `offset` on. `close` may come at any moment, also while a thread reads."""

    def __init__(self, payload: Readable, offset: int) -> None:
        self._payload = payload
        self._offset = offset
        self._in_threads = self.bytes_left > AT_ONCE_BYTES_MAX
        self._reading: asyncio.Future[bytes] | None = None

    @property
    def bytes_left(self) -> int:
        return max(0, self._payload.size - self._offset)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Raises StorageError for a payload that is shorter than it said."""
        while self.bytes_left:
            chunk = await self._next_in_thread() if self._in_threads else self._read(self._offset)
            self._offset += len(chunk)
            if self._in_threads and self.bytes_left:
                self._read_ahead()
            yield chunk

    def close(self) -> None:
        if self._reading is None or self._reading.done():
            self._payload.close()
        else:
            self._reading.add_done_callback(self._close_after)

    async def _next_in_thread(self) -> bytes:
        return await asyncio.shield(self._reading or self._read_ahead())

    def _read_ahead(self) -> asyncio.Future[bytes]:
        self._reading = asyncio.get_running_loop().run_in_executor(None, self._read, self._offset)
        return self._reading

    def _read(self, offset: int) -> bytes:
        chunk = self._payload.read(offset, min(CHUNK_BYTES_MAX, self._payload.size - offset))
        if not chunk:
            raise StorageError("a payload ended before its size; run `hdus-peer check`")
        return chunk

    def _close_after(self, reading: asyncio.Future[bytes]) -> None:
        self._payload.close()
        if not reading.cancelled():
            reading.exception()  # nobody waits for it any more
