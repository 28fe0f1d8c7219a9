"""What the processes of a soak hold: memory, descriptors, threads; and how big their ledgers and states are.

Rule: a *life* is one process from its start to its end. A trend is looked for within lives only, so that a restart is
no drop and a new child no growth.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from benchmarks.peers import Peer

MEASURES = ("rss_bytes", "descriptors", "threads")
SIZES = ("ledger_bytes", "log_bytes", "state_bytes")
ROLES = {"hdus_peer.learning": "trainer", "hdus_peer.inference": "predictor"}


@dataclass(frozen=True, slots=True)
class Sample:
    """One process at one moment (`at_s` of the soak), begun at `born_s` (Unix time). The sizes are those of its peer's
    state, for daemons only."""

    at_s: float
    peer: str
    role: str
    pid: int
    rss_bytes: int
    descriptors: int
    threads: int
    ledger_bytes: int = 0
    log_bytes: int = 0
    state_bytes: int = 0
    born_s: float = 0.0

    @property
    def life(self) -> tuple[str, int, float]:
        """The process for sure: the kernel gives a number again after a while."""
        return self.peer, self.pid, self.born_s


def take(peers: Sequence[Peer], at_s: float) -> list[Sample]:
    """Every process that lives now."""
    return [sample for peer in peers if peer.is_up() for sample in _of_peer(peer, at_s)]


def _of_peer(peer: Peer, at_s: float) -> Iterator[Sample]:
    try:
        processes = peer.processes()
    except psutil.NoSuchProcess:
        return
    for process in processes:
        try:
            with process.oneshot():
                role = "daemon" if process.pid == peer.pid else _role(process)
                figures = (process.memory_info().rss, process.num_fds(), process.num_threads())
                born_s = process.create_time()
        except psutil.Error:
            continue
        sizes = _sizes(peer.plan.state) if role == "daemon" else (0, 0, 0)
        yield Sample(round(at_s, 2), peer.plan.name, role, process.pid, *figures, *sizes, born_s)


def _role(process: psutil.Process) -> str:
    words = " ".join(process.cmdline())
    return next((role for module, role in ROLES.items() if module in words), "other")


def _sizes(state: Path) -> tuple[int, int, int]:
    """Bytes of the ledger, of its write-ahead log (which grows to its bound and is then used again), of everything."""
    ledger = log = whole = 0
    for directory, _, names in os.walk(state):
        for name in names:
            try:
                size = os.stat(Path(directory) / name).st_size
            except FileNotFoundError:
                continue
            whole += size
            ledger += size if name == "ledger.sqlite" else 0
            log += size if name == "ledger.sqlite-wal" else 0
    return ledger, log, whole
