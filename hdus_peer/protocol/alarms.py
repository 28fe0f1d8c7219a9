"""Alarms: the earliest of many deadlines, without looking at all of them.

Rule: a deadline that may have moved to an earlier time is told with `watch`. One that moved to a later time, or is no
more, may be told, too; otherwise that is noticed when its old time has come.
"""

import heapq
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from hdus_peer.domain.clock import Instant
from hdus_peer.protocol.state import Draft

K = TypeVar("K", bound=str)
NEVER_S = float("inf")


class Alarms(Generic[K]):
    """`due_s`: the deadline of a key as it is now, in seconds of the boot clock; `NEVER_S` where it has none."""

    def __init__(self, due_s: Callable[[K], float]) -> None:
        self._due_s = due_s
        self._heap: list[tuple[float, K]] = []
        self._at_s: dict[K, float] = {}

    def watch(self, key: K) -> None:
        due_s = self._due_s(key)
        if due_s == NEVER_S:
            self._at_s.pop(key, None)
        elif due_s != self._at_s.get(key):
            self._at_s[key] = due_s
            heapq.heappush(self._heap, (due_s, key))

    def not_before_s(self) -> float:
        """When it is worth to look again: nothing is due before."""
        heap = self._heap
        while heap and self._at_s.get(heap[0][1]) != heap[0][0]:
            heapq.heappop(heap)
        return heap[0][0] if heap else NEVER_S

    def earliest_s(self) -> float:
        """The earliest of them as they are now."""
        while (at_s := self.not_before_s()) != NEVER_S and self._due_s(self._heap[0][1]) != at_s:
            self.watch(self._heap[0][1])
        return at_s

    def take(self, now_s: float) -> Iterator[K]:
        """Take one after the other of what is due by `now_s`; not watched any more until it is told again."""
        while self.not_before_s() <= now_s:
            _, key = heapq.heappop(self._heap)
            del self._at_s[key]
            if self._due_s(key) <= now_s:
                yield key
            else:
                self.watch(key)


class Timed(Protocol):
    """A part with something to do at an instant of the boot clock (s): `due_s`, or `NEVER_S`."""

    def due_s(self) -> float: ...

    def on_timer(self, now: Instant, draft: Draft) -> None: ...
