"""How long to wait before a child is started again."""

import asyncio
import contextlib

FIRST_S = 0.1
LONGEST_S = 10.0


class Backoff:
    """No wait after a success; then doubling with every failure in a row, up to a bound."""

    def __init__(self, first_s: float = FIRST_S, longest_s: float = LONGEST_S) -> None:
        self.failures = 0
        self._first_s = first_s
        self._longest_s = longest_s

    @property
    def wait_s(self) -> float:
        if not self.failures:
            return 0.0
        return min(self._first_s * 2.0 ** min(self.failures - 1, 30), self._longest_s)

    def succeeded(self) -> None:
        self.failures = 0

    def failed(self) -> None:
        self.failures += 1

    async def pause(self, stop: asyncio.Event) -> None:
        """Wait as long as the failures ask for, or until `stop` is set."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), self.wait_s)
