"""A ledger read without being changed: can it be opened, is it whole, and does every row decode and verify?

Rules
1. Nothing is written: not a migration, not a journal mode (SQLite itself may finish a write-ahead log on closing).
2. One damaged row hides no other: each is read by itself.
3. What is not a copy of somebody else's statement is never dropped: counters, tombstones, grants, receipts and what is
   owed can come only from a backup.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hdus_peer.domain.envelope import Signed, open_envelope
from hdus_peer.domain.identity import short
from hdus_peer.domain.seed import KeyGrant
from hdus_peer.errors import RemoteError, StateError
from hdus_peer.protocol.erasure import Cause
from hdus_peer.protocol.records import TABLES, ErasureRow, FloorRow, HeldSeedRow, MemberRow, OwnSeedRow, Row, key_of
from hdus_peer.protocol.step import Delete, Put
from hdus_peer.repository.disk import Disk
from hdus_peer.repository.findings import Amend, Finding, Kind, Opening, Owner
from hdus_peer.repository.ledger import LEDGER_NAME
from hdus_peer.repository.port import Recovered, is_payload_hash
from hdus_peer.repository.row_check import problem_of
from hdus_peer.repository.rows import ROW_TABLES, Table, unpack
from hdus_peer.repository.schema import expected_layout, latest, layout, version_of

BACKUP = "Put the ledger's latest backup in its place: the neighbours then tell this peer what it missed."


@dataclass(frozen=True, slots=True)
class LedgerCheck:
    """`rows`: all that are sound, or None where the ledger cannot be read; `damaged_payloads`: payloads that damaged
    rows name."""

    rows: Recovered | None
    findings: tuple[Finding, ...]
    damaged_payloads: frozenset[str] = frozenset()


def check_ledger(path: Path, disk: Disk, owner: Owner) -> LedgerCheck:
    """`path` exists."""
    try:
        with closing(disk.connect(path)) as connection:
            connection.text_factory = _text
            connection.execute("PRAGMA query_only = ON")
            problem = _problem_of_the_whole(connection, path)
            return LedgerCheck(None, (problem,)) if problem else _check_rows(connection, owner)
    except StateError as problem:
        return LedgerCheck(None, (_unusable(str(problem), "Nothing of it is touched."),))
    except sqlite3.Error as problem:
        is_in_use = getattr(problem, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
        remedy = "Close the other program that uses it, and check again." if is_in_use else BACKUP
        return LedgerCheck(None, (_unusable(f"it cannot be read ({problem})", remedy),))


def _text(cell: bytes) -> str:
    return cell.decode("utf-8", "replace")


def _unusable(problem: str, remedy: str = BACKUP) -> Finding:
    return Finding(Kind.LEDGER, LEDGER_NAME, problem, remedy, None)


def _problem_of_the_whole(connection: sqlite3.Connection, path: Path) -> Finding | None:
    found = [text for (text,) in connection.execute("PRAGMA integrity_check(3)")]
    if found != ["ok"]:
        return _unusable(f"SQLite finds it damaged ({'; '.join(found)})")
    version, tables = version_of(connection, path), layout(connection)
    if version == 0 and not tables:
        what = "it was begun and holds no tables yet"
        return Finding(Kind.HALF_WRITTEN, LEDGER_NAME, what, "Its tables are made.", Opening())
    if 0 < version < latest():
        what = f"its schema version is {version}, and this program's is {latest()}"
        return Finding(Kind.MIGRATION, LEDGER_NAME, what, "The missing migrations are applied.", Opening())
    if tables != expected_layout():
        return _unusable(f"its tables are not those of schema version {version}")
    return None


# --- rows -----------------------------------------------------------------------------------------------------------
def _check_rows(connection: sqlite3.Connection, owner: Owner) -> LedgerCheck:
    rows: dict[type[Row], dict[tuple[str | int, ...], Row]] = {table: {} for table in TABLES}
    findings: list[Finding] = []
    payloads: set[str] = set()
    for table, cells in _stored(connection):
        row, problem = _opened(table, cells, owner)
        if row is not None and not problem:
            rows[type(row)][key_of(row)] = row
        else:
            named = dict(zip((column.name for column in table.columns), cells, strict=True))
            findings.append(_damaged(table, named, problem, owner))
            payloads |= _payloads_of(table, named)
    return LedgerCheck(Recovered(rows), tuple(findings), frozenset(payloads))


def _stored(connection: sqlite3.Connection) -> Iterator[tuple[Table, tuple[Any, ...]]]:
    for table in ROW_TABLES.values():
        for cells in connection.execute(table.select):
            yield table, cells


def _opened(table: Table, cells: tuple[Any, ...], owner: Owner) -> tuple[Row | None, str]:
    try:
        row = table.open(cells)
    except RemoteError as problem:
        return None, str(problem)
    return row, problem_of(row, owner)


def _payloads_of(table: Table, named: dict[str, Any]) -> set[str]:
    if table.row is HeldSeedRow:
        return {str(named["payload_sha256"])}
    return set()


def _damaged(table: Table, named: dict[str, Any], problem: str, owner: Owner) -> Finding:
    place = place_of(table.name, *(named[key] for key in table.row.KEY))
    what = f"this row cannot be used: {problem}"
    amend, remedy = _amended(table, named, owner)
    return Finding(Kind.CORRUPT, place, what, remedy, amend)


def place_of(table: str, *key: object) -> str:
    """A row as people read it."""
    return " ".join([f"{LEDGER_NAME}:", table, *(short(str(part)) for part in key)])


def _amended(table: Table, named: dict[str, Any], owner: Owner) -> tuple[Amend | None, str]:
    delete = Delete(table.row, tuple(named[key] for key in table.row.KEY))
    if table.row is OwnSeedRow:
        return Amend((delete,)), "The row is dropped; the next start publishes the seed as a new generation."
    if table.row is HeldSeedRow:
        return _dropped(delete, named, owner), "The row is dropped; the seed is fetched again."
    if table.row is MemberRow:
        return _remembered(table, delete, named, owner)
    return None, BACKUP


def _dropped(delete: Delete, named: dict[str, Any], owner: Owner) -> Amend:
    """What is written speaks of what the owner granted, not of the row's own fields. Where the grant is not known any
    more, the release of the next one covers it."""
    grant = _grant_in(named["grant"])
    if grant is None or not grant.signer == grant.statement.owner == named["owner"]:
        return Amend((delete,))
    seed = grant.statement
    if seed.holder != owner.peer or not is_payload_hash(seed.payload_sha256):
        return Amend((delete,))
    floor = FloorRow(seed.owner, seed.generation, seed.payload_sha256)
    return Amend((delete, Put(floor)), ErasureRow(0, seed.owner, Cause.LOST, 0, seed.grant, (seed.payload_sha256,)))


def _grant_in(cell: Any) -> Signed[KeyGrant] | None:
    try:
        return open_envelope(unpack(cell), KeyGrant)
    except RemoteError:
        return None


def _remembered(table: Table, delete: Delete, named: dict[str, Any], owner: Owner) -> tuple[Amend | None, str]:
    """A member introduces itself on every link; that it exists twice, only this row knows."""
    row, problem = _opened(table, tuple({**named, "hello": None}.values()), owner)
    if row is not None and not problem:
        return Amend((Put(row),)), "Its last Hello is dropped; the next one replaces it."
    if named["cloned"]:
        return None, f"It says that the member exists twice, which must not be forgotten. {BACKUP}"
    return Amend((delete,)), "The row is dropped; the member introduces itself again on the next link."
