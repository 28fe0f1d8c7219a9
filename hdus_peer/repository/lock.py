"""The lock of a state directory: at most one daemon works on it.

Rule: the kernel holds the lock (flock), so that it is gone with the process, however that ended; a file that was left
behind means nothing. It does not see a copy of the directory on another device: that is the protocol's to find
(`state_sequence` and `run_nonce`).
"""

import fcntl
import os
from pathlib import Path

from hdus_peer.errors import StateError
from hdus_peer.repository.disk import FILE_MODE, translated

LOCK_NAME = "lock"


class DirectoryLock:
    """Taken when made; raises StateError where another process has it."""

    def __init__(self, directory: Path) -> None:
        path = directory / LOCK_NAME
        with translated(path):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as problem:
                self.release()
                raise StateError(
                    f"The state directory {directory} is in use: another daemon is using it. "
                    "Stop that one first, or choose another directory."
                ) from problem
            except OSError:
                self.release()
                raise

    def release(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def is_locked(directory: Path) -> bool:
    """Whether a daemon works on `directory` now. Nothing is made there, and nobody is kept from starting."""
    try:
        descriptor = os.open(directory / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
