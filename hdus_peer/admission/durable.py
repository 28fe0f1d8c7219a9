"""Writing a file so that it is either wholly there after a power cut, or not at all: temp, fsync, rename, fsync.

Absent on purpose: appending (see `register`) and everything of the repository, which has rules of its own.
"""

import os
import tempfile
from pathlib import Path

from hdus_peer.errors import StorageError


def write_durably(path: Path, data: bytes, mode: int) -> None:
    """Replace `path` by `data` with these permission bits. Raises StorageError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_and_rename(path, data, mode)
        sync_directory(path.parent)
    except OSError as problem:
        sentence = f"{path} could not be written ({problem.strerror})"
        raise StorageError(f"{sentence}: make room or choose another place.") from problem


def sync_directory(directory: Path) -> None:
    """Make the names in `directory` durable."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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
