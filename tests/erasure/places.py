"""Where a seed that was erased might still be: files, texts that are shown, and the memory of processes (Linux).

Rule: whatever is looked at is looked at as a whole: every file of a directory, every mapping of a process that has a
page in memory or in swap, whatever its protection, and every file that a process holds open, deleted or not.
"""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tests.erasure.search import Needle, Windows


def in_files(needle: Needle, *directories: Path) -> dict[str, int]:
    """How many windows of it lie in which file."""
    files = (file for directory in directories for file in directory.rglob("*") if file.is_file())
    return _found((str(file), needle.windows_in(file.read_bytes())) for file in files)


def in_open_files(needle: Needle, process: psutil.Process) -> dict[str, int]:
    """How many windows of it lie in which regular file that the process holds open."""
    links = (link for link in Path(f"/proc/{process.pid}/fd").iterdir() if link.is_file())
    return _found((os.readlink(link), needle.windows_in(link.read_bytes())) for link in links)


def in_memory(needle: Needle, process: psutil.Process) -> int:
    """How many windows of it lie in the memory of the process."""
    return sum(_found((name, needle.windows_in(content)) for name, content in _memory(process.pid)).values())


def need_to_read_memory() -> None:
    """Skips the test where the memory of a child cannot be read."""
    try:
        with open(f"/proc/{os.getppid()}/mem", "rb"):
            pass
    except OSError as problem:
        pytest.skip(f"the memory of another process cannot be read here: {problem.strerror}")


@contextmanager
def stopped(daemon: psutil.Process) -> Iterator[list[psutil.Process]]:
    """The world stands still for a daemon and its children: the daemon, then all children that exist."""
    family: list[psutil.Process] = []
    try:
        for process in (daemon, *daemon.children()):
            process.send_signal(signal.SIGSTOP)
            family.append(process)
        family += [late for late in daemon.children() if late not in family]
        yield [process for process in family if process.status() != psutil.STATUS_ZOMBIE]
    finally:
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)


def _found(windows_at: Iterator[tuple[str, Windows]]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for place, windows in windows_at:
        counts[place] += int(windows.sum())
    return {place: count for place, count in counts.items() if count}


def _memory(pid: int) -> Iterator[tuple[str, bytes]]:
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as file:
        for first, last, name in _mappings(pid):
            file.seek(first)
            with suppress(OSError):  # pages of the kernel's own (vvar) are nobody's to read
                yield name, file.read(last - first)


def _mappings(pid: int) -> Iterator[tuple[int, int, str]]:
    """From, to (exclusive) and name of the mappings with a page in memory or in swap."""
    first = last = 0
    name = ""
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        head, *cells = line.split()
        if not head.endswith(":"):
            first, last = (int(each, 16) for each in head.split("-"))
            name = cells[4] if len(cells) > 4 else "anonymous"
        elif head == "Rss:":
            resident_kb = int(cells[0])
        elif head == "Swap:" and resident_kb + int(cells[0]) > 0:
            yield first, last, name
