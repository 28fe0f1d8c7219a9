"""The tables of `ledger.sqlite`, written out, and how an older ledger becomes one of this version.

Rules
1. A ledger's version is `PRAGMA user_version`: the number of the last migration that was applied to it.
2. A migration that was released is never edited; a later one is appended, with the next number and one line that says
   what it does. It changes tables and rows only: no transaction, no PRAGMA of its own.
3. All that are missing are applied in one transaction, together with the number: a half-applied one cannot exist.
4. A ledger of a later version is refused: an older program could not keep what it does not know.

Columns are the fields of `protocol.records` (a test compares them); signed statements are blobs (see `rows`), tuples
are JSON. No key of a payload is ever in here.
"""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from hdus_peer.errors import StateError


@dataclass(frozen=True, slots=True)
class Migration:
    """`script`: SQL statements that bring a ledger of the version before `number` to `number`."""

    number: int
    what: str
    script: str


_FIRST = """
CREATE TABLE self (
    peer TEXT NOT NULL,
    phase TEXT NOT NULL,
    state_sequence INTEGER NOT NULL,
    generation_highest INTEGER NOT NULL,
    through_highest INTEGER NOT NULL,
    grant_highest INTEGER NOT NULL,
    erasure_highest INTEGER NOT NULL,
    lease_sequence INTEGER NOT NULL,
    hold_until_max_s INTEGER NOT NULL,
    job_epoch INTEGER NOT NULL,
    broken_at_s INTEGER NOT NULL,
    PRIMARY KEY (peer)
);

CREATE TABLE member (
    peer TEXT NOT NULL,
    membership BLOB NOT NULL,
    hello BLOB,
    cloned INTEGER NOT NULL,
    PRIMARY KEY (peer)
);

CREATE TABLE tombstone (
    owner TEXT NOT NULL,
    through INTEGER NOT NULL,
    kind TEXT NOT NULL,
    notice BLOB NOT NULL,
    membership BLOB NOT NULL,
    departure BLOB,
    PRIMARY KEY (owner)
);

CREATE TABLE erasure (
    erasure INTEGER NOT NULL,
    owner TEXT NOT NULL,
    cause TEXT NOT NULL,
    through INTEGER NOT NULL,
    "grant" INTEGER NOT NULL,
    payloads TEXT NOT NULL,
    PRIMARY KEY (erasure)
);

CREATE TABLE own_seed (
    owner TEXT NOT NULL,
    manifest BLOB NOT NULL,
    PRIMARY KEY (owner)
);

CREATE TABLE held_seed (
    owner TEXT NOT NULL,
    generation INTEGER NOT NULL,
    payload_sha256 TEXT NOT NULL,
    manifest BLOB NOT NULL,
    "grant" BLOB NOT NULL,
    lease BLOB,
    PRIMARY KEY (owner)
);

CREATE TABLE "grant" (
    "grant" INTEGER NOT NULL,
    holder TEXT NOT NULL,
    generation INTEGER NOT NULL,
    holder_sequence INTEGER NOT NULL,
    run_nonce TEXT NOT NULL,
    issued_at_s INTEGER NOT NULL,
    hold_until_s INTEGER NOT NULL,
    closed_by TEXT NOT NULL,
    PRIMARY KEY ("grant")
);

CREATE TABLE receipt (
    owner TEXT NOT NULL,
    holder TEXT NOT NULL,
    receipt BLOB NOT NULL,
    PRIMARY KEY (owner, holder)
);

CREATE TABLE owed_receipt (
    owner TEXT NOT NULL,
    receipt BLOB NOT NULL,
    PRIMARY KEY (owner)
);

CREATE TABLE owed_release (
    owner TEXT NOT NULL,
    "release" BLOB NOT NULL,
    PRIMARY KEY (owner)
);

CREATE TABLE floor (
    owner TEXT NOT NULL,
    generation INTEGER NOT NULL,
    payload_sha256 TEXT NOT NULL,
    PRIMARY KEY (owner)
);
"""

_RELEASES = """
CREATE TABLE release (
    holder TEXT NOT NULL,
    "release" BLOB NOT NULL,
    PRIMARY KEY (holder)
);
"""

_LEASES = """
ALTER TABLE held_seed ADD COLUMN use_left_s INTEGER NOT NULL DEFAULT 0;
ALTER TABLE held_seed ADD COLUMN hold_left_s INTEGER NOT NULL DEFAULT 0;
ALTER TABLE held_seed ADD COLUMN counted_at_s INTEGER NOT NULL DEFAULT 0;
"""

_FORGOTTEN = """
CREATE TABLE forgotten (
    samples_sha256 TEXT NOT NULL,
    samples INTEGER NOT NULL,
    through INTEGER NOT NULL,
    PRIMARY KEY (samples_sha256)
);
"""

_EQUIVOCATIONS = """
CREATE TABLE equivocation (
    owner TEXT NOT NULL,
    generation INTEGER NOT NULL,
    first BLOB NOT NULL,
    second BLOB NOT NULL,
    membership BLOB NOT NULL,
    PRIMARY KEY (owner)
);
"""

MIGRATIONS: tuple[Migration, ...] = (
    Migration(1, "the tables of the first version", _FIRST),
    Migration(2, "releases are kept: a certificate shows them", _RELEASES),
    Migration(3, "leases are counted down", _LEASES),
    Migration(4, "samples that are forgotten", _FORGOTTEN),
    Migration(5, "proofs of equivocation are kept", _EQUIVOCATIONS),
)


def latest() -> int:
    """The version that this program reads and writes."""
    return MIGRATIONS[-1].number


def version_of(connection: sqlite3.Connection, path: Path) -> int:
    """Which version the ledger has; raises StateError where it is of a later version of the product."""
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > latest():
        raise StateError(
            f"{path} has schema version {found}, and this hdus-peer knows versions up to {latest()}: a later one wrote "
            "it. Install that one again, or choose another state directory."
        )
    return found


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring a ledger of `version` to the latest: every missing migration, in order, or none of them."""
    missing = [f"{migration.script};" for migration in MIGRATIONS if migration.number > version]
    if not missing:
        return
    script = "\n".join(["BEGIN IMMEDIATE;", *missing, f"PRAGMA user_version = {latest()};", "COMMIT;"])
    try:
        connection.executescript(script)
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def layout(connection: sqlite3.Connection) -> dict[str, tuple[tuple[str, str, int, int], ...]]:
    """The columns of every table: name, type, whether it must be there, and its place in the key (0: not of it)."""
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    columns = 'SELECT name, type, "notnull", pk FROM pragma_table_info(?)'
    return {name: tuple(connection.execute(columns, (name,)).fetchall()) for name in names}


def expected_layout() -> dict[str, tuple[tuple[str, str, int, int], ...]]:
    """The layout of a ledger of the latest version."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        migrate(connection, 0)
        return layout(connection)
    finally:
        connection.close()
