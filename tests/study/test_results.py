"""The results in the repository: their reports are made of their rows, and a cell measured anew says the same."""

import itertools
import shutil
from pathlib import Path
from statistics import fmean

import pytest

from hdus_peer.study.cells import Cell
from hdus_peer.study.folder import Folder
from hdus_peer.study.measure import measure
from hdus_peer.study.report import write_report
from hdus_peer.study.rows import Row, read_rows
from hdus_peer.study.setting import Place
from tests.study import goals

RESULTS = Path(__file__).parents[2] / "docs" / "results"
NOISE = 0.06  # of a mean over peers with some dozens of test samples each, on another machine or torch


@pytest.mark.parametrize("name", sorted(path.parent.name for path in RESULTS.glob("*/study.json")))
def test_the_report_is_that_of_the_rows(name: str, tmp_path: Path) -> None:
    shutil.copytree(RESULTS / name, tmp_path / name)
    write_report(tmp_path / name)
    for file in ("report.md", "report.html"):
        assert (tmp_path / name / file).read_text() == (RESULTS / name / file).read_text()


@pytest.mark.slow
def test_a_committed_cell_is_measured_again(tmp_path: Path) -> None:
    folder = Folder(RESULTS / "smoke")
    cell = Cell("drop-class", 0, "hdus", "own", 3.0)
    committed = [row for row in read_rows(folder.cells) if _is_of(row, cell)]
    assert committed
    again = measure(cell, folder.plan(), Place(tmp_path, tmp_path / "models", "cpu"))
    for rule, metric in itertools.product(("prob-mean", "opinion-pool"), ("local accuracy", "global accuracy")):
        assert _mean(again, rule, metric) == pytest.approx(_mean(committed, rule, metric), abs=NOISE)


def test_the_page_says_of_the_goals_what_the_rows_say() -> None:
    page = goals.PAGE.read_text(encoding="utf-8")
    assert page == goals.put_into(page), "python -m tests.study.goals --rewrite, and read the difference"


def _is_of(row: Row, cell: Cell) -> bool:
    return (row.partition, row.random_seed, row.system, row.main, row.temperature) == (
        cell.partition, cell.random_seed, cell.system, cell.main, cell.temperature,
    )  # fmt: skip


def _mean(rows: list[Row], rule: str, metric: str) -> float:
    """With ρ chosen, and everybody present."""
    wanted = (metric, "all", rule, "auto")
    return fmean(row.value for row in rows if (row.metric, row.moment, row.rule, row.rho) == wanted)
