"""Chunks on their way from one network stream to one fetch.

Rules
1. At most two chunks wait: one is received while the one before is hashed and written, and no more memory is taken.
2. The fetch ends when the stream ends, fails or falls silent, whichever comes first; it never waits past its deadline.
3. Whoever abandons a pipe ends the task that fills it, and with it the stream. The pipe lets go of the task then: a
   cancelled task remembers where it was, chunk in hand, and in a circle of references that would outlive its erasure.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from hdus_peer.errors import HdusError, UnreachableError
from hdus_peer.transport.limits import TransportLimits

WAITING_CHUNKS_MAX = 2


class Pipe:
    def __init__(self) -> None:
        self.is_complete = False  # the fetch has every byte that it asked for
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue(WAITING_CHUNKS_MAX)
        self._error: HdusError | None = None
        self._filler: asyncio.Task[None] | None = None

    def fill(self, source: AsyncGenerator[bytes, None]) -> "asyncio.Task[None]":
        """Start moving what `source` gives into this pipe."""
        self._filler = asyncio.create_task(self._fill(source))
        return self._filler

    async def _fill(self, source: AsyncGenerator[bytes, None]) -> None:
        try:
            async with aclosing(source):
                async for chunk in source:
                    await self._chunks.put(chunk)
            await self._chunks.put(None)
        except HdusError as problem:
            self.fail(problem)
        except asyncio.CancelledError:
            self.fail(UnreachableError("the stream of the payload was cancelled; it is fetched again"))
            raise

    def fail(self, problem: HdusError) -> None:
        """End the fetch with `problem`, before the chunks that still wait."""
        if self._error is None:
            self._error = problem
            while not self._chunks.empty():
                self._chunks.get_nowait()
            self._chunks.put_nowait(None)

    def abandon(self) -> None:
        """Nobody reads any more."""
        filler, self._filler = self._filler, None
        if filler is not None:
            filler.cancel()

    async def chunks(self, limits: TransportLimits, bytes_expected: int) -> AsyncGenerator[bytes, None]:
        """What comes, until the stream ends. Raises what the pipe failed with, or UnreachableError when no byte came
        for `bulk_idle_s` or the whole takes longer than the slowest rate allows."""
        now = asyncio.get_running_loop().time
        deadline = now() + limits.bulk_idle_s + bytes_expected / limits.bulk_rate_min_bytes_s
        while True:
            try:
                async with asyncio.timeout_at(min(now() + limits.bulk_idle_s, deadline)):
                    chunk = await self._chunks.get()
            except TimeoutError as problem:
                raise UnreachableError("the payload stopped coming; it is resumed by itself") from problem
            if chunk is None:
                break
            yield chunk
        if self._error is not None:
            raise self._error
