"""A file of random bytes that keeps room on the disk for what must never fail: tombstones and erasures.

Rule: nothing new is admitted while the ballast is not whole; a commit or an erasure that finds the disk full sinks it
and is tried again. It is laid down again as soon as there is room. Random bytes, because a file system that
compresses or leaves holes would keep no room for zeros.
"""

import os
import threading
from pathlib import Path

from hdus_peer.errors import StorageError
from hdus_peer.repository.disk import TEMPORARY_SUFFIX, Disk, write_durably

BALLAST_NAME = "ballast"


class Ballast:
    def __init__(self, directory: Path, disk: Disk, ballast_bytes: int) -> None:
        self._path = directory / BALLAST_NAME
        self._disk = disk
        self._bytes = ballast_bytes
        self._lock = threading.Lock()
        self._whole = disk.size(self._path) == ballast_bytes

    def fill(self) -> StorageError | None:
        """Lay it down where it is missing; why that is impossible now, or None where it is whole."""
        with self._lock:
            if self._whole:
                return None
            try:
                write_durably(self._disk, self._path, os.urandom(self._bytes))
            except StorageError as problem:
                self._remove()
                return problem
            self._whole = True
            return None

    def sink(self) -> bool:
        """Give its room back to the disk; whether there was any."""
        with self._lock:
            was_whole, self._whole = self._whole, False
            if was_whole:
                self._remove()
            return was_whole

    def require(self, incoming_bytes: int) -> None:
        """Raises StorageError unless the ballast is whole and `incoming_bytes` fit beside a second one."""
        problem = self.fill()
        free_bytes = self._disk.free_bytes(self._path.parent)
        if problem is not None or free_bytes < incoming_bytes + self._bytes:
            raise StorageError(
                f"No seed is taken in: {self._path.parent} has {free_bytes} bytes free and keeps {self._bytes} of them "
                f"for notices, and {incoming_bytes} are to come. Free some space on that disk."
            ) from problem

    def _remove(self) -> None:
        for name in (self._path.name, self._path.name + TEMPORARY_SUFFIX):
            self._disk.unlink(self._path.with_name(name))
        self._disk.sync_directory(self._path.parent)
