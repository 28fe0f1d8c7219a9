"""The state directory: can it be there, may we write, is there room, does a daemon use it."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from hdus_peer.config import Config
from hdus_peer.doctor.findings import Finding, bad, good, warning
from hdus_peer.repository.lock import is_locked

ROOM_BYTES = 500 << 20
_MIB = 1 << 20


def findings(config: Config) -> Iterator[Finding]:
    directory = config.state_directory.absolute()
    there = _nearest(directory)
    yield _place(directory, there)
    if os.path.isdir(there):
        yield _room(there, config.limits.ballast_bytes + config.limits.seed_bytes_max)
    if os.path.isdir(directory) and os.access(directory, os.X_OK):
        yield _lock(directory)


def _nearest(path: Path) -> Path:
    """`path`, or the nearest of its parents that exists."""
    while not os.path.lexists(path) and path != path.parent:
        path = path.parent
    return path


def _place(directory: Path, there: Path) -> Finding:
    if not os.path.isdir(there):
        return bad("state", f"{there} is no directory: choose another state directory with --state.")
    if not os.access(there, os.W_OK | os.X_OK):
        return bad("state", f"{there} cannot be written by this user: run as its owner, or choose another --state.")
    if there != directory:
        return good("state", f"{directory} will be made at the first start.")
    about = directory.stat()
    if about.st_uid != os.geteuid():
        return warning("state", f"{directory} belongs to another user ({about.st_uid}): run the daemon as that user.")
    if stat.S_IMODE(about.st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        return warning("state", f"Others may look into {directory}. Run: chmod 700 {directory}")
    return good("state", f"{directory} is ours alone.")


def _room(there: Path, least: int) -> Finding:
    free = shutil.disk_usage(there).free
    text = f"{free // _MIB:,} MiB are free at {there}"
    if free < least:
        return bad("space", f"{text}, and a seed and the ballast need {least // _MIB:,}: make room.")
    return (
        warning("space", f"{text}: make room for models and seeds.") if free < ROOM_BYTES else good("space", text + ".")
    )


def _lock(directory: Path) -> Finding:
    if is_locked(directory):
        return good("lock", "A daemon is using the state directory; another one cannot be started on it.")
    return good("lock", "No daemon is using the state directory.")
