"""Keys of sealed payloads: one file of 32 bytes each, `keys/<SHA-256 of the payload>`.

Rule: a key exists in this one file and nowhere else on the disk, so that destroying the file destroys the key:
overwrite with zeros (which are no key), fsync, unlink, fsync of the directory. (Keys deleted from SQLite were found
again in freed pages and in its write-ahead log, which is why they are not rows.) Where a file system or a flash
controller writes elsewhere on an overwrite, the old block may live on until it is reused: there, an encrypted volume
is the answer.
"""

from collections.abc import Iterable
from pathlib import Path

from hdus_peer.domain.sealed import KEY_BYTES
from hdus_peer.errors import StateError
from hdus_peer.repository.disk import TEMPORARY_SUFFIX, Disk, write_durably
from hdus_peer.repository.port import is_key


class KeyFiles:
    def __init__(self, directory: Path, disk: Disk) -> None:
        self.directory = directory
        self._disk = disk

    def path(self, payload_sha256: str) -> Path:
        return self.directory / payload_sha256

    def names(self) -> list[str]:
        """Of every file here, keys that were not finished included."""
        return self._disk.names(self.directory)

    def put(self, payload_sha256: str, key: bytes) -> None:
        """Durable on return. A different key of the same payload is destroyed first."""
        if not is_key(key):
            raise StateError(f"A key of {len(key)} bytes was given where {KEY_BYTES} are needed. Seal the seed again.")
        if self.get(payload_sha256) == key:
            return
        self._make_way(payload_sha256)
        write_durably(self._disk, self.path(payload_sha256), key)

    def take(self, payload_sha256: str, source: Path) -> None:
        """Move the key in `source` here, so that there never are two; durable on return."""
        file = self._disk.open_write(source)
        try:
            file.sync()
        finally:
            file.close()
        self._make_way(payload_sha256)
        self._disk.rename(source, self.path(payload_sha256))
        self.sync()
        self._disk.sync_directory(source.parent)

    def get(self, payload_sha256: str) -> bytes | None:
        """None where there is none, or none that is whole."""
        return read_key(self._disk, self.path(payload_sha256))

    def names_of(self, payload_sha256: str) -> tuple[str, str]:
        """The names under which a key, or the beginning of one, may lie here."""
        return payload_sha256, payload_sha256 + TEMPORARY_SUFFIX

    def destroy(self, names: Iterable[str]) -> None:
        """Their bytes are overwritten, durably, and the names removed; `sync` makes that durable too."""
        for name in names:
            self._overwrite_and_unlink(self.directory / name)

    def sync(self) -> None:
        self._disk.sync_directory(self.directory)

    def _make_way(self, payload_sha256: str) -> None:
        if self._disk.size(self.path(payload_sha256)) is not None:
            self.destroy([payload_sha256])
            self.sync()

    def _overwrite_and_unlink(self, path: Path) -> None:
        if self._disk.size(path) is None:
            return
        file = self._disk.open_write(path)
        try:
            file.write(0, bytes(file.size))
            file.sync()
        finally:
            file.close()
        self._disk.unlink(path)


def read_key(disk: Disk, path: Path) -> bytes | None:
    """The key in a file; None where the file is missing or no key."""
    file = disk.open_read(path)
    if file is None:
        return None
    try:
        key = file.read(0, KEY_BYTES + 1)
    finally:
        file.close()
    return key if is_key(key) else None
