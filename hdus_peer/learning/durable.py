"""Files that survive a crash at any instruction: temporary file, fsync, rename, fsync of the directory.

Rule: a name either shows the old bytes or the new ones, complete, and only this user may read them.
A temporary file that a crash left behind is overwritten by the next write of the same name.
"""

import os
from pathlib import Path

from hdus_peer.errors import StorageError


def write_durably(path: Path, content: bytes) -> None:
    """Put `content` under `path` (mode 0600). Raises StorageError where the disk refuses."""
    temporary = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
        _sync_directory(path.parent)
    except OSError as problem:
        raise StorageError(f"{path} cannot be written ({problem.strerror}); free some space or mend it") from problem


def remove_durably(path: Path) -> None:
    """Unlink `path` if it is there. Raises StorageError where the disk refuses."""
    try:
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            _sync_directory(path.parent)
    except OSError as problem:
        raise StorageError(f"{path} cannot be removed ({problem.strerror}); mend the directory") from problem


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
