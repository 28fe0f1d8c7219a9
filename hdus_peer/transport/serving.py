"""Sealed payloads on their way out: who is being sent what, and within which bounds.

Rules
1. At most so many streams per peer, and in all; one more is refused as "busy" before a file is opened.
2. What may not be fetched (any more) is "gone": the listener decides at the moment of the request.
3. A stream that the other side does not take within the idle deadline is ended; one that was withdrawn (`cancel`) reads
   not one byte more.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass

from hdus_peer.domain.identity import PeerId
from hdus_peer.errors import RefusedError, UnreachableError
from hdus_peer.transport.chunks import PayloadReader
from hdus_peer.transport.codec import FetchRequest
from hdus_peer.transport.limits import TransportLimits
from hdus_peer.transport.port import TransportListener

GONE = "gone"
BUSY = "busy"

Write = Callable[[bytes], Awaitable[None]]
Start = Callable[[int], AbstractAsyncContextManager[Write]]


@dataclass(eq=False, slots=True)
class _Stream:
    peer: PeerId
    payload_sha256: str
    sending: asyncio.Task[None]
    is_withdrawn: bool = False

    def withdraw(self) -> None:
        self.is_withdrawn = True
        self.sending.cancel()


class Serving:
    def __init__(self, listener: TransportListener, limits: TransportLimits) -> None:
        self._listener = listener
        self._limits = limits
        self._streams: set[_Stream] = set()

    async def serve(self, peer: PeerId, request: FetchRequest, start: Start) -> None:
        """Send what `peer` asked for. `start` is given the number of bytes; what it opens writes a chunk.
        Raises RefusedError("gone" or "busy"), UnreachableError where the other side takes nothing more, StorageError
        where the payload cannot be read."""
        payload = self._open(peer, request)
        async with start(payload.bytes_left) as write:
            await self._until_sent(peer, request, payload, write)

    async def _until_sent(self, peer: PeerId, request: FetchRequest, payload: PayloadReader, write: Write) -> None:
        sending = asyncio.create_task(self._send(payload, write))
        stream = _Stream(peer, request.payload_sha256, sending)
        self._streams.add(stream)
        try:
            await sending
        except asyncio.CancelledError:
            if stream.is_withdrawn:
                raise RefusedError(GONE) from None
            raise
        finally:
            self._streams.discard(stream)
            payload.close()

    def cancel(self, payload_sha256: str | None = None) -> None:
        """Withdraw every stream of this payload, or of all payloads."""
        for stream in tuple(self._streams):
            if payload_sha256 in (None, stream.payload_sha256):
                stream.withdraw()

    def _open(self, peer: PeerId, request: FetchRequest) -> PayloadReader:
        mine = sum(stream.peer == peer for stream in self._streams)
        if mine >= self._limits.served_per_peer_max or len(self._streams) >= self._limits.served_max:
            raise RefusedError(BUSY)
        payload = self._listener.open_payload(peer, request.payload_sha256)
        if payload is None:
            raise RefusedError(GONE)
        return PayloadReader(payload, request.offset)

    async def _send(self, payload: PayloadReader, write: Write) -> None:
        async with aclosing(payload.chunks()) as chunks:
            async for chunk in chunks:
                try:
                    async with asyncio.timeout(self._limits.bulk_idle_s):
                        await write(chunk)
                except TimeoutError as problem:
                    raise UnreachableError("the other side takes no more of the payload") from problem
