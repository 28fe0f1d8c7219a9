"""The table for people, and the same as JSON."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.box import ROUNDED
from rich.table import Table

from benchmarks.rows import Row, in_unit

_MARKS = {True: "[green]✓[/]", False: "[bold red]✗[/]", None: ""}


def table(rows: Sequence[Row]) -> Table:
    """Every figure, whether its goal is met or missed."""
    shown = Table(title="Benchmarks", title_justify="left", title_style="bold", box=ROUNDED)
    shown.add_column("")
    shown.add_column("what", ratio=3)
    shown.add_column("measured", justify="right", no_wrap=True)
    shown.add_column("goal", justify="right", no_wrap=True)
    shown.add_column("")
    shown.add_column("how", style="dim", ratio=4)
    for row in rows:
        goal = "" if row.goal is None else f"≤ {in_unit(row.goal, row.unit)}"
        shown.add_row(row.letter, row.name, in_unit(row.measured, row.unit), goal, _MARKS[row.is_met], _how(row))
    return shown


def _how(row: Row) -> str:
    details = ", ".join(f"{name} {in_unit(value, '')}" for name, value in row.details.items())
    return f"{row.how} ({details})" if details else row.how


def verdict(rows: Sequence[Row]) -> str:
    """How many goals were met, and which were missed."""
    judged = [row for row in rows if row.is_met is not None]
    missed = [f"({row.letter}) {row.name}" for row in judged if not row.is_met]
    if not missed:
        return f"All {len(judged)} goals met."
    return f"{len(judged) - len(missed)} of {len(judged)} goals met; missed: {'; '.join(missed)}."


def to_json(rows: Sequence[Row]) -> str:
    """Everything, with the machine's size, so that two files can be compared."""
    machine = {"cores": os.cpu_count(), "system": platform.system(), "python": platform.python_version()}
    return json.dumps({"machine": machine, "rows": [{**asdict(row), "met": row.is_met} for row in rows]}, indent=1)


def write_json(file: Path, rows: Sequence[Row]) -> None:
    file.write_text(to_json(rows) + "\n", encoding="utf-8")
