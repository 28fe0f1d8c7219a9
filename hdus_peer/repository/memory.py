"""The repository's twin in memory, for the simulation and for tests: same contract, no file, no clock, no chance.

Rule: `MemoryState` is the disk and survives; a `MemoryRepository` is the process that works on it. A crash is to drop
the repository, with whatever it had under way, and to make another one on the same state. What is handed to it is
durable at once, so that crashes between operations are the simulation's to choose.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hdus_peer.domain.sealed import KEY_BYTES
from hdus_peer.errors import RefusedError, StateError
from hdus_peer.protocol.payload import Readable
from hdus_peer.protocol.records import TABLES, Row, key_of
from hdus_peer.protocol.step import Put, Write
from hdus_peer.repository.port import (
    DESTROYED,
    NOT_A_HASH,
    OVERSIZED,
    TRUNCATED,
    WRONG_HASH,
    Location,
    Partial,
    Recovered,
    is_key,
    is_payload_hash,
    referenced,
)

Key = tuple[str | int, ...]


def _no_rows() -> dict[type[Row], dict[Key, Row]]:
    return {table: {} for table in TABLES}


@dataclass(slots=True)
class MemoryState:
    """What survives a crash."""

    rows: dict[type[Row], dict[Key, Row]] = field(default_factory=_no_rows)
    payloads: dict[str, bytes] = field(default_factory=dict, repr=False)
    partials: dict[str, bytearray] = field(default_factory=dict, repr=False)
    keys: dict[str, bytes] = field(default_factory=dict, repr=False)


class MemoryRepository:
    """See `port.Repository`. `state` may be handed to the next one; two at a time are a mistake."""

    def __init__(self, state: MemoryState | None = None) -> None:
        self.state = MemoryState() if state is None else state
        self._is_open = True

    def load(self) -> Recovered:
        self._check_open()
        return Recovered({table: dict(sorted(rows.items())) for table, rows in self.state.rows.items()})

    def commit(self, writes: Sequence[Write]) -> None:
        self._check_open()
        changes = [_change(write) for write in writes]
        for table, key, row in changes:
            if row is None:
                self.state.rows[table].pop(key, None)
            else:
                self.state.rows[table][key] = row

    def begin(self, payload_sha256: str, payload_bytes: int) -> Partial:
        _check_hash(payload_sha256)
        return MemoryPartial(self.state, payload_sha256, payload_bytes)

    def open_payload(self, payload_sha256: str) -> Readable | None:
        payload = self.state.payloads.get(payload_sha256)
        return None if payload is None else MemoryReadable(payload)

    def put_key(self, payload_sha256: str, key: bytes) -> None:
        _check_hash(payload_sha256)
        if not is_key(key):
            raise StateError(f"A key of {len(key)} bytes was given where {KEY_BYTES} are needed. Seal the seed again.")
        self.state.keys[payload_sha256] = key

    def key(self, payload_sha256: str) -> bytes | None:
        return self.state.keys.get(payload_sha256)

    def adopt(self, payload: Path, key: Path) -> tuple[str, int]:
        try:
            sealed, secret = payload.read_bytes(), key.read_bytes()
        except OSError as problem:
            raise StateError(f"There is no sealed seed at {payload}. Run `hdus-peer train` again.") from problem
        payload_sha256 = hashlib.sha256(sealed).hexdigest()
        self.put_key(payload_sha256, secret)
        self.state.payloads[payload_sha256] = sealed
        key.unlink()
        payload.unlink()
        return payload_sha256, len(sealed)

    def location(self, payload_sha256: str) -> Location:
        """Names only: nothing lies there."""
        _check_hash(payload_sha256)
        return Location(Path("/nowhere/seeds") / payload_sha256, Path("/nowhere/keys") / payload_sha256)

    def destroy(self, payloads: Iterable[str]) -> None:
        for payload_sha256 in payloads:
            self.state.keys.pop(payload_sha256, None)
            self.state.payloads.pop(payload_sha256, None)
            self.state.partials.pop(payload_sha256, None)

    def sweep(self) -> list[str]:
        kept = referenced(self.load())
        half = set(self.state.partials)
        strays = ({*self.state.keys, *self.state.payloads} - kept) | half
        self.state.partials.clear()
        self.destroy(strays - kept)
        return sorted(strays)

    def close(self) -> None:
        self._is_open = False

    def _check_open(self) -> None:
        if not self._is_open:
            raise StateError("The repository is closed. Open the repository again.")


class MemoryPartial:
    """See `port.Partial`."""

    def __init__(self, state: MemoryState, payload_sha256: str, payload_bytes: int) -> None:
        self._state, self._sha256, self._size = state, payload_sha256, payload_bytes
        if len(state.partials.get(payload_sha256, b"")) > payload_bytes:
            del state.partials[payload_sha256]
        complete = state.payloads.get(payload_sha256)
        self._is_complete = complete is not None and len(complete) == payload_bytes
        if complete is not None and self._is_complete:
            self._bytes = bytearray(complete)
        else:
            self._bytes = state.partials.setdefault(payload_sha256, bytearray())

    @property
    def offset(self) -> int:
        return len(self._bytes)

    def write(self, chunk: bytes) -> None:
        if len(self._bytes) + len(chunk) > self._size:
            raise RefusedError(OVERSIZED)
        self._bytes += chunk

    def finish(self) -> None:
        if self._is_complete:
            return
        if self._state.partials.get(self._sha256) is not self._bytes:
            raise RefusedError(DESTROYED)
        del self._state.partials[self._sha256]
        if len(self._bytes) != self._size:
            raise RefusedError(TRUNCATED)
        if hashlib.sha256(self._bytes).hexdigest() != self._sha256:
            raise RefusedError(WRONG_HASH)
        self._state.payloads[self._sha256] = bytes(self._bytes)

    def close(self) -> None:
        """What was written stays in the state."""


class MemoryReadable:
    """See `protocol.payload.Readable`."""

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self.size = len(payload)

    def read(self, offset: int, length: int) -> bytes:
        return self._payload[offset : offset + length]

    def close(self) -> None:
        """Nothing is open."""


def _change(write: Write) -> tuple[type[Row], Key, Row | None]:
    if isinstance(write, Put):
        return type(write.row), key_of(write.row), write.row
    return write.table, write.key, None


def _check_hash(payload_sha256: str) -> None:
    if not is_payload_hash(payload_sha256):
        raise RefusedError(NOT_A_HASH)
