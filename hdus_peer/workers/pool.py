"""The predictor's processes: every living one with the payloads it ever touched, and which of them is the warm spare.

Rules
1. `touch` is called before a payload's path is told to a process, so that `holding` never misses one.
2. A process, once started, is in the table until it was reaped, whatever happens to whoever asked for it.
3. There is at most one spare, started in the background; after processes that died by themselves, later and later.

Absent on purpose: what the processes are asked (`predictor`).
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from hdus_peer.errors import WorkerError
from hdus_peer.workers.backoff import Backoff
from hdus_peer.workers.process import Child, Program, start_child

log = logging.getLogger(__name__)


class Pool:
    """`on_death` is told of every process that died without having been killed by us."""

    def __init__(self, program: Program, name: str, on_death: Callable[[Child], None]) -> None:
        self.backoff = Backoff()
        self._program = program
        self._name = name
        self._on_death = on_death
        self._touched: dict[Child, set[str]] = {}
        self._spare: Child | None = None
        self._one_spare = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = asyncio.Event()

    async def take(self) -> Child:
        """The spare, or a fresh process where there is none; it is the caller's from now on."""
        child = await self.spare()
        self._spare = None
        return child

    def take_now(self) -> Child | None:
        """The spare without waiting, if there is one alive."""
        child, self._spare = self._spare, None
        return None if child is None or child.gone else child

    async def spare(self) -> Child:
        """The spare, started where there is none; it stays the spare."""
        async with self._one_spare:
            if self._spare is None or self._spare.gone:
                self._spare = await self._started()
            return self._spare

    def renew(self) -> None:
        """See in the background that there is a spare, after a pause where processes died by themselves."""
        if self._spare is None and not self._closed.is_set():
            self._in_background(self._renew())

    def discard(self, child: Child) -> None:
        """End the spare `child` and start another; one that is no longer the spare is left alone."""
        if self._spare is child:
            self._spare = None
            child.kill()
            self.renew()

    def touch(self, child: Child, payloads: Iterable[str]) -> None:
        """From now on `child` counts as holding these payloads (SHA-256 of the sealed form), until it ends."""
        self._touched.setdefault(child, set()).update(payloads)

    def holding(self, payloads: frozenset[str]) -> list[Child]:
        """Every process, dying ones included, that touched one of these."""
        return [child for child, touched in self._touched.items() if touched & payloads]

    def everybody(self) -> list[Child]:
        """Every process, dying ones included; the spare is none from now on."""
        self._spare = None
        return list(self._touched)

    @property
    def pids(self) -> frozenset[int]:
        """Of every process that was not reaped yet, for people and checks."""
        return frozenset(child.pid for child in self._touched)

    async def close(self) -> None:
        """End every process, those being started too; return when none is left."""
        self._closed.set()
        for child in tuple(self._touched):
            child.kill()
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _started(self) -> Child:
        """A new process. Whoever waits here may be cancelled: the process is then ended as soon as it exists."""
        if self._closed.is_set():
            raise WorkerError(f"the {self._name} was stopped")
        starting = self._in_background(start_child(self._program, self._name))
        starting.add_done_callback(self._register)
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            starting.add_done_callback(_kill_started)
            raise

    def _register(self, starting: "asyncio.Task[Child]") -> None:
        if starting.cancelled() or starting.exception() is not None:
            return
        child = starting.result()
        self._touched[child] = set()
        self._in_background(self._watch(child))
        if self._closed.is_set():
            child.kill()

    async def _watch(self, child: Child) -> None:
        await child.wait_ended()
        was_spare = self._spare is child
        if was_spare:
            self._spare = None
        del self._touched[child]
        if not child.killed and not self._closed.is_set():
            log.warning("%s", child.describe_end())
            self.backoff.failed()
            self._on_death(child)
            if was_spare:
                self.renew()

    async def _renew(self) -> None:
        await self.backoff.pause(self._closed)
        with contextlib.suppress(WorkerError):  # whoever needs a process next is told
            await self.spare()

    def _in_background(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work, name=self._name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _kill_started(starting: "asyncio.Task[Child]") -> None:
    if not starting.cancelled() and starting.exception() is None:
        starting.result().kill()
