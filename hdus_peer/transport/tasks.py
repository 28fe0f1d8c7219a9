"""The background tasks of one transport: none is lost, none outlives it, and an unexpected error of one is reported to
the event loop's handler instead of vanishing."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Tasks:
    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (problem := task.exception()):
            task.get_loop().call_exception_handler(
                {"message": "a task of the transport failed", "exception": problem, "task": task}
            )

    async def finish(self, patience_s: float) -> None:
        """Wait for all to end by themselves for `patience_s`, then cancel the rest and wait for these."""
        for patience in (patience_s, None):
            if running := set(self._running):
                await asyncio.wait(running, timeout=patience)
            for task in self._running:
                task.cancel()
