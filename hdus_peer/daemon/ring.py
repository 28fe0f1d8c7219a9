"""The last entries of the daemon's log, in memory, and those who follow them.

Rules
1. Bounded: so many entries of level info and above, and so many below it, apart, so that a flood of small news does
   not push out what matters. Nothing of it is on a disk: what is to be kept is the log of the process (stderr).
2. Nobody waits for a follower. One that cannot keep up loses its oldest entries, and is told how many.
3. What comes from another thread is taken as well; followers live on the event loop.

Its cost: about 300 bytes an entry, 0.15 MB when it is full. A trace or a text that is long is kept to its end.
"""

import asyncio
import itertools
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from hdus_peer.control.port import LEVELS, LogEntry, LogsWanted
from hdus_peer.errors import DataError

ENTRIES_MAX = 256
BACKLOG_MAX = 256
TEXT_MAX = 2000
_LOUD = LEVELS.index("info")


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry, its place in the order of all, and whether it is an event of the peer."""

    number: int
    entry: LogEntry
    is_event: bool

    def is_wanted(self, wanted: LogsWanted) -> bool:
        is_loud_enough = LEVELS.index(self.entry.level) >= LEVELS.index(wanted.level)
        return is_loud_enough and (self.is_event or not wanted.events_only)


class Ring:
    def __init__(self, entries_max: int = ENTRIES_MAX, backlog_max: int = BACKLOG_MAX) -> None:
        """`entries_max`: of either half; `backlog_max`: how many entries wait for one follower."""
        self._halves = deque[Kept](maxlen=entries_max), deque[Kept](maxlen=entries_max)
        self._backlog_max = backlog_max
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._followers: list[_Follower] = []
        self._is_closed = False

    def add(self, entry: LogEntry, is_event: bool) -> None:
        kept = Kept(next(self._numbers), _bounded(entry), is_event)
        with self._lock:
            self._halves[LEVELS.index(entry.level) >= _LOUD].append(kept)
            followers = tuple(self._followers)
        for follower in followers:
            follower.offer(kept)

    async def stream(self, wanted: LogsWanted) -> AsyncGenerator[LogEntry, None]:
        """See `control.port.ControlledDaemon.logs`."""
        if wanted.level not in LEVELS:
            raise DataError(f"There is no level {wanted.level!r}: choose one of {', '.join(LEVELS)}.")
        with self._following(wanted) as (past, follower):
            for kept in past:
                yield kept.entry
            while wanted.follow and (waiting := await follower.taken()):
                for entry in waiting:
                    yield entry

    def close(self) -> None:
        """End every stream once it has handed out what is there."""
        with self._lock:
            self._is_closed = True
            followers = tuple(self._followers)
        for follower in followers:
            follower.end()

    @contextmanager
    def _following(self, wanted: LogsWanted) -> "Iterator[tuple[list[Kept], _Follower]]":
        """What is there now, and a follower that hears everything after it."""
        follower = _Follower(wanted, self._backlog_max)
        with self._lock:
            all_of_it = sorted((*self._halves[0], *self._halves[1]), key=lambda kept: kept.number)
            past = [kept for kept in all_of_it if kept.is_wanted(wanted)]
            self._followers.append(follower)
            if self._is_closed:
                follower.end()
        try:
            yield past[len(past) - min(wanted.lines, len(past)) :], follower
        finally:
            with self._lock:
                self._followers.remove(follower)


def _bounded(entry: LogEntry) -> LogEntry:
    if len(entry.trace) <= TEXT_MAX and len(entry.event) <= TEXT_MAX:
        return entry
    return replace(entry, event=entry.event[-TEXT_MAX:], trace=entry.trace[-TEXT_MAX:])


class _Follower:
    """What waits for one reader."""

    def __init__(self, wanted: LogsWanted, backlog_max: int) -> None:
        self._wanted, self._waiting = wanted, deque[LogEntry](maxlen=backlog_max)
        self._missed = 0
        self._is_over = False
        self._lock = threading.Lock()
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def offer(self, kept: Kept) -> None:
        if kept.is_wanted(self._wanted):
            with self._lock:
                self._missed += len(self._waiting) == self._waiting.maxlen
                self._waiting.append(kept.entry)
            self._loop.call_soon_threadsafe(self._news.set)

    def end(self) -> None:
        self._is_over = True
        self._loop.call_soon_threadsafe(self._news.set)

    async def taken(self) -> list[LogEntry]:
        """Everything that waits, as soon as there is something; nothing once it is over."""
        while not self._waiting and not self._is_over:
            await self._news.wait()
            self._news.clear()
        with self._lock:
            missed, self._missed = self._missed, 0
            waiting = [*self._waiting]
            self._waiting.clear()
        gap = [LogEntry(time.time(), "warning", "EntriesMissed", f'{{"missed": {missed}}}', "")] if missed else []
        return [*gap, *waiting]
