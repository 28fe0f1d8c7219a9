"""The written-out tables are the rows of the protocol, and only a ledger of a known version is opened."""

import dataclasses
import sqlite3
import subprocess
import sys
import typing
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hdus_peer.errors import StateError
from hdus_peer.protocol.records import TABLES, Row
from hdus_peer.protocol.step import Put
from hdus_peer.repository import schema
from hdus_peer.repository.disk import LocalDisk
from hdus_peer.repository.ledger import Ledger
from hdus_peer.repository.rows import ROW_TABLES, pack, unpack
from tests.repository import samples

PROMISES = {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    Ledger(path, LocalDisk()).close()
    connection = sqlite3.connect(path)
    yield connection
    connection.close()


def test_every_row_has_its_table_and_no_other_exists(connection: sqlite3.Connection) -> None:
    found = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    assert found == {table.name for table in ROW_TABLES.values()}
    assert set(ROW_TABLES) == set(TABLES) == set(typing.get_args(Row))


@pytest.mark.parametrize("row", TABLES)
def test_columns_are_the_fields(connection: sqlite3.Connection, row: type[Row]) -> None:
    columns = connection.execute(f'PRAGMA table_info("{ROW_TABLES[row].name}")').fetchall()
    hints = typing.get_type_hints(row)
    fields = dataclasses.fields(row)
    assert [name for _, name, *_ in columns] == [field.name for field in fields]
    assert [name for _, name, _, _, _, position in columns if position] == list(row.KEY)
    assert [name for _, name, _, not_null, *_ in columns if not not_null] == [
        field.name for field in fields if type(None) in typing.get_args(hints[field.name])
    ]


def test_an_envelope_is_kept_to_the_byte() -> None:
    envelope = samples.receipt().envelope
    assert unpack(pack(envelope)) == envelope


def test_a_commit_is_synced_and_what_is_deleted_is_overwritten(path: Path) -> None:
    with closing(Ledger(path, LocalDisk())) as ledger:
        found = {name: ledger._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in PROMISES}
    assert found == PROMISES


def test_a_ledger_of_this_version_is_opened_again(path: Path) -> None:
    rows = samples.one_of_each()
    for _ in range(2):
        ledger = Ledger(path, LocalDisk())
        ledger.commit([Put(row) for row in rows])
        ledger.close()


def test_a_ledger_of_a_later_version_is_refused_and_untouched(path: Path, connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA user_version = {schema.latest() + 1}")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StateError, match=f"{path} has schema version {schema.latest() + 1}.*later"):
        Ledger(path, LocalDisk())
    assert path.read_bytes() == before


# --- migrations -----------------------------------------------------------------------------------------------------
SECOND = schema.Migration(2, "why a seed is held", "ALTER TABLE floor ADD COLUMN reason TEXT NOT NULL DEFAULT 'old'")
THIRD = schema.Migration(
    3, "rows are changed as well", "UPDATE floor SET reason = reason || '!'; CREATE TABLE more (one INTEGER);"
)
BROKEN = schema.Migration(
    3, "cannot be applied", "CREATE TABLE more (one INTEGER);\nCREATE TABLE self (again INTEGER);"
)
ROWS_THEN = 14


@pytest.fixture
def old(path: Path) -> Path:
    """A real ledger of schema version 1."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((Path(__file__).parent / "ledger_v1.sql").read_text())
    return path


def known(monkeypatch: pytest.MonkeyPatch, *more: schema.Migration) -> None:
    """A program that knows these migrations after the first."""
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS[:1], *more))


def asked(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def test_migrations_are_numbered_and_leave_transactions_to_the_ledger() -> None:
    assert [migration.number for migration in schema.MIGRATIONS] == list(range(1, len(schema.MIGRATIONS) + 1))
    for migration in schema.MIGRATIONS:
        assert migration.what
        assert sqlite3.complete_statement(migration.script)
        assert not {"BEGIN", "COMMIT", "ROLLBACK", "PRAGMA"} & set(migration.script.upper().split())


def test_a_ledger_of_the_first_version_is_opened_with_all_its_rows(old: Path) -> None:
    with closing(Ledger(old, LocalDisk())) as ledger:
        found = ledger.load().all()
    then = [row for row in samples.one_of_each() if type(row) in {type(row) for row in found}]
    assert len(found) == len(then) == ROWS_THEN
    assert all(row in then for row in found)
    assert asked(old, "PRAGMA user_version") == [(schema.latest(),)]


def test_an_old_ledger_becomes_one_of_the_latest_version_once(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, SECOND, THIRD)
    for _ in range(2):
        Ledger(old, LocalDisk()).close()
    assert asked(old, "PRAGMA user_version") == [(3,)]
    assert asked(old, "SELECT generation, reason FROM floor") == [(7, "old!")]


def test_a_new_ledger_has_every_migration(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, SECOND, THIRD)
    Ledger(path, LocalDisk()).close()
    assert asked(path, "PRAGMA user_version") == [(3,)]
    with closing(sqlite3.connect(path)) as connection:
        assert schema.layout(connection) == schema.expected_layout()


def test_migrations_are_applied_all_or_none(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The third fails in its middle: the second, which went well, is gone with it."""
    before = asked(old, "SELECT sql FROM sqlite_schema")
    with monkeypatch.context() as patched:
        known(patched, SECOND, BROKEN)
        with pytest.raises(StateError):
            Ledger(old, LocalDisk())
    assert asked(old, "PRAGMA user_version") == [(1,)]
    assert asked(old, "SELECT sql FROM sqlite_schema") == before
    with closing(Ledger(old, LocalDisk())) as ledger:
        assert len(ledger.load().all()) == ROWS_THEN


def test_a_crash_in_the_middle_of_a_migration_leaves_the_old_ledger(old: Path, tmp_path: Path) -> None:
    """The process is killed between the second migration and the end of the transaction."""
    code = (
        "import os, sys, sqlite3; from hdus_peer.repository import schema;"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None); c.create_function('die', 0, lambda: os._exit(9));"
        "first = schema.MIGRATIONS[0];"
        "more = schema.Migration(2, 'one', 'CREATE TABLE more (one INTEGER); SELECT die();');"
        "schema.MIGRATIONS = (first, more); schema.migrate(c, 1)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(old)], timeout=30, check=False).returncode == 9
    assert asked(old, "PRAGMA user_version") == [(1,)]
    assert asked(old, "SELECT name FROM sqlite_schema WHERE name = 'more'") == []
    Ledger(old, LocalDisk()).close()


DAMAGES = {
    "a cut envelope": "UPDATE tombstone SET notice = substr(notice, 1, 50)",
    "an envelope of another type": "UPDATE tombstone SET notice = membership",
    "text where a number belongs": "UPDATE tombstone SET through = 'many'",
    "no list": "UPDATE erasure SET payloads = '7'",
    "a list of numbers": "UPDATE erasure SET payloads = '[1, 2]'",
    "an empty blob": "UPDATE tombstone SET notice = x''",
    "text where a statement belongs": "UPDATE tombstone SET notice = 'text'",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_row_is_refused_in_a_sentence(path: Path, damage: str) -> None:
    ledger = Ledger(path, LocalDisk())
    ledger.commit([Put(row) for row in samples.one_of_each()])
    with sqlite3.connect(path) as connection:
        connection.execute(damage)
    connection.close()
    with pytest.raises(StateError, match="damaged"):
        ledger.load()
    ledger.close()
