"""One link over one gRPC stream, the same on the side that dialled and on the side that accepted.

Rules
1. Sending never waits: a frame goes into a queue bounded in frames and bytes, or is refused.
2. Frames leave in order, one stream write each; a frame waits for nothing but the frames before it.
3. A link that is closed delivers nothing more; what it had queued is flushed for a bounded time (a Goodbye, a receipt).
4. Fetches that run beside a link end with it.
5. The next frame is read when the one before has been taken.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import grpc

from hdus_peer.domain.identity import PeerId
from hdus_peer.errors import UnreachableError
from hdus_peer.transport.connection import Connection
from hdus_peer.transport.limits import TransportLimits
from hdus_peer.transport.pipe import Pipe

CLOSED_BY_PEER = "closed by the peer"
CONNECTION_LOST = "connection lost"

# How gRPC says that a stream has ended under a read or write: by status, by state, or by its own machinery.
STREAM_ERRORS = (grpc.RpcError, grpc.aio.BaseError, asyncio.InvalidStateError)


class Stream(Protocol):
    """What the caller's and the server's end of a bidirectional gRPC stream have in common."""

    async def read(self) -> Any:
        """The next message, or `grpc.aio.EOF`."""

    async def write(self, message: bytes, /) -> None: ...


async def nothing() -> None:
    """The accepting side ends its half of a stream by returning from the handler."""


class Link:
    def __init__(self, peer: PeerId, limits: TransportLimits, connection: Connection | None = None) -> None:
        """`connection`: the one that this side dialled; None where the other side did."""
        self.peer = peer
        self.connection = connection
        self.pipes: set[Pipe] = set()
        self._limits = limits
        self._frames: deque[bytes] = deque()
        self._queued_bytes = 0
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()

    @property
    def dialled(self) -> bool:
        return self.connection is not None

    @property
    def source(self) -> Connection | None:
        return self.connection

    def offer(self, frame: bytes) -> bool:
        """Queue `frame`; False where the queue is full."""
        if len(self._frames) >= self._limits.outgoing_frames_max:
            return False
        if self._queued_bytes + len(frame) > self._limits.outgoing_bytes_max:
            return False
        self._frames.append(frame)
        self._queued_bytes += len(frame)
        self._wake.set()
        return True

    def close(self, reason: str) -> None:
        self._closing.set()
        self._wake.set()
        for pipe in tuple(self.pipes):
            pipe.fail(UnreachableError(f"the link went down ({reason}); it is dialled again by itself"))

    async def run(
        self,
        stream: Stream,
        receive: Callable[[bytes], Awaitable[None]],
        half_close: Callable[[], Awaitable[None]] = nothing,
    ) -> str:
        """Carry frames both ways until the link is closed here or ends there; why it ended, in words. `half_close`
        says to the other side that nothing more comes."""
        reading = asyncio.create_task(self._read(stream, receive))
        writing = asyncio.create_task(self._write(stream, half_close))
        closing = asyncio.create_task(self._closing.wait())
        tasks = {reading, writing, closing}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if self._closing.is_set():
                await asyncio.wait(tasks if self.dialled else {writing}, timeout=self._limits.flush_s)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        return CONNECTION_LOST if reading.cancelled() else reading.result()

    async def _read(self, stream: Stream, receive: Callable[[bytes], Awaitable[None]]) -> str:
        try:
            while (frame := await stream.read()) is not grpc.aio.EOF:
                if not self._closing.is_set():
                    await receive(frame)
        except STREAM_ERRORS:
            return CONNECTION_LOST
        return CLOSED_BY_PEER

    async def _write(self, stream: Stream, half_close: Callable[[], Awaitable[None]]) -> None:
        try:
            while True:
                while self._frames:
                    frame = self._frames.popleft()
                    self._queued_bytes -= len(frame)
                    await stream.write(frame)
                if self._closing.is_set():
                    await half_close()
                    return
                self._wake.clear()
                await self._wake.wait()
        except STREAM_ERRORS:
            return
