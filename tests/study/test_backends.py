"""Wherever units are done, every outcome comes, also when a process is killed half-way."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from hdus_peer.errors import WorkerError
from hdus_peer.study.backends import BACKENDS, Work
from hdus_peer.study.cells import Cell, Unit
from hdus_peer.study.work import Outcome

UNITS = tuple(Cell("iid", random_seed, "isgd", "own") for random_seed in range(6))


@dataclass(frozen=True)
class Mortal:
    """Notes each unit that it does; the process that gets `fatal` is killed in the middle of it, the first time."""

    folder: Path
    fatal: int

    def __call__(self, unit: Unit) -> Outcome:
        begun = self.folder / f"begun-{unit.random_seed}"
        is_first = not begun.exists()
        begun.touch()
        if unit.random_seed == self.fatal and is_first:
            os.kill(os.getpid(), signal.SIGKILL)
        (self.folder / f"done-{unit.random_seed}").touch()
        return Outcome(unit, 0.0)


def done(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("done-*")}


def killed_and_again(folder: Path) -> None:
    """One process is killed half-way, which is said; then all is done, and no process of it is left."""
    work: Work = Mortal(folder, fatal=3)
    with pytest.raises(WorkerError, match="run the same command again"):
        list(BACKENDS["joblib"](UNITS, work, 2))
    again = list(BACKENDS["joblib"](UNITS, work, 2))
    assert {outcome.unit for outcome in again} == set(UNITS)
    left = [" ".join(child.cmdline()) for child in psutil.Process().children()]
    assert not [line for line in left if "resource_tracker" not in line], left
    assert len(done(folder)) == len(UNITS)


@pytest.mark.slow
def test_a_killed_process_of_joblib_is_said(tmp_path: Path) -> None:
    """In a process of its own: joblib's resource tracker lives as long as whoever used joblib."""
    typed = [sys.executable, "-c", f"from {__name__} import *; killed_and_again(Path({str(tmp_path)!r}))"]
    subprocess.run(typed, check=True, timeout=100)


@pytest.mark.slow
@pytest.mark.timeout(400)  # a cluster takes its time to start, and longer on a busy machine
def test_a_killed_worker_of_ray_is_replaced(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="the extra [ray] is not installed")
    outcomes = list(BACKENDS["ray"](UNITS, Mortal(tmp_path, fatal=3), 2))
    assert sorted(outcome.unit.random_seed for outcome in outcomes) == list(range(len(UNITS)))
    assert len(done(tmp_path)) == len(UNITS)
