"""Alarms: the earliest of many deadlines, without looking at all of them.

Rule: a deadline that may have moved to an earlier time is told with `watch`; one that moved to a later time, or is no
more, is noticed when its old time comes to the top.
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
        if due_s < self._at_s.get(key, NEVER_S):
            self._at_s[key] = due_s
            heapq.heappush(self._heap, (due_s, key))

    def earliest_s(self) -> float:
        while self._heap:
            at_s, key = self._heap[0]
            if self._at_s.get(key) == at_s == self._due_s(key):
                return at_s
            heapq.heappop(self._heap)
            if self._at_s.get(key) == at_s:
                del self._at_s[key]
                self.watch(key)
        return NEVER_S

    def take_first(self) -> K:
        """The earliest of them; not watched any more until it is told again. Raises IndexError where there is none."""
        self.earliest_s()
        _, key = heapq.heappop(self._heap)
        del self._at_s[key]
        return key

    def take(self, now_s: float) -> Iterator[K]:
        """Take one after the other of what is due by `now_s`."""
        while self.earliest_s() <= now_s:
            yield self.take_first()


class Timed(Protocol):
    """A part with something to do at an instant of the boot clock (s): `due_s`, or `NEVER_S`."""

    def due_s(self) -> float: ...

    def on_timer(self, now: Instant, draft: Draft) -> None: ...
