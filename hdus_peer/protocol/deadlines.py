"""When the core is to be woken next: the earliest of what its parts have to do.

Rules
1. It may be told too early, never too late: a call of the timer too many does nothing.
2. After an input only those parts are asked anew whose next deadline it can have brought forward: those that count time
   by what they were told (`restless`), and those that follow from rows of a table (`by_table`) that was written to.
   Nobody is asked twice for what was only put off.
"""

from collections.abc import Iterable, Mapping

from hdus_peer.protocol.alarms import NEVER_S, Timed
from hdus_peer.protocol.state import Draft


class Deadlines:
    """`parts`: all of them."""

    def __init__(
        self, parts: Iterable[Timed], restless: Iterable[Timed], by_table: Mapping[type, tuple[Timed, ...]]
    ) -> None:
        self._all = [part.due_s for part in parts]
        self._restless = [part.due_s for part in restless]
        self._by_table = by_table
        self._earliest_s: float | None = None

    def earliest_s(self) -> float | None:
        """The instant of the boot clock (s); None where nothing is to be done."""
        if self._earliest_s is None:
            self._earliest_s = min([due_s() for due_s in self._all])
        return None if self._earliest_s == NEVER_S else self._earliest_s

    def ask_all(self) -> None:
        """Anything may be another: everybody is asked when it is needed."""
        self._earliest_s = None

    def ask_again(self, draft: Draft, also: Timed | None = None) -> None:
        """The Step of `draft` was decided, and `also` was told something."""
        if self._earliest_s is None:
            return
        parts = {also} if also is not None else set()
        for table, _ in draft.writes:
            parts.update(self._by_table.get(table, ()))
        dues_s = [due_s() for due_s in self._restless]
        dues_s += [part.due_s() for part in parts]
        self._earliest_s = min(self._earliest_s, *dues_s)

    def ask(self, part: Timed) -> None:
        """Nobody but `part` was told anything."""
        if self._earliest_s is not None:
            self._earliest_s = min(self._earliest_s, part.due_s())
