"""A crash at any operation of the disk loses nothing acknowledged and leaves nothing half-there in use."""

import itertools
import os
import random
import signal
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest

from hdus_peer.repository.durable import DurableRepository
from tests.repository.crash import Crash, CrashingDisk
from tests.repository.scenario import BALLAST_BYTES, Act, Oracle, acts
from tests.repository.victim import ACKNOWLEDGED, OPERATION

ROOT = Path(__file__).parents[2]
ROUNDS = 4
NEVER = 10**9


def live(directory: Path, disk: CrashingDisk, life: list[Act]) -> int:
    """Play until the disk dies; how many acts were acknowledged."""
    done = 0
    with suppress(Crash), closing(DurableRepository(directory, disk, BALLAST_BYTES)) as repository:
        for act in life:
            act(repository)
            done += 1
    return done


def test_the_scenario_reaches_the_oracle(tmp_path: Path) -> None:
    oracle = Oracle.of(acts(tmp_path / "twin", 2))
    disk = CrashingDisk(NEVER)
    assert live(tmp_path / "state", disk, acts(tmp_path / "state", 2)) == len(oracle.states) - 1
    oracle.check(tmp_path / "state", len(oracle.states) - 1)
    kinds = {operation.split()[0] for operation in disk.operations}
    assert kinds == {"create", "write", "sync", "rename", "unlink", "commit", "script"}


@pytest.mark.slow
def test_a_crash_at_every_operation(quick_path: Path) -> None:
    oracle = Oracle.of(acts(quick_path / "twin"))
    for crash_at in itertools.count():
        directory, disk = quick_path / f"{crash_at}", CrashingDisk(crash_at)
        done = live(directory, disk, acts(directory))
        for lost in itertools.product((False, True), repeat=2):
            copy = quick_path / "-".join(map(str, (crash_at, *lost)))
            disk.left_behind(directory, copy, *lost)
            oracle.check(copy, done)
        oracle.check_freed(disk.freed)
        live(copy, CrashingDisk(NEVER), acts(copy))
        oracle.check(copy, len(oracle.states) - 1)
        if not disk.is_dead:
            return


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_a_real_kill_loses_nothing_acknowledged(tmp_path: Path, seed: int) -> None:
    """The child is killed after a drawn number of acknowledged acts, and of disk operations after them."""
    oracle = Oracle.of(acts(tmp_path / "twin", ROUNDS))
    chance = random.Random(seed)
    acknowledged, operations = chance.randrange(len(oracle.states) - 30), chance.randrange(40)
    done = kill_after(tmp_path / "state", acknowledged, operations)
    assert acknowledged <= done < len(oracle.states)
    oracle.check(tmp_path / "state", done)


def kill_after(directory: Path, acknowledged: int, operations: int) -> int:
    """Let the victim live in `directory`, then kill -9; how many acts it had acknowledged when it was dead."""
    command = [sys.executable, "-m", "tests.repository.victim", str(directory), str(ROUNDS)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as victim:
        assert victim.stdout is not None
        told = b""
        while not _is_due(told, acknowledged, operations):
            more = os.read(victim.stdout.fileno(), 1)
            assert more, "the victim ended before it was killed"
            told += more
        victim.kill()
        told += victim.stdout.read()
    assert victim.returncode == -signal.SIGKILL
    return told.count(ACKNOWLEDGED)


def _is_due(told: bytes, acknowledged: int, operations: int) -> bool:
    parts = told.split(ACKNOWLEDGED, acknowledged)
    return len(parts) > acknowledged and parts[-1].count(OPERATION) >= operations
