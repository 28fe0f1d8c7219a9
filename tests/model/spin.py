"""Runs Spin over the model: generate the verifier, compile it, search, and say what was found.

Rule: a search counts only if it was exhaustive. One that ran out of memory or of depth is an error, never a result.
"""

import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

MODEL = Path(__file__).with_name("unlearning.pml")
SAFETY = ("I1", "I2", "I3", "I4")
LIVENESS = "L1"
DEPTH_MAX = 1_000_000
MEMORY_MAX_MIB = 3900
FAULTS = {
    "RECEIPT_BEFORE_ERASURE": ("I4", "the receipt is owed in the Step that writes the tombstone"),
    "GRANT_AFTER_KEY": ("I4", "the key leaves before its grant is durable"),
    "TOMBSTONE_NOT_DURABLE": ("I1", "a crash takes the tombstone"),
    "NO_SECOND_LOOK": ("I2", "what was checked is adopted, whatever happened meanwhile"),
    "LEASE_IGNORED": ("I4", "a holder keeps a seed whose lease is over"),
    "SILENT_ABOUT_UNFINISHED": ("I1", "the receipt does not wait for an earlier erasure of the same seed"),
    "RECEIPT_NOT_DURABLE": ("L1", "a crash takes the receipt that is owed"),
}
"""The switches of the model: the property that each violates, and what it stands for."""


class SpinError(Exception):
    """Spin, its compiler, or the search itself failed: nothing was found out."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How much of the world a search holds: the bounds, and what may happen besides."""

    name: str
    generations: int
    grants: int
    mailbox: bool
    leases: bool

    def switches(self) -> tuple[str, ...]:
        return (
            f"-DGENERATIONS={self.generations}",
            f"-DGRANTS={self.grants}",
            f"-DMAILBOX={int(self.mailbox)}",
            f"-DLEASES={int(self.leases)}",
        )


SMALL = Setting("one generation, one grant a holder, leases", 1, 1, mailbox=False, leases=True)
MAILED = Setting("one generation, one grant a holder, mailbox, leases", 1, 1, mailbox=True, leases=True)
SETTINGS = (
    Setting("one generation, two grants a holder, mailbox, leases", 1, 2, mailbox=True, leases=True),
    Setting("two generations, one grant a holder", 2, 1, mailbox=False, leases=False),
)


@dataclass(frozen=True, slots=True)
class Search:
    """What an exhaustive search found. Memory in MiB, time in seconds of the search alone."""

    is_violated: bool
    states: int
    memory_mib: float
    took_s: float


def missing() -> str:
    """The tool that is not installed, or ""."""
    return next((tool for tool in ("spin", "gcc") if shutil.which(tool) is None), "")


def search(setting: Setting, properties: Iterable[str], folder: Path, fault: str = "", level: str = "-O2") -> Search:
    """Look at every state for a violation of `properties`: L1 alone, or any of SAFETY. `level`: of the compiler, whose
    time is most of a small search's. Raises SpinError."""
    checks = [f"-DCHECK_{name}" for name in properties]
    is_liveness = f"-DCHECK_{LIVENESS}" in checks
    planted = [f"-D{fault}"] if fault else []
    shutil.copy(MODEL, folder / MODEL.name)
    _run(["spin", "-a", *checks, *setting.switches(), *planted, MODEL.name], folder)
    purpose = "-DNOFAIR" if is_liveness else "-DSAFETY"
    _run(["gcc", level, "-w", purpose, "-DNOREDUCE", f"-DMEMLIM={MEMORY_MAX_MIB}", "-o", "pan", "pan.c"], folder)
    return _read(_run(["./pan", "-a" if is_liveness else "-E", f"-m{DEPTH_MAX}", "-w24"], folder))


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SpinError(f"{command[0]} ended with {done.returncode}: {(done.stdout + done.stderr).strip()[-500:]}")
    return done.stdout


def _read(output: str) -> Search:
    errors = int(_figure(r"errors: (\d+)", output))
    if not errors and ("Search not completed" in output or "max search depth too small" in output):
        raise SpinError(f"the search is not exhaustive: {output.strip()[:500]}")
    return Search(
        is_violated=errors > 0,
        states=int(_figure(r"(\d+) states, stored", output)),
        memory_mib=float(_figure(r"([\d.]+)\s+total actual memory usage", output)),
        took_s=float(_figure(r"elapsed time ([\d.]+) seconds", output)),
    )


def _figure(pattern: str, output: str) -> str:
    found = re.search(pattern, output)
    if found is None:
        raise SpinError(f"the verifier says nothing of {pattern!r}: {output.strip()[:500]}")
    return found[1]
