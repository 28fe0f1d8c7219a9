"""What happened: events of the core and of the adapters, as log lines, entries of the ring, counters and wake-ups.

Rules
1. An event carries names, numbers and hashes only: never a key, a payload or a sample.
2. Whoever waits for a change waits for `changed`, and looks again at the state; events are not a second state.
3. The ring hears every event, whatever `log.level` is; other log lines as far as they are logged.
"""

import asyncio
import contextlib
import json
import logging
import sys
import time
from collections.abc import Callable

from hdus_peer.control import log_form
from hdus_peer.control.port import LEVELS, LogEntry
from hdus_peer.daemon.refusals import Refusals
from hdus_peer.daemon.ring import Ring
from hdus_peer.domain.identity import short
from hdus_peer.protocol.step import Event

SILENCE_S = 1.0
_LEVELS = {
    "Refused": logging.DEBUG,
    "TrainingProgressed": logging.DEBUG,
    "Unreached": logging.DEBUG,
    "GrantClosed": logging.DEBUG,
    "KeyGranted": logging.DEBUG,
    "LinkClosed": logging.DEBUG,
    "Goodbye": logging.DEBUG,
    "Ignored": logging.DEBUG,
    "CommitRefused": logging.ERROR,
    "ErasureDelayed": logging.ERROR,
    "CertificateDelayed": logging.ERROR,
    "EvictionFailed": logging.ERROR,
    "EffectFailed": logging.ERROR,
    "RebuildFailed": logging.WARNING,
    "FetchStopped": logging.WARNING,
    "KeyNotStored": logging.WARNING,
    "CheckFailed": logging.WARNING,
    "PeerCloned": logging.WARNING,
    "ExportOutlivesErasure": logging.WARNING,
    "RolledBack": logging.WARNING,
    "NoticeFromTheFuture": logging.WARNING,
    "EquivocationProved": logging.WARNING,
    "SeedWithdrawn": logging.WARNING,
    "OwnGenerationHeard": logging.WARNING,
    "GrantForgotten": logging.WARNING,
    "CredentialsExpireSoon": logging.WARNING,
    "CredentialsExpired": logging.ERROR,
}
_FIELDS = "fields"
_NAMES = tuple((logging.getLevelName(name.upper()), name) for name in reversed(LEVELS))
_TRACES = logging.Formatter()
log = logging.getLogger("hdus_peer")


class Journal:
    def __init__(self, name_of: Callable[[str], str]) -> None:
        """`name_of`: a member's name for its PeerId, for people."""
        self._name_of = name_of
        self._changed = asyncio.Event()
        self._listeners: list[Callable[[Event], None]] = []
        self.ring = Ring()
        self.refusals = Refusals()

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call `listener` for every event, on the event loop."""
        self._listeners.append(listener)

    def hear_others(self) -> None:
        """Bring the log lines of this process that are no events to the ring, from now on."""
        logging.getLogger().addHandler(_RingHandler(self.ring))

    def publish(self, event: Event) -> None:
        if event.name == "Refused":
            self.refusals.count(event.peer, str(dict(event.details).get("reason", "unknown")))
        level = _LEVELS.get(event.name, logging.INFO)
        fields = self._fields(event)
        text = json.dumps(fields)
        self.ring.add(LogEntry(time.time(), logging.getLevelName(level).lower(), event.name, text, ""), is_event=True)
        if log.isEnabledFor(level):
            log.log(level, event.name, extra={_FIELDS: text})
        for listener in self._listeners:
            listener(event)
        self.touch()

    def touch(self) -> None:
        """Something that a status shows has changed."""
        self._changed.set()
        self._changed = asyncio.Event()

    def coming_change(self) -> asyncio.Event:
        """Is set by the first change after this call. Whoever takes it, and then looks at the state, misses none."""
        return self._changed

    async def changed(self) -> None:
        await self._changed.wait()

    def _fields(self, event: Event) -> dict[str, str | int]:
        about = {"peer": self._name_of(event.peer), "id": short(event.peer)} if event.peer else {}
        return {**about, **dict(event.details)}


async def change_or_silence(change: asyncio.Event) -> None:
    """Wait for a `coming_change`, for SILENCE_S at most: what is shown counts time, too."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SILENCE_S):
            await change.wait()


def entry_of(record: logging.LogRecord) -> LogEntry:
    """A log line of Python's logging, as an entry. Its level is the next one of ours."""
    trace = _TRACES.formatException(record.exc_info) if record.exc_info else ""
    level = next((name for number, name in _NAMES if record.levelno >= number), "debug")
    return LogEntry(record.created, level, record.getMessage(), getattr(record, _FIELDS, "{}"), trace)


class _Form(logging.Formatter):
    """Writes lines as `control.log_form` does."""

    def __init__(self, write: Callable[[LogEntry], str]) -> None:
        super().__init__()
        self._write = write

    def format(self, record: logging.LogRecord) -> str:
        return self._write(entry_of(record))


class _RingHandler(logging.Handler):
    """Brings the log lines that are no events to the ring."""

    def __init__(self, ring: Ring) -> None:
        super().__init__()
        self._ring = ring

    def emit(self, record: logging.LogRecord) -> None:
        if not hasattr(record, _FIELDS):
            self._ring.add(entry_of(record), is_event=False)


def set_up_logging(level: str, form: str) -> None:
    """Log lines of this process to stderr, for people or as JSON, one object a line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Form(log_form.as_json if form == "json" else log_form.human))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("grpc").setLevel(logging.WARNING)
