"""Where the control socket of a state directory lies.

Rule: `<state>/control.sock`, for its owner alone. The kernel takes at most 107 bytes for a socket's path; where the
state directory is deeper than that, the socket lies in a private runtime directory instead, and `<state>/control.path`
names it, so that every shell finds it whatever its environment.
"""

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from hdus_peer.errors import StateError

SOCKET_PATH_BYTES_MAX = 107
SOCKET_NAME = "control.sock"
POINTER_NAME = "control.path"


def choose_socket(state: Path) -> Path:
    """The path to listen at, for the daemon; its directory exists, is private, and the state directory names it."""
    direct = state.absolute() / SOCKET_NAME
    pointer = state / POINTER_NAME
    if is_short_enough(direct):
        pointer.unlink(missing_ok=True)
        return direct
    name = hashlib.sha256(os.fsencode(state.resolve())).hexdigest()[:24]
    elsewhere = _runtime_directory() / f"{name}.sock"
    if not is_short_enough(elsewhere):
        raise StateError(
            f"neither {state} nor {elsewhere.parent} is short enough for a Unix socket ({SOCKET_PATH_BYTES_MAX} "
            f"bytes): choose a shorter --state directory, or set XDG_RUNTIME_DIR to a short one"
        )
    pointer.write_text(f"{elsewhere}\n")
    return elsewhere


def find_socket(state: Path) -> Path:
    """The path to call, for the command line; nobody need be listening there."""
    pointer = state / POINTER_NAME
    try:
        return Path(pointer.read_text().strip())
    except FileNotFoundError:
        return state.absolute() / SOCKET_NAME
    except (OSError, UnicodeDecodeError) as problem:
        raise StateError(f"{pointer} cannot be read: delete it, then type `hdus-peer start`") from problem


def is_short_enough(path: Path) -> bool:
    """Whether the kernel takes `path` for a socket."""
    return len(os.fsencode(path)) <= SOCKET_PATH_BYTES_MAX


def _runtime_directory() -> Path:
    parent = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    directory = Path(parent) / f"hdus-peer-{os.getuid()}"
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        found = directory.lstat()
    except OSError as problem:
        raise StateError(f"{directory} cannot be made ({problem.strerror}): set XDG_RUNTIME_DIR to one") from problem
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise StateError(f"{directory} is not a private directory of yours: remove it, or set XDG_RUNTIME_DIR")
    return directory
