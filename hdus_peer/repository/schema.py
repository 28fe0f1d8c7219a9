"""The tables of `ledger.sqlite`, written out, and how an older ledger becomes one of this version.

Rules: a ledger's version is `PRAGMA user_version`, the number of migrations that were applied to it; a migration that
was released is never edited, a later one is appended. A ledger of a later version is refused: an older program could
not keep what it does not know. Columns are the fields of `protocol.records` (a test compares them); signed statements
are blobs (see `rows`), tuples are JSON. No key of a payload is ever in here.
"""

import sqlite3
from pathlib import Path

from hdus_peer.errors import StateError

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

MIGRATIONS: tuple[str, ...] = (_FIRST,)
VERSION = len(MIGRATIONS)


def version_of(connection: sqlite3.Connection, path: Path) -> int:
    """How many migrations the ledger has had; raises StateError where it is from a later version of the product."""
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > VERSION:
        raise StateError(
            f"{path} has schema version {found}, and this hdus-peer knows versions up to {VERSION}: a later one wrote "
            "it. Install that one again, or choose another state directory."
        )
    return found


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring a ledger of `version` to `VERSION`, each migration in a transaction of its own."""
    for step in range(version, VERSION):
        script = f"BEGIN IMMEDIATE;\n{MIGRATIONS[step]}\nPRAGMA user_version = {step + 1};\nCOMMIT;"
        try:
            connection.executescript(script)
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
