"""Files that survive a power cut at any instruction: temporary file, fsync, rename, fsync of the directory.

Rule: a name either shows the old bytes or the new ones, complete. What must be gone is
overwritten first.
Absent on purpose: appending, and everything of the repository, which has rules of its own (`repository.disk`).
"""

import os
import tempfile
from pathlib import Path

from hdus_peer.errors import StorageError

BLOCK_BYTES = 1 << 20


def write_durably(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Replace `path` by `data` with these permission bits; its directory is made (0700). Raises StorageError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_and_rename(path, data, mode)
        sync_directory(path.parent)
    except OSError as problem:
        sentence = f"{path} cannot be written ({problem.strerror})"
        raise StorageError(f"{sentence}: make room, or choose another place.") from problem


def remove_durably(path: Path) -> None:
    """Unlink `path` if it is there. Raises StorageError."""
    try:
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            sync_directory(path.parent)
    except OSError as problem:
        raise StorageError(f"{path} cannot be removed ({problem.strerror}): mend its directory.") from problem


def destroy_durably(path: Path) -> None:
    """Overwrite the bytes of `path` with zeros and unlink it, if it is there; of a link, the link alone. Durable on
    return, and harmless to repeat. Raises StorageError."""
    try:
        if path.exists() and not path.is_symlink():
            _overwrite(path)
    except OSError as problem:
        raise StorageError(f"{path} cannot be overwritten ({problem.strerror}): mend its directory.") from problem
    remove_durably(path)


def _overwrite(path: Path) -> None:
    with path.open("r+b", buffering=0) as stream:
        left = os.fstat(stream.fileno()).st_size
        while left > 0:
            left -= stream.write(bytes(min(left, BLOCK_BYTES)))
        os.fsync(stream.fileno())


def _write_and_rename(path: Path, data: bytes, mode: int) -> None:
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            os.fchmod(handle, mode)
            stream.write(data)
            stream.flush()
            os.fsync(handle)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def sync_directory(directory: Path) -> None:
    """Make the names in `directory` durable."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
