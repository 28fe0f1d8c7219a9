"""`python -m benchmarks [NAME …] [--json FILE] [--quick]`: measure, show a table, write JSON.

A missed goal is marked and is no error: exit code 0 says that everything was measured. The machine should be quiet."""

import argparse
import importlib
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks import report
from benchmarks.place import Effort, Place
from benchmarks.rows import Row

NAMES = (
    "leave", "fetch", "ensemble", "training", "startup", "footprint", "convergence", "traffic", "loop_lag",
    "holders", "forget", "study", "batched",
)  # fmt: skip
"""In the order of the goals (a) to (m)."""


def arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Ratios, measured side by side.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which ones; by default all: {', '.join(NAMES)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument("--quick", action="store_true", help="a few repetitions: to see that it works, not for figures")
    parser.add_argument("--keep", action="store_true", help="leave the files of the measured peers where they are")
    found = parser.parse_args(given)
    unknown = sorted(set(found.names) - set(NAMES))
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(NAMES)}")
    found.names = [name for name in NAMES if name in found.names] or list(NAMES)
    return found


def run(names: Sequence[str], place: Place, console: Console) -> list[Row]:
    rows: list[Row] = []
    for name in names:
        with console.status(f"measuring {name}"):
            found: list[Row] = importlib.import_module(f"benchmarks.{name}").measure(place)
        for row in found:
            console.print(f"({row.letter}) {row.name}: {row.measured:.4g} {row.unit}", highlight=False, soft_wrap=True)
        rows += found
    return rows


def main(given: Sequence[str]) -> int:
    chosen, console = arguments(given), Console()
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # processes are started here beside open channels
    directory = Path(tempfile.mkdtemp(prefix="hdus-bench-"))
    try:
        rows = run(chosen.names, Place(directory, Effort.quick() if chosen.quick else Effort()), console)
    finally:
        if chosen.keep:
            console.print(f"The peers' files are in {directory}.", soft_wrap=True)
        else:
            shutil.rmtree(directory, ignore_errors=True)
    console.print(report.table(rows), report.verdict(rows))
    if chosen.json is not None:
        report.write_json(chosen.json, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
