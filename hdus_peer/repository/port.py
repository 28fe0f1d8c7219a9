"""The seed repository: a durable ledger of rows, and files for sealed payloads and their keys.

Rules every implementation upholds (`tests/contracts/repository.py` is the suite)
1. `commit` applies all writes or none, and returns only when they would survive a power cut (I5).
2. A payload or key file is either referenced by a row and complete, or unreferenced; `sweep` destroys the latter.
   Adopt: payload durable, key durable, then the row. Evict: the row's transaction, then key, then payload.
3. A key is never in the ledger: it is a file of 32 bytes, destroyed by overwrite, fsync, unlink, directory fsync.
4. `destroy` is idempotent and returns only when nothing of it would come back after a power cut.

Foreign errors are translated: StorageError (disk full, read-only), StateError (locked, unreadable, later schema).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from hdus_peer.domain.sealed import KEY_BYTES
from hdus_peer.protocol.payload import Readable
from hdus_peer.protocol.records import HeldSeedRow, OwnSeedRow, Row
from hdus_peer.protocol.step import Write

R = TypeVar("R", bound=Row)

OVERSIZED = "oversized"
TRUNCATED = "truncated"
WRONG_HASH = "wrong-hash"
DESTROYED = "destroyed"
NOT_A_HASH = "not-a-hash"
_PAYLOAD_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Recovered:
    """Everything that was committed, by table and key."""

    rows: dict[type[Row], dict[tuple[str | int, ...], Row]] = field(default_factory=dict)

    def all(self) -> list[Row]:
        """Every row of every table."""
        return [row for rows in self.rows.values() for row in rows.values()]

    def of(self, table: type[R]) -> list[R]:
        """All rows of one table, in the order of their keys."""
        found = {key: row for rows in self.rows.values() for key, row in rows.items() if isinstance(row, table)}
        return [found[key] for key in sorted(found)]


@dataclass(frozen=True, slots=True)
class Location:
    """Where a payload and its key lie, for the predictor child that opens them."""

    payload: Path
    key: Path


class Partial(Protocol):
    """A payload on its way in. `offset`: bytes that are there already (from an earlier try)."""

    @property
    def offset(self) -> int: ...

    def write(self, chunk: bytes) -> None:
        """Append. Raises RefusedError(OVERSIZED) when more comes than was announced, StorageError when the disk
        refuses."""

    def finish(self) -> None:
        """Verify size and hash, make it durable under its hash. A mismatch destroys it and raises
        RefusedError(TRUNCATED) or RefusedError(WRONG_HASH); RefusedError(DESTROYED) where `destroy` came first."""

    def close(self) -> None:
        """Stop; what was written stays for a later try."""


class Repository(Protocol):
    def load(self) -> Recovered: ...

    def commit(self, writes: Sequence[Write]) -> None: ...

    def begin(self, payload_sha256: str, payload_bytes: int) -> Partial:
        """Goes on where an earlier try stopped. Raises StorageError before the disk is full, RefusedError(NOT_A_HASH)
        for a name that is none (as `put_key` and `location` do)."""

    def open_payload(self, payload_sha256: str) -> Readable | None:
        """None where no complete payload of that hash is there."""

    def put_key(self, payload_sha256: str, key: bytes) -> None:
        """Durable on return; another key of this payload is destroyed first. Raises StateError for what is no key."""

    def key(self, payload_sha256: str) -> bytes | None: ...

    def adopt(self, payload: Path, key: Path) -> tuple[str, int]:
        """Move a sealed payload and its key, both made by the trainer child, into the repository; returns the
        payload's SHA-256 (hex) and size. A crash leaves either both sources or an unreferenced, swept pair."""

    def location(self, payload_sha256: str) -> Location: ...

    def destroy(self, payloads: Iterable[str]) -> None:
        """Keys, payloads and partial payloads of these hashes; those that are not there are no error."""

    def sweep(self) -> list[str]:
        """Destroy every payload, key and partial without a row (OwnSeedRow, HeldSeedRow); their hashes."""

    def close(self) -> None: ...


def is_payload_hash(text: str) -> bool:
    """Whether `text` may name a payload: a SHA-256 in lower-case hex, and so a safe file name."""
    return _PAYLOAD_HASH.fullmatch(text) is not None


def is_key(key: bytes) -> bool:
    """Whether `key` may be a payload's key: 32 bytes, and not the zeros that an overwritten key file holds."""
    return len(key) == KEY_BYTES and any(key)


def referenced(recovered: Recovered) -> frozenset[str]:
    """The payloads that a row refers to; every other file is swept."""
    own = {row.manifest.statement.payload_sha256 for row in recovered.of(OwnSeedRow)}
    return frozenset(own | {row.payload_sha256 for row in recovered.of(HeldSeedRow)})
