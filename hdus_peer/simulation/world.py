"""Virtual time: a heap of events, the one source of chance, and the hash of all that happened.

Rule: events of the same instant happen in the order in which they were scheduled.
"""

import hashlib
import heapq
import random
from collections.abc import Callable

from hdus_peer.simulation.tally import Tally

WALL_START_S = 1_800_000_000.0
NOTES_AT_ONCE = 1024

Listen = Callable[[float, str], None]


class World:
    """`listen` hears every note, with its virtual time (s)."""

    def __init__(self, seed: int, listen: Listen | None = None) -> None:
        self.rng = random.Random(seed)
        self.now_s = 0.0
        self.events = 0
        self.tally = Tally()
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._scheduled = 0
        self._trace = hashlib.sha256()
        self._notes: list[str] = []
        self._listen = listen

    def after(self, delay_s: float, action: Callable[[], None]) -> None:
        """Let `action` happen `delay_s` from now."""
        self._scheduled += 1
        heapq.heappush(self._heap, (self.now_s + max(0.0, delay_s), self._scheduled, action))

    def run_until(self, instant_s: float) -> None:
        """Let everything happen that is due by `instant_s`, and go there."""
        while self._heap and self._heap[0][0] <= instant_s:
            self.now_s, _, action = heapq.heappop(self._heap)
            self.events += 1
            action()
        self.now_s = instant_s

    def note(self, what: str) -> None:
        """Something happened that two runs of one seed must agree on."""
        self._notes.append(f"{self.now_s:.9f} {what}\n")
        if len(self._notes) == NOTES_AT_ONCE:
            self._hash_notes()
        if self._listen is not None:
            self._listen(self.now_s, what)

    def _hash_notes(self) -> None:
        self._trace.update("".join(self._notes).encode())
        self._notes.clear()

    @property
    def trace(self) -> str:
        """SHA-256 (hex) of all notes so far."""
        self._hash_notes()
        return self._trace.hexdigest()

    def chance(self, probability: float) -> bool:
        return probability > 0.0 and self.rng.random() < probability

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.rng.random()
