"""The one language between the daemon and its children: frames over a stream.

A frame is 4 bytes header length, 8 bytes body length (big endian), a JSON object, and a binary body. No pickle; both
lengths are bounded, so that a broken child cannot make its parent read without end.
The parent's half is asynchronous, the child's blocking; both are here so that they cannot drift apart. Only the parent
pays for asyncio (9 MB), which is therefore imported for the types alone.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any, BinaryIO

from hdus_peer.errors import WorkerError

if TYPE_CHECKING:
    import asyncio

HEADER_BYTES_MAX = 1 << 20
BODY_BYTES_MAX = 1 << 30
_LENGTHS = struct.Struct(">IQ")

Frame = tuple[dict[str, Any], bytes]


def pack(header: dict[str, Any], body: bytes = b"") -> bytes:
    """One frame as bytes."""
    text = json.dumps(header, separators=(",", ":")).encode()
    return _LENGTHS.pack(len(text), len(body)) + text + body


def _sizes(lengths: bytes) -> tuple[int, int]:
    header_bytes, body_bytes = _LENGTHS.unpack(lengths)
    if header_bytes > HEADER_BYTES_MAX or body_bytes > BODY_BYTES_MAX:
        raise WorkerError("a child and its daemon lost step with one another; the child is started again")
    return header_bytes, body_bytes


async def read_frame(stream: asyncio.StreamReader) -> Frame | None:
    """The next frame from a child, or None at its end."""
    try:
        header_bytes, body_bytes = _sizes(await stream.readexactly(_LENGTHS.size))
        header = json.loads(await stream.readexactly(header_bytes))
        return header, await stream.readexactly(body_bytes)
    except (EOFError, ConnectionError):  # asyncio.IncompleteReadError is an EOFError
        return None


def receive(stream: BinaryIO) -> Frame | None:
    """The next frame from the daemon, or None once it closed its end."""
    lengths = _exactly(stream, _LENGTHS.size)
    if lengths is None:
        return None
    header_bytes, body_bytes = _sizes(lengths)
    header, body = _exactly(stream, header_bytes), _exactly(stream, body_bytes)
    return None if header is None or body is None else (json.loads(header), body)


def reply(stream: BinaryIO, header: dict[str, Any], body: bytes = b"") -> None:
    """Write one frame to the daemon and flush it."""
    stream.write(pack(header, body))
    stream.flush()


def _exactly(stream: BinaryIO, size: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        part = stream.read(size - len(parts))
        if not part:
            return None
        parts += part
    return bytes(parts)
