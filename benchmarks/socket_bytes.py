"""How many bytes processes sent over TCP, as the kernel counts them for each open socket (`ss`, of iproute2): TLS and
repetitions included, headers not. What is sent over a socket that was closed since counts no more."""

import re
import shutil
import subprocess
from collections.abc import Collection

_PID, _SENT = re.compile(r"pid=(\d+)"), re.compile(r"\bbytes_sent:(\d+)")


def can_count() -> bool:
    return shutil.which("ss") is not None


def sent_bytes(pids: Collection[int]) -> int:
    """By all these processes together, so far."""
    told = subprocess.run(
        ["ss", "-tinpOH", "state", "established"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return sum(_sent(line) for line in told if _owners(line) & set(pids))


def _owners(line: str) -> set[int]:
    return {int(pid) for pid in _PID.findall(line)}


def _sent(line: str) -> int:
    """Of an idle socket `ss` leaves the count out."""
    found = _SENT.search(line)
    return int(found[1]) if found else 0
