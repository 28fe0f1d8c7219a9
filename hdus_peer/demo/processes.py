"""The peers' processes: `hdus-peer start` of this interpreter, each in a session of its own, its log in a file.

Rules
1. Whatever happens to the demo, `stop` is reached: SIGTERM to all at once, then SIGKILL to what is left of each group.
2. A peer that ended when it should not is a WorkerError that shows the end of its log, and where all of it is.
3. The environment's `HDUS_*` are taken away, so that the same demo runs whatever the user has set.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from hdus_peer.demo.plan import PeerPlan
from hdus_peer.errors import WorkerError

STOP_TIMEOUT_S = 8.0
LOG_LINES_SHOWN = 12


def command(*arguments: str) -> list[str]:
    """`hdus-peer ARGUMENTS` of this very interpreter and package."""
    return [sys.executable, "-m", "hdus_peer.cli", *arguments]


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.upper().startswith("HDUS_")}


class PeerProcess:
    """One running `hdus-peer start`."""

    def __init__(self, plan: PeerPlan) -> None:
        self.plan = plan
        with plan.log.open("ab") as log:
            self._process = subprocess.Popen(
                command("start", "--config", str(plan.config)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment(),
                start_new_session=True,
            )

    def check(self) -> None:
        """Raises WorkerError where the process has ended."""
        code = self._process.poll()
        if code is not None:
            raise WorkerError(f"{self.plan.name} ended with exit code {code}. {self.log_end()}")

    def wait(self, timeout_s: float) -> int | None:
        """Its exit code, or None where it still runs after `timeout_s`."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(timeout_s)
        return None

    def ask_to_stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()

    def kill(self) -> None:
        """End the process and every child that is left of its group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def log_end(self) -> str:
        """The last lines of the log, and where all of it is."""
        lines = self.plan.log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
        shown = "\n".join(f"    {line}" for line in lines) or "    (nothing)"
        return f"The end of its log {self.plan.log}:\n{shown}"


def start(plans: Sequence[PeerPlan]) -> list[PeerProcess]:
    """Start all of them, or none (an interruption included)."""
    started: list[PeerProcess] = []
    with contextlib.ExitStack() as undo:
        undo.callback(stop, started)
        for plan in plans:
            started.append(_start_one(plan))
        undo.pop_all()
    return started


def _start_one(plan: PeerPlan) -> PeerProcess:
    try:
        return PeerProcess(plan)
    except OSError as problem:
        raise WorkerError(f"{plan.name} cannot be started ({problem}): are there too many processes?") from problem


def stop(processes: Sequence[PeerProcess], timeout_s: float = STOP_TIMEOUT_S) -> None:
    """End all of them in order; those that do not obey within `timeout_s` are killed. Idempotent."""
    for process in processes:
        process.ask_to_stop()
    ends_at = time.monotonic() + timeout_s
    for process in processes:
        process.wait(max(0.0, ends_at - time.monotonic()))
    for process in processes:
        process.kill()
