"""A disk that dies before one chosen operation, and shows what a process or the power that dies there leaves behind.

It works on a real directory through the real disk, and keeps beside it what is durable: a file's content since its
last `sync`, a directory's names since its last `sync_directory`. The ledger's transactions are operations too; what
SQLite made durable is believed (the real kill -9 is the test of that). `freed` is what whoever reads the bare disk
finds of files that were removed.
"""

import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hdus_peer.repository.disk import FILE_MODE, LocalDisk, OpenFile

SECTOR_BYTES = 512
_OUTSIDE = ("ledger.sqlite", "lock")


class Crash(BaseException):
    """The process is dead: nothing that runs after this may change the disk."""


@dataclass(eq=False)
class Node:
    """A file as it would be found after a power cut."""

    synced: bytes


class CrashingDisk(LocalDisk):
    """Dies before operation number `crash_at` (from 0); a write of more than a sector that dies is torn in half."""

    def __init__(self, crash_at: int) -> None:
        self.operations: list[str] = []
        self.freed: list[bytes] = []
        self._crash_at = crash_at
        self._now: dict[Path, Node] = {}
        self._durable: dict[Path, Node] = {}
        self._known: set[Path] = set()

    def die_after(self, operations: int) -> None:
        """From now on so many more, and none after them."""
        self._crash_at = len(self.operations) + operations

    def step(self, name: str) -> None:
        if self.is_dead:
            raise Crash
        self.operations.append(name)
        if self.is_dead:
            raise Crash

    @property
    def is_dead(self) -> bool:
        return len(self.operations) > self._crash_at

    def open_write(self, path: Path) -> "CrashingFile":
        self._know(path.parent)
        if path not in self._now:
            self.step(f"create {path.name}")
            self._now[path] = Node(b"")
        return CrashingFile(super().open_write(path), self, self._now[path])

    def rename(self, source: Path, target: Path) -> None:
        self._know(source.parent)
        self._know(target.parent)
        self.step(f"rename {target.name}")
        super().rename(source, target)
        self._free(target)
        self._now[target] = self._now.pop(source)

    def unlink(self, path: Path) -> None:
        self._know(path.parent)
        self.step(f"unlink {path.name}")
        super().unlink(path)
        self._free(path)

    def sync_directory(self, directory: Path) -> None:
        self._know(directory)
        self.step(f"sync {directory.name}/")
        kept = {path: node for path, node in self._durable.items() if path.parent != directory}
        self._durable = kept | {path: node for path, node in self._now.items() if path.parent == directory}

    def connect(self, path: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=CrashingConnection)
        connection.step = self.step
        return connection

    def left_behind(self, directory: Path, copy: Path, names_are_lost: bool, contents_are_lost: bool) -> None:
        """Copies the state directory as it is found next: after a power cut, unsynced names or contents are lost."""
        shutil.copytree(directory, copy)
        for known in [known for known in self._known if known.is_relative_to(directory)]:
            there = copy / known.relative_to(directory)
            for path in [path for path in there.iterdir() if path.is_file() and not path.name.startswith(_OUTSIDE)]:
                path.unlink()
            entries = self._durable if names_are_lost else self._now
            for path, node in [(path, node) for path, node in entries.items() if path.parent == known]:
                if not path.name.startswith(_OUTSIDE):
                    (there / path.name).write_bytes(node.synced if contents_are_lost else self._content(node))
                    (there / path.name).chmod(FILE_MODE)

    def _free(self, path: Path) -> None:
        """The file of that name, if there is one, is none any more: what was synced of it lies in free blocks."""
        node = self._now.pop(path, None)
        if node is not None:
            self.freed.append(node.synced)

    def _content(self, node: Node) -> bytes:
        paths = [path for path, found in self._now.items() if found is node]
        return paths[0].read_bytes() if paths else node.synced

    def _know(self, directory: Path) -> None:
        """What lies in a directory when it is first seen was durable."""
        if directory in self._known:
            return
        self._known.add(directory)
        found = {path: Node(path.read_bytes()) for path in directory.iterdir() if path.is_file()}
        self._now |= found
        self._durable |= found


class CrashingFile:
    def __init__(self, file: OpenFile, disk: CrashingDisk, node: Node) -> None:
        self._file, self._disk, self._node = file, disk, node
        self.read, self.close = file.read, file.close

    @property
    def size(self) -> int:
        return self._file.size

    @property
    def is_named(self) -> bool:
        return self._file.is_named

    def write(self, offset: int, data: bytes) -> None:
        try:
            self._disk.step("write")
        except Crash:
            if len(data) > SECTOR_BYTES:
                self._file.write(offset, data[: len(data) // 2])
            raise
        self._file.write(offset, data)

    def sync(self) -> None:
        self._disk.step("sync")
        self._node.synced = self._file.read(0, self._file.size)


class CrashingConnection(sqlite3.Connection):
    """Every transaction's end is an operation of the disk."""

    step: Callable[[str], None]

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        if sql == "COMMIT":
            self.step("commit")
        return super().execute(sql, *parameters)

    def executescript(self, script: str) -> sqlite3.Cursor:
        self.step("script")
        return super().executescript(script)
