"""The few file operations that the durable repository is made of, as a port, and their real implementation.

Rule: every change of a state directory goes through here, the ledger's transactions included, so that a test can stop
the world before any one of them (`tests/repository/crash.py`). Foreign errors are translated here: StorageError where
the disk refused (full, read-only), StateError where the place itself is wrong. Nothing is durable before `sync` of the
file *and* `sync_directory` of the folder that names it.

Absent on purpose: policy. What is written in which order is decided by `payloads`, `keys` and `ledger`.
"""

import errno
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from hdus_peer.errors import LocalError, StateError, StorageError

_sync_content = getattr(os, "fdatasync", os.fsync)  # content and size; a date alone is not worth a journal commit
FILE_MODE = 0o600
DIRECTORY_MODE = 0o700
LEDGER_WAIT_S = 5.0
TEMPORARY_SUFFIX = ".new"

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_MAY_NOT = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_WRONG_PLACE = frozenset({errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOENT, errno.ENAMETOOLONG, errno.ELOOP})


class OpenFile(Protocol):
    """One open file, addressed by offset."""

    @property
    def size(self) -> int: ...

    @property
    def is_named(self) -> bool:
        """Whether this very file still has a name."""

    def read(self, offset: int, length: int) -> bytes:
        """At most `length` bytes; fewer only at the end of the file."""

    def write(self, offset: int, data: bytes) -> None:
        """All of `data`."""

    def sync(self) -> None:
        """The file's content survives a power cut (its name may not, see `Disk.sync_directory`)."""

    def close(self) -> None: ...


class Disk(Protocol):
    def make_directory(self, path: Path) -> None:
        """Durable, with its parents, mode 0700; one that is there stays as it is."""

    def names(self, directory: Path) -> list[str]:
        """The regular files of a directory, sorted."""

    def size(self, path: Path) -> int | None:
        """In bytes; None where there is no such file."""

    def is_directory(self, path: Path) -> bool: ...

    def mode(self, path: Path) -> int | None:
        """The permission bits of a file or directory; None where there is none."""

    def set_mode(self, path: Path, mode: int) -> None: ...

    def open_write(self, path: Path) -> OpenFile:
        """For reading and writing; created with mode 0600 where it is missing."""

    def open_read(self, path: Path) -> OpenFile | None:
        """None where there is no such file."""

    def rename(self, source: Path, target: Path) -> None: ...

    def unlink(self, path: Path) -> None:
        """Remove the file; one that is not there is no error."""

    def sync_directory(self, directory: Path) -> None:
        """The names in this directory survive a power cut."""

    def free_bytes(self, directory: Path) -> int: ...

    def connect(self, path: Path) -> sqlite3.Connection:
        """In autocommit mode, usable from every thread (one at a time)."""


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turns an OSError about `path` into the sentence that the user reads."""
    try:
        yield
    except OSError as problem:
        raise _translation(path, problem) from problem


def _translation(path: Path, problem: OSError) -> LocalError:
    reason = problem.strerror or str(problem)
    if problem.errno in _NO_ROOM:
        return StorageError(
            f"No room to write {path} ({reason}). Free some space on that disk; what was acknowledged before is safe."
        )
    if problem.errno in _MAY_NOT:
        return StorageError(f"{path} cannot be written ({reason}). Make its directory writable for this user.")
    if problem.errno in _WRONG_PLACE:
        return StateError(f"{path} cannot be used ({reason}). Choose another state directory.")
    return StorageError(f"The disk failed at {path} ({reason}). Check the disk; what was acknowledged before is safe.")


class LocalFile:
    """A file descriptor."""

    __slots__ = ("_descriptor", "_path")

    def __init__(self, path: Path, flags: int) -> None:
        self._path = path
        self._descriptor = os.open(path, flags | os.O_CLOEXEC, FILE_MODE)

    @property
    def size(self) -> int:
        with translated(self._path):
            return os.fstat(self._descriptor).st_size

    @property
    def is_named(self) -> bool:
        with translated(self._path):
            return os.fstat(self._descriptor).st_nlink > 0

    def read(self, offset: int, length: int) -> bytes:
        with translated(self._path):
            return os.pread(self._descriptor, length, offset)

    def write(self, offset: int, data: bytes) -> None:
        view = memoryview(data)
        with translated(self._path):
            while view:
                written = os.pwrite(self._descriptor, view, offset)
                offset, view = offset + written, view[written:]

    def sync(self) -> None:
        with translated(self._path):
            _sync_content(self._descriptor)

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class LocalDisk:
    """The disk of this device."""

    def make_directory(self, path: Path) -> None:
        if path.is_dir():
            return
        if path.parent != path:
            self.make_directory(path.parent)
        with translated(path):
            path.mkdir(DIRECTORY_MODE, exist_ok=True)
        self.sync_directory(path.parent)

    def names(self, directory: Path) -> list[str]:
        with translated(directory), os.scandir(directory) as entries:
            return sorted(entry.name for entry in entries if entry.is_file(follow_symlinks=False))

    def size(self, path: Path) -> int | None:
        with translated(path):
            try:
                found = os.stat(path, follow_symlinks=False)
            except FileNotFoundError:
                return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def is_directory(self, path: Path) -> bool:
        return path.is_dir() and not path.is_symlink()

    def mode(self, path: Path) -> int | None:
        with translated(path):
            try:
                return stat.S_IMODE(os.stat(path).st_mode)
            except FileNotFoundError:
                return None

    def set_mode(self, path: Path, mode: int) -> None:
        with translated(path):
            os.chmod(path, mode)

    def open_write(self, path: Path) -> OpenFile:
        with translated(path):
            return LocalFile(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW)

    def open_read(self, path: Path) -> OpenFile | None:
        with translated(path):
            try:
                return LocalFile(path, os.O_RDONLY | os.O_NOFOLLOW)
            except FileNotFoundError:
                return None

    def rename(self, source: Path, target: Path) -> None:
        with translated(source):
            os.rename(source, target)

    def unlink(self, path: Path) -> None:
        with translated(path):
            path.unlink(missing_ok=True)

    def sync_directory(self, directory: Path) -> None:
        with translated(directory):
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def free_bytes(self, directory: Path) -> int:
        with translated(directory):
            found = os.statvfs(directory)
        return found.f_bavail * found.f_frsize

    def connect(self, path: Path) -> sqlite3.Connection:
        return sqlite3.connect(path, timeout=LEDGER_WAIT_S, isolation_level=None, check_same_thread=False)


def write_durably(disk: Disk, path: Path, data: bytes) -> None:
    """Temporary file, fsync, rename, fsync of the directory."""
    temporary = path.with_name(path.name + TEMPORARY_SUFFIX)
    disk.unlink(temporary)
    file = disk.open_write(temporary)
    try:
        file.write(0, data)
        file.sync()
    finally:
        file.close()
    disk.rename(temporary, path)
    disk.sync_directory(path.parent)
