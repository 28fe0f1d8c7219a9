"""Sealed payloads: `seeds/<SHA-256>` once complete, `seeds/<SHA-256>.partial` on their way in.

Rule: a name without suffix was verified against its hash and is durable. The hash is computed while the bytes are
written; only what an earlier try left is read again. One fsync per payload, at its end: what a crash leaves of a
partial is checked by the hash like everything else.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from hdus_peer.errors import RefusedError
from hdus_peer.repository.disk import Disk, OpenFile
from hdus_peer.repository.port import DESTROYED, OVERSIZED, TRUNCATED, WRONG_HASH, Partial

PARTIAL_SUFFIX = ".partial"
CHUNK_BYTES = 1024 * 1024


class PayloadFiles:
    def __init__(self, directory: Path, disk: Disk) -> None:
        self.directory = directory
        self._disk = disk

    def path(self, payload_sha256: str) -> Path:
        return self.directory / payload_sha256

    def copy(self, source: Path, payload_sha256: str, payload_bytes: int) -> None:
        """Durable on return; verified like a payload that came from afar."""
        file = self._disk.open_read(source)
        partial = self.begin(payload_sha256, payload_bytes)
        try:
            while file is not None and (chunk := file.read(partial.offset, CHUNK_BYTES)):
                partial.write(chunk)
            partial.finish()
        finally:
            partial.close()
            if file is not None:
                file.close()

    def names(self) -> list[str]:
        return self._disk.names(self.directory)

    def begin(self, payload_sha256: str, payload_bytes: int) -> Partial:
        """Continues what is there; starts over where that is longer than what was announced."""
        if self._holds(payload_sha256, payload_bytes):
            return CompletePayload(payload_bytes)
        path = self.directory / (payload_sha256 + PARTIAL_SUFFIX)
        if (self._disk.size(path) or 0) > payload_bytes:
            self._disk.unlink(path)
        return PartialFile(self._disk, self.path(payload_sha256), path, payload_bytes)

    def open(self, payload_sha256: str) -> "ServedFile | None":
        file = self._disk.open_read(self.path(payload_sha256))
        return None if file is None else ServedFile(file)

    def names_of(self, payload_sha256: str) -> tuple[str, str]:
        """The names under which a payload, or the beginning of one, may lie here."""
        return payload_sha256, payload_sha256 + PARTIAL_SUFFIX

    def destroy(self, names: Iterable[str]) -> None:
        """Removes them; `sync` makes that durable."""
        for name in names:
            self._disk.unlink(self.directory / name)

    def sync(self) -> None:
        self._disk.sync_directory(self.directory)

    def _holds(self, payload_sha256: str, payload_bytes: int) -> bool:
        """Whether the complete payload is here. One that was damaged since it was verified is removed."""
        path = self.path(payload_sha256)
        if self._disk.size(path) != payload_bytes:
            return False
        if digest_of(self._disk, path) == (payload_sha256, payload_bytes):
            return True
        self._disk.unlink(path)
        return False


class PartialFile:
    """A payload on its way in (see `port.Partial`)."""

    __slots__ = ("_digest", "_disk", "_file", "_offset", "_partial", "_size", "_target")

    def __init__(self, disk: Disk, target: Path, partial: Path, payload_bytes: int) -> None:
        self._disk, self._target, self._partial, self._size = disk, target, partial, payload_bytes
        self._file = disk.open_write(partial)
        self._digest = hashlib.sha256()
        self._offset = _digest_into(self._digest, self._file)

    @property
    def offset(self) -> int:
        return self._offset

    def write(self, chunk: bytes) -> None:
        if self._offset + len(chunk) > self._size:
            raise RefusedError(OVERSIZED)
        self._file.write(self._offset, chunk)
        self._digest.update(chunk)
        self._offset += len(chunk)

    def finish(self) -> None:
        if self._offset != self._size:
            self._destroy_and_refuse(TRUNCATED)
        if self._digest.hexdigest() != self._target.name:
            self._destroy_and_refuse(WRONG_HASH)
        if not self._file.is_named:
            self._file.close()
            raise RefusedError(DESTROYED)
        self._file.sync()
        self._file.close()
        self._disk.rename(self._partial, self._target)
        self._disk.sync_directory(self._target.parent)

    def close(self) -> None:
        self._file.close()

    def _destroy_and_refuse(self, reason: str) -> None:
        self._file.close()
        self._disk.unlink(self._partial)
        self._disk.sync_directory(self._partial.parent)
        raise RefusedError(reason)


class CompletePayload:
    """Nothing is missing: the payload was complete and verified when it was asked for."""

    __slots__ = ("offset",)

    def __init__(self, payload_bytes: int) -> None:
        self.offset = payload_bytes

    def write(self, chunk: bytes) -> None:
        if chunk:
            raise RefusedError(OVERSIZED)

    def finish(self) -> None:
        """It is durable already."""

    def close(self) -> None:
        """No file is open."""


class ServedFile:
    """A complete payload that is being served (see `protocol.payload.Readable`)."""

    __slots__ = ("_file", "size")

    def __init__(self, file: OpenFile) -> None:
        self._file = file
        self.size = file.size

    def read(self, offset: int, length: int) -> bytes:
        return self._file.read(offset, length)

    def close(self) -> None:
        self._file.close()


def digest_of(disk: Disk, path: Path) -> tuple[str, int] | None:
    """SHA-256 (hex) and size of a file; None where it is missing."""
    file = disk.open_read(path)
    if file is None:
        return None
    digest = hashlib.sha256()
    try:
        size = _digest_into(digest, file)
    finally:
        file.close()
    return digest.hexdigest(), size


def _digest_into(digest: "hashlib._Hash", file: OpenFile) -> int:
    """Feed the whole file; returns its size."""
    offset = 0
    while chunk := file.read(offset, CHUNK_BYTES):
        digest.update(chunk)
        offset += len(chunk)
    return offset
