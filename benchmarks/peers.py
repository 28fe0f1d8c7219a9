"""Running peers as the benchmarks watch them: a separate `hdus-peer start` each, its JSON log, its processes' figures.

Rule: whatever happens, every process that was started here is ended here, with its children.
"""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psutil  # type: ignore[import-untyped]

from benchmarks.plan import PeerPlan, command, environment
from hdus_peer.control.client import ControlClient
from hdus_peer.errors import NotRunningError

POLL_S = 0.02
STOP_S = 10.0
QUIET_S = 0.6
QUIET_SHARE = 0.15
"""Of one core."""

Line = dict[str, Any]


class Peer:
    """One `hdus-peer start` at a time. `events` are those of the latest start."""

    def __init__(self, plan: PeerPlan) -> None:
        self.plan = plan
        self._process: subprocess.Popen[bytes] | None = None
        self._log_from = 0
        self._events: list[Line] = []

    @property
    def pid(self) -> int:
        assert self._process is not None, "started"
        return self._process.pid

    def start(self, *arguments: str) -> None:
        with self.plan.log.open("ab") as log:
            self._log_from, self._events = log.tell(), []
            self._process = subprocess.Popen(
                self.command(arguments),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment(),
                start_new_session=True,
            )

    def command(self, arguments: Sequence[str]) -> list[str]:
        return command("start", "--config", str(self.plan.config), *arguments)

    def events(self, name: str, **fields: object) -> list[Line]:
        """The events of this name with these fields, so far."""
        self._read()
        return [
            line
            for line in self._events
            if line.get("event") == name and all(line.get(key) == value for key, value in fields.items())
        ]

    def has(self, name: str, **fields: object) -> bool:
        return bool(self.events(name, **fields))

    def client(self) -> ControlClient:
        return ControlClient(self.plan.state)

    def is_up(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def log_end(self) -> str:
        return self.plan.log.read_text(errors="replace")[-1500:]

    def processes(self) -> list[psutil.Process]:
        """The daemon first, then its children."""
        daemon = psutil.Process(self.pid)
        return [daemon, *daemon.children(recursive=True)]

    def cpu_s(self) -> float:
        """What its processes have computed so far, those that ended included."""
        total = 0.0
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                total += sum(process.cpu_times()[:4])  # user, system, and the same of ended children
        return total

    def wait(self, timeout_s: float = STOP_S) -> None:
        assert self._process is not None, "started"
        self._process.wait(timeout_s)

    def stop(self) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _read(self) -> None:
        with self.plan.log.open("rb") as log:
            log.seek(self._log_from)
            new = log.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._log_from += len(whole)
        for line in whole.splitlines():
            with contextlib.suppress(ValueError):  # what is no JSON was not written by the log
                found = json.loads(line)
                if isinstance(found, dict):
                    self._events.append(found)


@contextmanager
def running(peers: Sequence[Peer]) -> Iterator[Sequence[Peer]]:
    """Start all of them at once; end all of them."""
    try:
        for peer in peers:
            peer.start()
        yield peers
    finally:
        for peer in peers:
            if peer.is_up():
                os.kill(peer.pid, signal.SIGTERM)
        for peer in peers:
            peer.stop()


def until(is_so: Callable[[], bool], timeout_s: float, *peers: Peer) -> None:
    """Wait for it; RuntimeError with the end of a log where a peer ended, or it takes too long."""
    ends_s = time.monotonic() + timeout_s
    while not is_so():
        ended = [peer for peer in peers if not peer.is_up()]
        if ended or time.monotonic() > ends_s:
            about = ended or list(peers)
            raise RuntimeError("this did not come about:\n" + "\n".join(peer.log_end() for peer in about))
        time.sleep(POLL_S)


def until_complete(peers: Sequence[Peer], timeout_s: float = 60.0) -> None:
    """Until every peer's ensemble uses the seed of every other one."""
    until(lambda: all(_is_complete(peer, len(peers) - 1) for peer in peers), timeout_s, *peers)


def _is_complete(peer: Peer, others: int) -> bool:
    try:
        with peer.client() as client:
            status = client.status()
    except NotRunningError:
        return False
    return len(status.ensemble.owners) == others and not status.ensemble.pending and status.training.state == "done"


def until_quiet(peers: Sequence[Peer], patience_s: float = 20.0, timeout_s: float = 90.0) -> None:
    """Until the machine computes next to nothing: what the peers had begun in the background is done. Where something
    else keeps it busy beyond `patience_s`, until the peers are quiet."""
    began_s = time.monotonic()
    while time.monotonic() < began_s + timeout_s:
        before = sum(peer.cpu_s() for peer in peers)
        machine = psutil.cpu_percent(QUIET_S) / 100 * psutil.cpu_count()
        ours = (sum(peer.cpu_s() for peer in peers) - before) / QUIET_S
        is_patient = time.monotonic() < began_s + patience_s
        if (machine if is_patient else ours) <= QUIET_SHARE:
            return
    raise RuntimeError("the peers do not come to rest")
