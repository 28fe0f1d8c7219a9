"""A process that lives the scenario on a real disk and tells, byte by byte on its standard output, what it did."""

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from hdus_peer.repository.disk import LocalDisk, LocalFile
from hdus_peer.repository.durable import DurableRepository
from tests.repository.scenario import BALLAST_BYTES, acts

ACKNOWLEDGED = b"a"
OPERATION = b"o"


def tell(what: bytes) -> None:
    os.write(sys.stdout.fileno(), what)


class TellingConnection(sqlite3.Connection):
    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        tell(OPERATION)
        return super().execute(sql, *parameters)


class TellingFile(LocalFile):
    def write(self, offset: int, data: bytes) -> None:
        tell(OPERATION)
        super().write(offset, data)

    def sync(self) -> None:
        tell(OPERATION)
        super().sync()


class TellingDisk(LocalDisk):
    def open_write(self, path: Path) -> LocalFile:
        tell(OPERATION)
        return TellingFile(path, os.O_RDWR | os.O_CREAT)

    def rename(self, source: Path, target: Path) -> None:
        tell(OPERATION)
        super().rename(source, target)

    def unlink(self, path: Path) -> None:
        tell(OPERATION)
        super().unlink(path)

    def sync_directory(self, directory: Path) -> None:
        tell(OPERATION)
        super().sync_directory(directory)

    def connect(self, path: Path) -> sqlite3.Connection:
        return sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=TellingConnection)


def live(directory: Path, rounds: int) -> None:
    with closing(DurableRepository(directory, TellingDisk(), BALLAST_BYTES)) as repository:
        for act in acts(directory, rounds):
            act(repository)
            tell(ACKNOWLEDGED)


if __name__ == "__main__":
    live(Path(sys.argv[1]), int(sys.argv[2]))
