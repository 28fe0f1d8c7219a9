"""`python -m tests.simulation.scale --rewrite` puts the figures of docs/results/scale.json into docs/protocol.md.

With `--measure 10,100,1000` the figures are measured anew before (a thousand peers take their time).
"""

import dataclasses
import json
import re
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from hdus_peer.cli import scale_view
from hdus_peer.cli.root import root
from hdus_peer.simulation.crowd import Figures
from hdus_peer.simulation.scale import Cost, Report

DOCS = Path(__file__).parents[2] / "docs"
PAGE, FIGURES = DOCS / "protocol.md", DOCS / "results" / "scale.json"
MARKED = re.compile(r"(<!-- scale -->\n)(.*?)(<!-- end of scale -->)", re.DOTALL)


def reports() -> list[Report]:
    """The runs whose figures are kept."""
    return [_report(run) for run in json.loads(FIGURES.read_text(encoding="utf-8"))["runs"]]


def _report(run: dict[str, Any]) -> Report:
    names = {field.name for field in dataclasses.fields(Figures)}
    phases = {phase: wall_s for phase, wall_s in run["wall_s"].items() if phase != "all"}
    return Report(Figures(**{name: run[name] for name in names}), Cost(phases, run["memory_bytes"]), None)


def put_into(page: str) -> str:
    """The page with the table as the kept figures have it."""
    return MARKED.sub(lambda found: f"{found[1]}\n{_table(reports())}\n\n{found[3]}", page)


def _table(runs: list[Report]) -> str:
    header = ["peers", *(f"{run.figures.peers:,}" for run in runs)]
    rule = ["---", *("---:" for _ in runs)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, rule, *scale_view.table(runs)))


def measure(sizes: str) -> None:
    """Keep what `hdus-peer simulate --scale` says of these sizes. Raises RuntimeError where something does not hold."""
    shown = CliRunner().invoke(root, ["simulate", "--scale", sizes, "--json"], prog_name="hdus-peer")
    if shown.exit_code:
        raise RuntimeError(shown.output)
    FIGURES.write_text(shown.stdout, encoding="utf-8")


def main(arguments: list[str]) -> None:
    match arguments:
        case ["--measure", sizes]:
            measure(sizes)
        case ["--rewrite"]:
            pass
        case _:
            sys.exit(__doc__)
    PAGE.write_text(put_into(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
