"""What a running job says to its parent, and how it hears that it should stop.

Rule: never more than four reports a second, each stage's first among them; a wish to stop is noticed between two steps,
where the work can be made durable.
"""

import time
from collections.abc import Callable

REPORT_PAUSE_S = 0.25

Send = Callable[[dict[str, str | float]], None]


class Interrupted(Exception):
    """The parent asked for an end; what was done is durable, and the same job goes on from there."""


class Progress:
    """`send` gets the fields of a `TrainingProgress`."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._stage = ""
        self._due_s = 0.0
        self.is_interrupted = False

    def interrupt(self) -> None:
        """Ask the job to stop at its next step (safe to call from a signal handler)."""
        self.is_interrupted = True

    def begin(self, stage: str, detail: str = "") -> None:
        """A new stage. Raises Interrupted if that was asked for."""
        self.raise_if_interrupted()
        self._stage = stage
        self._report(0.0, detail)

    def advance(self, fraction: float, describe: Callable[[], str]) -> None:
        """Report, unless the last one is too recent; `describe` is called only for a report."""
        if time.monotonic() >= self._due_s:
            self._report(fraction, describe())

    def raise_if_interrupted(self) -> None:
        if self.is_interrupted:
            raise Interrupted

    def _report(self, fraction: float, detail: str) -> None:
        self._send({"stage": self._stage, "fraction": fraction, "detail": detail})
        self._due_s = time.monotonic() + REPORT_PAUSE_S
