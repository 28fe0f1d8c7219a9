"""Counts the seconds of what a system has to do, and not those of what the study does to measure it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Runs from the beginning."""

    def __init__(self) -> None:
        self._start_s = time.perf_counter()
        self._paused_s = 0.0

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._start_s - self._paused_s

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """What happens meanwhile does not count."""
        start_s = time.perf_counter()
        try:
            yield
        finally:
            self._paused_s += time.perf_counter() - start_s
