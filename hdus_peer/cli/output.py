"""What commands print: JSON for programs, tables with boxes for a terminal, plain columns for a pipe.

Rule: rich is imported only where a terminal will show it. No command prints a number without its unit or its name.
"""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from hdus_peer.workers.port import EnsembleState

from hdus_peer.terminal import console, has_boxes


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading, and whether it holds numbers (aligned to the right)."""

    heading: str
    is_number: bool = False


def show_json(value: Any) -> None:
    """One JSON document on stdout; dataclasses become objects."""
    click.echo(json.dumps(value, indent=2, default=_plain, ensure_ascii=False))


def show_table(title: str, columns: Sequence[Column], rows: Sequence[Sequence[str]], if_empty: str) -> None:
    """`rows` under their headings; the sentence `if_empty` where there are none."""
    if not rows:
        click.echo(if_empty)
    elif has_boxes():
        _boxed(title, columns, rows)
    else:
        _aligned(columns, rows)


def show_facts(title: str, facts: Sequence[tuple[str, str]]) -> None:
    """Names and values, one a line."""
    if has_boxes():
        console().print(facts_panel(title, facts))
    else:
        width = max(len(name) for name, _ in facts)
        click.echo("\n".join([title, *(f"{name:<{width}}  {value}" for name, value in facts)]))


def facts_panel(title: str, facts: Sequence[tuple[str, str]]) -> Any:
    """The same as something that rich can draw again and again."""
    from rich.box import ROUNDED
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    for name, value in facts:
        grid.add_row(Text(name, style="dim"), Text(value))
    return Panel(grid, title=Text(title, style="bold"), title_align="left", box=ROUNDED, expand=False)


def duration(seconds: float) -> str:
    """A length of time in the unit that fits it: "4.2 s", "12 min", "3 h 5 min", "2 d 3 h"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"


def date(instant_s: int) -> str:
    """Unix seconds as a date that needs no time zone of the reader."""
    return datetime.fromtimestamp(instant_s, UTC).strftime("%Y-%m-%d %H:%M UTC")


def percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def rho_of(ensemble: "EnsembleState") -> str:
    """The weight of the seeds in use: "ρ 0.5", or "ρ 0.3 (auto, local)"."""
    return f"ρ {ensemble.rho:g}" + (f" (auto, {ensemble.objective})" if ensemble.rho_auto else "")


def yes_no(value: bool) -> str:
    return "yes" if value else "no"


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _boxed(title: str, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    from rich.box import ROUNDED
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", title_style="bold", box=ROUNDED)
    for column in columns:
        table.add_column(column.heading, justify="right" if column.is_number else "left")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console().print(table)


def _aligned(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    lines = [[column.heading for column in columns], *rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        cells = zip(line, widths, columns, strict=True)
        shown = (f"{cell:>{width}}" if column.is_number else f"{cell:<{width}}" for cell, width, column in cells)
        click.echo("  ".join(shown).rstrip())
