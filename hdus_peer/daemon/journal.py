"""What happened: events of the core and of the adapters, as log lines, counters and wake-ups.

Rules
1. An event carries names, numbers and hashes only: never a key, a payload or a sample.
2. Whoever waits for a change waits for `changed`, and looks again at the state; events are not a second state.
"""

import asyncio
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable

from hdus_peer.domain.identity import short
from hdus_peer.protocol.step import Event

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
    "RolledBack": logging.WARNING,
}
log = logging.getLogger("hdus_peer")


class Journal:
    def __init__(self, name_of: Callable[[str], str]) -> None:
        """`name_of`: a member's name for its PeerId, for people."""
        self._name_of = name_of
        self._changed = asyncio.Event()
        self._listeners: list[Callable[[Event], None]] = []
        self.refusals: Counter[str] = Counter()

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call `listener` for every event, on the event loop."""
        self._listeners.append(listener)

    def publish(self, event: Event) -> None:
        if event.name == "Refused":
            self.refusals[str(dict(event.details).get("reason", "unknown"))] += 1
        level = _LEVELS.get(event.name, logging.INFO)
        if log.isEnabledFor(level):
            log.log(level, event.name, extra={"fields": self._fields(event)})
        for listener in self._listeners:
            listener(event)
        self.touch()

    def touch(self) -> None:
        """Something that a status shows has changed."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def changed(self) -> None:
        await self._changed.wait()

    def _fields(self, event: Event) -> dict[str, str | int]:
        about = {"peer": self._name_of(event.peer), "id": short(event.peer)} if event.peer else {}
        return {**about, **dict(event.details)}


class _JsonForm(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {"time": round(record.created, 3), "level": record.levelname.lower(), "event": record.getMessage()}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps({**line, **getattr(record, "fields", {})})


class _HumanForm(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%H:%M:%S", time.localtime(record.created))
        fields = " ".join(f"{name}={value}" for name, value in getattr(record, "fields", {}).items())
        trace = "\n" + self.formatException(record.exc_info) if record.exc_info else ""
        return f"{stamp} {record.levelname.lower():7} {record.getMessage()} {fields}".rstrip() + trace


def set_up_logging(level: str, form: str) -> None:
    """Log lines of this process to stderr, for people or as JSON, one object a line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonForm() if form == "json" else _HumanForm())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("grpc").setLevel(logging.WARNING)
