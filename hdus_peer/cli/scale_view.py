"""What `hdus-peer simulate --scale` shows: a column for each number of peers, or JSON. No logic."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import click

from hdus_peer.cli.output import Column, show_json, show_table
from hdus_peer.simulation.scale import Report

MIB = 1024 * 1024

Cell = Callable[[Report], float | int | None]

ROWS: tuple[tuple[str, Cell, str], ...] = (
    ("hops to the last eviction", lambda report: report.figures.eviction_hops, "d"),
    ("hops to the last peer that knows", lambda report: report.figures.notice_hops, "d"),
    ("hops to the last peer, over log2 of the peers", lambda report: hops_over_log(report), ".2f"),
    ("messages per peer in a quiet minute", lambda report: report.figures.minute_messages, ".1f"),
    ("bytes per peer in a quiet minute", lambda report: report.figures.minute_bytes, ".0f"),
    ("messages per peer that the leave caused", lambda report: report.figures.leave_messages, ".1f"),
    ("messages per peer in all", lambda report: report.figures.messages, ".0f"),
    ("links of a peer, on average", lambda report: report.figures.links_mean, ".1f"),
    ("links of a peer, at most", lambda report: report.figures.links_max, "d"),
    ("holders of the leaver's seed", lambda report: report.figures.holders, "d"),
    ("virtual s until everybody has its seeds", lambda report: report.figures.full_s, ".1f"),
    ("virtual s from the leave to the last eviction", lambda report: report.figures.eviction_s, ".2f"),
    ("virtual s from the leave to the certificate", lambda report: report.figures.certificate_s, ".2f"),
    ("events", lambda report: report.figures.events, "d"),
    ("events/s", lambda report: report.events_per_s, ".0f"),
    ("wall-clock s, to the complete certificate", lambda report: report.cost.until_left_s, ".1f"),
    ("wall-clock s", lambda report: report.cost.total_s, ".1f"),
    ("memory of the process at most, MiB", lambda report: report.cost.memory_bytes / MIB, ".0f"),
)


def hops_over_log(report: Report) -> float | None:
    """What stays the same where hops grow like the logarithm of the number of peers."""
    hops = report.figures.notice_hops
    return None if hops is None else hops / math.log2(report.figures.peers)


def show(seed: int, reports: Sequence[Report], as_json: bool) -> None:
    if as_json:
        show_json({"seed": seed, "runs": [for_programs(report) for report in reports]})
        return
    columns = [Column("peers"), *(Column(str(report.figures.peers), is_number=True) for report in reports)]
    show_table("Scale", columns, table(reports), "no number of peers")
    for report in reports:
        if report.violation is not None:
            click.echo(f"\n{report.figures.peers} peers, seed {seed}: {report.violation}")


def table(reports: Sequence[Report]) -> list[list[str]]:
    """One row for each of `ROWS`: its name, and its value for each report ("-": the run ended before)."""
    return [[name, *(_shown(cell(report), form) for report in reports)] for name, cell, form in ROWS]


def _shown(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def for_programs(report: Report) -> dict[str, Any]:
    figures, cost, violation = report.figures, report.cost, report.violation
    return {
        **dataclasses.asdict(figures),
        "events_per_s": report.events_per_s,
        "wall_s": {**cost.wall_s, "all": cost.total_s},
        "memory_bytes": cost.memory_bytes,
        "violation": None if violation is None else {"invariant": violation.invariant, "what": str(violation)},
    }
