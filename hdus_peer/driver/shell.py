"""The shell around the core in a running daemon: a queue of inputs, one commit thread, one timer.

Rules
1. Inputs are answered in the order in which they came. Those that wait together are answered together and share one
   transaction: the order commit, send, act holds for each of their Steps.
2. The event loop never waits for the disk: commits happen in a thread of their own, one at a time.
3. A commit that the disk refuses is tried again until it succeeds; nothing of its Steps leaves before. The peer goes on
   listening meanwhile, and says so in an event.
4. Here, and nowhere else, it is noticed that the device slept (or the process was stopped): the boot clock is further
   than any waiting explains. The timers of the event loop do not count sleep, so the shell never waits for longer than
   `WAIT_MAX_S`, and the core learns of it before anything else that happened.
"""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from hdus_peer.domain.clock import Instant
from hdus_peer.domain.identity import PeerId
from hdus_peer.driver import Driver
from hdus_peer.errors import StorageError
from hdus_peer.protocol.peer import PeerCore
from hdus_peer.protocol.step import Event, NetworkChanged, Step

BATCH_MAX = 64
INPUTS_MAX = 10_000
COMMIT_RETRY_S = 1.0
WAIT_MAX_S = 5.0
SLEEP_MIN_S = 2.0
"""A wait that ends later than this was no wait: even a busy machine lets the loop go on sooner."""

Input = Callable[[PeerCore, Instant], Step]


class Shell:
    """`run` until cancelled. `submit` is called on the event loop only."""

    def __init__(
        self, core: PeerCore, driver: Driver, clock: Callable[[], Instant], publish: Callable[[Event], None]
    ) -> None:
        self._core, self._driver, self._clock, self._publish = core, driver, clock, publish
        self._inputs: asyncio.Queue[tuple[Input, asyncio.Future[None] | None]] = asyncio.Queue()
        self._commits = ThreadPoolExecutor(1, thread_name_prefix="hdus-commit")

    def submit(self, given: Input) -> None:
        """Queue an input that nobody says twice: what came of an effect, a link that came or went. Never dropped; there
        are no more of them than effects and links."""
        self._inputs.put_nowait((given, None))

    def offer(self, given: Input, sender: PeerId | None) -> None:
        """Queue an input from outside: dropped, and counted as of `sender`, where INPUTS_MAX wait already. The protocol
        says everything again."""
        if self._inputs.qsize() < INPUTS_MAX:
            self.submit(given)
        else:
            self._publish(Event("Refused", sender, (("reason", "overloaded"),)))

    async def carry_out(self, given: Input) -> None:
        """Queue an input and wait until its Step was carried out; never dropped."""
        finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._inputs.put_nowait((given, finished))
        await finished

    async def run(self) -> None:
        try:
            while True:
                batch = await self._next_batch()
                now = self._clock()
                steps = [given(self._core, now) for given, _ in batch]
                await self._commit(steps)
                for step in steps:
                    self._driver.finish(step)
                for _, finished in batch:
                    if finished is not None and not finished.done():
                        finished.set_result(None)
        finally:
            self._commits.shutdown(wait=True)

    async def _next_batch(self) -> list[tuple[Input, asyncio.Future[None] | None]]:
        due_s, began_s = self._core.next_deadline(), self._clock().boot_s
        wait_s = WAIT_MAX_S if due_s is None else min(WAIT_MAX_S, max(0.0, due_s - began_s))
        batch: list[tuple[Input, asyncio.Future[None] | None]] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                batch.append(await self._inputs.get())
        while batch and len(batch) < BATCH_MAX and not self._inputs.empty():
            batch.append(self._inputs.get_nowait())
        now_s = self._clock().boot_s
        if now_s - began_s > wait_s + SLEEP_MIN_S:
            batch.insert(0, (_woke_up(now_s - began_s), None))
        if due_s is not None and now_s >= due_s:
            batch.append((_timer, None))
        return batch

    async def _commit(self, steps: list[Step]) -> None:
        if not any(step.writes for step in steps):
            return
        loop = asyncio.get_running_loop()
        while True:
            try:
                await loop.run_in_executor(self._commits, self._driver.commit, steps)
                return
            except StorageError as problem:
                self._publish(Event("CommitRefused", None, (("problem", str(problem)),)))
                await asyncio.sleep(COMMIT_RETRY_S)


def _timer(core: PeerCore, now: Instant) -> Step:
    return core.timer(now)


def _woke_up(slept_s: float) -> Input:
    change = NetworkChanged(f"awake after {slept_s:.0f} s")
    return lambda core, now: core.neighbour(change, now)
