"""Doing something now and then again and again: often while lonely, seldom otherwise.

Rule: two rounds are never closer than the short interval, however often loneliness comes and goes; and never closer
than `HURRIED_INTERVAL_S`, however often somebody calls for one at once.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

HURRIED_INTERVAL_S = 1.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Intervals:
    """Time between two rounds while some known member is missing, and while none is."""

    lonely_interval_s: float = 5.0
    settled_interval_s: float = 30.0


class Cadence:
    """Runs `round_` at once and then at the intervals. It starts lonely: a peer that just began knows nobody."""

    def __init__(self, intervals: Intervals, round_: Callable[[], Awaitable[None]]) -> None:
        self._intervals = intervals
        self._round = round_
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_hurried = False
        self.is_lonely = True

    async def start(self) -> None:
        """Returns after the first round."""
        await self._supervised_round()
        self._task = asyncio.create_task(self._run(), name="discovery")

    def lonely(self, is_lonely: bool) -> None:
        self.is_lonely = is_lonely
        self._changed.set()

    def hurry(self) -> None:
        """Let the next round begin at once."""
        self._is_hurried = True
        self._changed.set()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        while True:
            await self._until_due()
            self._is_hurried = False
            await self._supervised_round()

    async def _until_due(self) -> None:
        """Wait out the interval, which may change meanwhile."""
        clock = asyncio.get_running_loop().time
        began_s = clock()
        while (rest_s := began_s + self._interval_s() - clock()) > 0:
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest_s):
                    await self._changed.wait()

    def _interval_s(self) -> float:
        usual_s = self._intervals.lonely_interval_s if self.is_lonely else self._intervals.settled_interval_s
        return min(usual_s, HURRIED_INTERVAL_S) if self._is_hurried else usual_s

    async def _supervised_round(self) -> None:
        try:
            await self._round()
        except Exception as problem:  # noqa: BLE001 - supervisor: discovery only suggests, so the peer lives on without it
            _log.warning("looking for peers failed, will be tried again: %s: %s", type(problem).__name__, problem)
