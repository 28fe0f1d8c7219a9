"""Tasks of the effects: supervised, bounded to one at a time per payload, and their file work in threads.

Rules
1. An error that no effect translated ends that effect alone, and is published, never swallowed.
2. A thread cannot be cancelled: a task on a payload that is cancelled ends only once its threads have, so that whoever
   comes after it (an erasure) finds nothing written behind its back.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
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
        self._threads: dict[asyncio.Task[Any] | None, list[Future[Any]]] = {}

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
        task = self.spawn(self._after(earlier, work))
        if erases:
            self._erasing.add(task)
        self._by_payload.update(dict.fromkeys(payloads, task))
        task.add_done_callback(lambda ended: self._forget(payloads, ended))

    def _forget(self, payloads: tuple[str, ...], ended: asyncio.Task[None]) -> None:
        self._erasing.discard(ended)
        for payload in payloads:
            if self._by_payload.get(payload) is ended:
                del self._by_payload[payload]

    async def _after(self, earlier: set[asyncio.Task[None]], work: Work) -> None:
        if earlier:
            await asyncio.wait(earlier)
        try:
            await work()
        finally:
            await self._until_threads_ended()

    def in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """Run blocking file work in a thread; it begins at once, awaited or not."""
        running = self._files.submit(work, *args, **kwargs)
        task = asyncio.current_task()
        if task is not None:
            under_way = [other for other in self._threads.get(task, []) if not other.done()]
            self._threads[task] = [*under_way, running]
        return asyncio.wrap_future(running)

    async def _until_threads_ended(self) -> None:
        """Of the task that asks, however often it is cancelled meanwhile."""
        left = [asyncio.wrap_future(running) for running in self._threads.pop(asyncio.current_task(), [])]
        was_cancelled = False
        while not all(running.done() for running in left):
            try:
                await asyncio.wait(left)
            except asyncio.CancelledError:
                was_cancelled = True
        await asyncio.gather(*left, return_exceptions=True)  # whoever awaited one was told; nobody else need be
        if was_cancelled:
            raise asyncio.CancelledError

    async def stop(self) -> None:
        """Cancel and await everything that is under way."""
        while self._running:
            for task in list(self._running):
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)
        self._files.shutdown(wait=True)
