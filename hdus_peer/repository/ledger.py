"""The rows, in SQLite: one transaction a commit, durable when it returns.

Rules
- `synchronous=FULL` on a write-ahead log: a commit is one write and one fsync; a reader never blocks it.
- One connection for all threads behind one lock; nothing is read while a commit is under way.
- Foreign errors end here: StorageError where the disk refused, StateError where the file is damaged, locked by another
  program, from a later version, or closed.

Absent on purpose: keys and payloads (files, see `keys` and `payloads`), and what rows mean.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hdus_peer.errors import HdusError, MalformedError, StateError, StorageError
from hdus_peer.protocol.records import Row, key_of
from hdus_peer.protocol.step import Put, Write
from hdus_peer.repository.disk import Disk
from hdus_peer.repository.port import Recovered
from hdus_peer.repository.rows import ROW_TABLES
from hdus_peer.repository.schema import migrate, version_of

LEDGER_NAME = "ledger.sqlite"
_PRIMARY = 0xFF
_DISK_REFUSED = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN})
_IN_USE = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class Ledger:
    def __init__(self, path: Path, disk: Disk) -> None:
        """Opens, checks and migrates the ledger; creates one where there is none."""
        self._path = path
        self._lock = threading.Lock()
        if disk.size(path) is None:
            disk.open_write(path).close()
            disk.sync_directory(path.parent)
        with self._translated():
            self._connection = disk.connect(path)
        try:
            with self._translated():
                self._prepare()
        except HdusError:
            self.close()
            raise

    def load(self) -> Recovered:
        with self._lock, self._translated():
            rows: dict[type[Row], dict[tuple[str | int, ...], Row]] = {}
            for kind, table in ROW_TABLES.items():
                opened = [table.open(cells) for cells in self._connection.execute(table.select)]
                rows[kind] = {key_of(row): row for row in opened}
            return Recovered(rows)

    def commit(self, writes: Sequence[Write]) -> None:
        if not writes:
            return
        with self._lock, self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                for write in writes:
                    self._apply(write)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _apply(self, write: Write) -> None:
        if isinstance(write, Put):
            table = ROW_TABLES[type(write.row)]
            self._connection.execute(table.put, table.cells(write.row))
        else:
            self._connection.execute(ROW_TABLES[write.table].delete, write.key)

    def _prepare(self) -> None:
        version = version_of(self._connection, self._path)
        mode = self._connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise StateError(
                f"{self._path} lies on a file system without shared memory. Choose a state directory on a local disk."
            )
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("PRAGMA secure_delete = ON")
        found = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise self._damaged(found)
        migrate(self._connection, version)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.ProgrammingError as problem:
            raise StateError(f"{self._path} is closed. Open the repository again.") from problem
        except sqlite3.Error as problem:
            raise self._translation(problem) from problem
        except MalformedError as problem:
            raise self._damaged(str(problem)) from problem

    def _translation(self, problem: sqlite3.Error) -> HdusError:
        code = getattr(problem, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & _PRIMARY
        if code in _DISK_REFUSED:
            return StorageError(
                f"The disk refused a write to {self._path} ({problem}). Free some space on that disk, or make it "
                "writable; what was acknowledged before is safe."
            )
        if code in _IN_USE:
            return StateError(f"Another program is writing to {self._path}. Close it; only the daemon writes here.")
        return self._damaged(str(problem))

    def _damaged(self, reason: str) -> StateError:
        return StateError(
            f"The ledger {self._path} is damaged ({reason}). Put its latest backup in its place: the neighbours then "
            "tell this peer what it missed."
        )
