"""The written-out tables are the rows of the protocol, and only a ledger of a known version is opened."""

import dataclasses
import sqlite3
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
    connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StateError, match=f"{path} has schema version {schema.VERSION + 1}.*later"):
        Ledger(path, LocalDisk())
    assert path.read_bytes() == before


def test_a_migration_is_all_or_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(path, LocalDisk())
    ledger.commit([Put(row) for row in samples.one_of_each()])
    expected = ledger.load()
    ledger.close()
    broken = "CREATE TABLE more (one INTEGER);\nCREATE TABLE self (again INTEGER);"
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, broken))
    monkeypatch.setattr(schema, "VERSION", 2)
    with pytest.raises(StateError):
        Ledger(path, LocalDisk())
    monkeypatch.undo()
    ledger = Ledger(path, LocalDisk())
    assert ledger.load() == expected
    ledger.close()


def test_a_later_migration_is_applied_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Ledger(path, LocalDisk()).close()
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE more (one INTEGER);"))
    monkeypatch.setattr(schema, "VERSION", 2)
    for _ in range(2):
        Ledger(path, LocalDisk()).close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
    connection.close()


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
