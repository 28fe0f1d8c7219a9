"""(e) How long a command takes from its start to its end, as a person at a terminal waits for it; beside Python's own
start."""

import contextlib
import os
import pty
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from statistics import median

from benchmarks.figures import quantile
from benchmarks.peers import Peer, running, until
from benchmarks.place import Place
from benchmarks.plan import command, environment
from benchmarks.rows import Row
from hdus_peer.errors import NotRunningError

GOALS_S = {"hdus-peer --help": 0.15, "hdus-peer status": 0.25}


def measure(place: Place) -> list[Row]:
    peer = Peer(place.copy("commands", place.trained).peers[0])
    with running([peer]):
        until(lambda: _answers(peer), 30.0, peer)
        until(lambda: peer.has("TrainingDone"), 30.0, peer)
        commands = {
            "hdus-peer --help": command("--help"),
            "hdus-peer status": command("status", "--state", str(peer.plan.state)),
            "python": [sys.executable, "-c", ""],
        }
        rounds = [{name: _seconds(typed) for name, typed in commands.items()} for _ in range(place.effort.commands)]
    python_s = median(each["python"] for each in rounds)
    return [_row(name, goal_s, [each[name] for each in rounds], python_s) for name, goal_s in GOALS_S.items()]


def _answers(peer: Peer) -> bool:
    try:
        with peer.client():
            return True
    except NotRunningError:
        return False


def _seconds(typed: Sequence[str]) -> float:
    """Its output goes to a terminal, so that it is drawn as for a person."""
    screen, terminal = pty.openpty()
    reading = threading.Thread(target=_read_all, args=(screen,))
    reading.start()
    began_s = time.perf_counter()
    subprocess.run(typed, check=True, stdin=subprocess.DEVNULL, stdout=terminal, env=environment())
    took_s = time.perf_counter() - began_s
    os.close(terminal)
    reading.join()
    os.close(screen)
    return took_s


def _read_all(screen: int) -> None:
    with contextlib.suppress(OSError):  # how a terminal ends
        while os.read(screen, 4096):
            pass


def _row(name: str, goal_s: float, found: Sequence[float], python_s: float) -> Row:
    details = {"p90_s": quantile(found, 0.9), "bare_python_s": python_s}
    return Row("e", name, median(found), "s", goal_s, "wall time of the command, median", details)
