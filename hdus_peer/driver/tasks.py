"""Tasks of the effects: supervised, bounded to one at a time per payload, and their file work in threads.

Rule: an error that no effect translated ends that effect alone, and is published, never swallowed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from hdus_peer.protocol.step import Event

FILE_THREADS = 4

P = ParamSpec("P")
T = TypeVar("T")
Work = Callable[[], Coroutine[Any, Any, None]]


class Tasks:
    def __init__(self, publish: Callable[[Event], None]) -> None:
        self._publish = publish
        self._files = ThreadPoolExecutor(FILE_THREADS, thread_name_prefix="hdus-files")
        self._running: set[asyncio.Task[None]] = set()
        self._by_payload: dict[str, asyncio.Task[None]] = {}
        self._erasing: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        problem = None if task.cancelled() else task.exception()
        if problem is not None:
            self._publish(Event("EffectFailed", None, (("problem", f"{type(problem).__name__}: {problem}"),)))

    def spawn_for(self, payloads: tuple[str, ...], work: Work, *, erases: bool) -> None:
        """Run `work` after everything that is under way for these payloads. One that `erases` cancels that first, and
        is itself never cancelled by another."""
        earlier = {self._by_payload[payload] for payload in payloads if payload in self._by_payload}
        for task in earlier - self._erasing if erases else ():
            task.cancel()
        task = self.spawn(_after(earlier, work))
        if erases:
            self._erasing.add(task)
        self._by_payload.update(dict.fromkeys(payloads, task))
        task.add_done_callback(lambda ended: self._forget(payloads, ended))

    def _forget(self, payloads: tuple[str, ...], ended: asyncio.Task[None]) -> None:
        self._erasing.discard(ended)
        for payload in payloads:
            if self._by_payload.get(payload) is ended:
                del self._by_payload[payload]

    def in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """Run blocking file work in a thread; it begins at once, awaited or not."""
        return asyncio.get_running_loop().run_in_executor(self._files, lambda: work(*args, **kwargs))

    async def stop(self) -> None:
        """Cancel and await everything that is under way."""
        while self._running:
            for task in list(self._running):
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)
        self._files.shutdown(wait=True)


async def _after(earlier: set[asyncio.Task[None]], work: Callable[[], Awaitable[None]]) -> None:
    if earlier:
        await asyncio.wait(earlier)
    await work()
