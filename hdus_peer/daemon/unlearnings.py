"""The owner's two orders to unlearn, as streams of how far they are: this peer as a whole, or samples of it.

Rule: a caller that goes away stops nothing. The daemon ends after a leave, once it is finished and whoever watches it
has been told.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace

from hdus_peer.control.port import UnlearnProgress
from hdus_peer.daemon.certificates import Certificates
from hdus_peer.daemon.forgetting import Forgetting
from hdus_peer.daemon.journal import Journal, change_or_silence
from hdus_peer.daemon.leaving import Leaving


class Unlearnings:
    """`begin_leave` has the core leave; `end_soon` ends the daemon a moment later; `stop_asked`: it is ending."""

    def __init__(
        self,
        leaving: Leaving,
        forgetting: Forgetting,
        certificates: Certificates,
        journal: Journal,
        begin_leave: Callable[[], Awaitable[None]],
        end_soon: Callable[[], None],
        stop_asked: asyncio.Event,
    ) -> None:
        self._leaving, self._forgetting, self._certificates, self._journal = leaving, forgetting, certificates, journal
        self._begin_leave, self._end_soon, self._stop_asked = begin_leave, end_soon, stop_asked
        self._watchers = 0

    def on_left(self) -> None:
        """The leave is finished: whoever watches it ends the daemon, or else nobody has to be waited for."""
        if not self._watchers:
            self._end_soon()

    async def forget(self, name: str) -> AsyncGenerator[UnlearnProgress, None]:
        """See `control.port.ControlledDaemon.forget`."""
        await self._forgetting.begin(name)
        async for progress in self._follow(self._leaving.forgetting):
            yield progress

    async def leave(self) -> AsyncGenerator[UnlearnProgress, None]:
        """See `control.port.ControlledDaemon.leave`."""
        self._watchers += 1
        try:
            await self._begin_leave()
            async for progress in self._follow(self._leaving.progress):
                yield progress
        finally:
            self._watchers -= 1
            if self._leaving.progress().finished:
                self.on_left()

    async def _follow(self, read: Callable[[], UnlearnProgress]) -> AsyncGenerator[UnlearnProgress, None]:
        """What `read` says, at every change, with a certificate that says as much, until it is finished."""
        last = None
        while not self._stop_asked.is_set():
            change = self._journal.coming_change()
            progress = read()
            if progress != last:
                await self._certificates.settle()
                yield replace(progress, certificate=str(self._certificates.file))
                last = progress
            if progress.finished:
                return
            await change_or_silence(change)
