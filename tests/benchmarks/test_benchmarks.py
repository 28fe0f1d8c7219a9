"""What of the benchmarks can be wrong without measuring: statistics, memory counted once, arguments, report. No time is
ever asserted here."""

import importlib
import inspect
import io
import json
import math

import pytest
from rich.console import Console

from benchmarks.__main__ import NAMES, arguments, run
from benchmarks.figures import interval, quantile, ratios, uncovered
from benchmarks.footprint import _once
from benchmarks.place import Effort, Place
from benchmarks.report import table, to_json, verdict, write_json
from benchmarks.rows import Row, in_unit

MET = Row("a", "fast enough", 1.25, "", 2.5, "one / other", {"low": 1.1, "high": 1.4})
MISSED = Row("e", "too slow", 0.3, "s", 0.25, "wall time")
TOLD = Row("d", "for comparison", 12.0, "s", None, "CPU time")


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_a_module_that_measures_and_says_what(name):
    module = importlib.import_module(f"benchmarks.{name}")
    assert list(inspect.signature(module.measure).parameters) == ["place"]
    assert module.__doc__.startswith(f"({'abcdefghijklm'[NAMES.index(name)]})")


def test_names_are_kept_in_the_order_of_the_goals_and_default_to_all():
    assert arguments(["fetch", "leave"]).names == ["leave", "fetch"]
    assert arguments([]).names == list(NAMES)


def test_an_unknown_name_is_refused_with_those_that_there_are(capsys):
    with pytest.raises(SystemExit) as ended:
        arguments(["leaf"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "leaf" in said
    assert "loop_lag" in said


def test_a_quick_run_repeats_less_of_everything():
    full, quick = Effort(), Effort.quick()
    assert all(getattr(quick, name) < getattr(full, name) for name in Effort.__slots__ if name != "training_pairs")
    assert quick.training_pairs < full.training_pairs == 30


def test_each_directory_is_new(tmp_path):
    place = Place(tmp_path, Effort.quick())
    assert place.new_directory("one") != place.new_directory("one")


def test_what_is_measured_is_collected_in_order(monkeypatch, tmp_path):
    for name, row in (("leave", MET), ("startup", MISSED)):
        monkeypatch.setattr(f"benchmarks.{name}.measure", lambda place, row=row: [row])
    shown = io.StringIO()
    assert run(["leave", "startup"], Place(tmp_path, Effort.quick()), Console(file=shown)) == [MET, MISSED]
    assert "too slow" in shown.getvalue()


def test_a_goal_is_met_missed_or_not_there():
    assert (MET.is_met, MISSED.is_met, TOLD.is_met) == (True, False, None)
    assert Row("a", "", 2.5, "", 2.5, "").is_met
    assert Row("a", "", math.nan, "", 2.5, "").is_met is False


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [(1234.5, "ms", "1234 ms"), (12.34, "%", "12.3 %"), (1.234, "", "1.23"), (0.1, "s", "0.100 s")],
)
def test_figures_are_shown_with_three_digits(value, unit, shown):
    assert in_unit(value, unit) == shown


def test_the_table_marks_what_was_met_and_what_was_missed():
    shown = io.StringIO()
    Console(file=shown, width=160).print(table([MET, MISSED, TOLD]), verdict([MET, MISSED, TOLD]))
    lines = shown.getvalue().splitlines()
    assert any("fast enough" in line and "✓" in line for line in lines)
    assert any("too slow" in line and "✗" in line for line in lines)
    assert not any("for comparison" in line and ("✓" in line or "✗" in line) for line in lines)
    assert "1 of 2 goals met; missed: (e) too slow." in lines[-1]


def test_the_json_holds_every_figure(tmp_path):
    write_json(tmp_path / "found.json", [MET, MISSED, TOLD])
    found = json.loads((tmp_path / "found.json").read_text())
    assert [row["met"] for row in found["rows"]] == [True, False, None]
    assert found["rows"][0]["details"] == {"low": 1.1, "high": 1.4}
    assert found["machine"]["cores"] >= 1
    assert json.loads(to_json([])) == {"machine": found["machine"], "rows": []}


def test_quantiles_are_interpolated():
    assert quantile([4.0, 1.0, 3.0, 2.0], 0.5) == 2.5
    assert quantile([7.0], 0.99) == 7.0
    assert quantile([0.0, 10.0], 1.0) == 10.0


def test_a_ratio_needs_a_baseline_of_its_own():
    assert ratios([2.0, 9.0], [1.0, 3.0]) == [2.0, 3.0]
    with pytest.raises(ValueError, match="argument"):
        ratios([1.0], [])


def test_an_interval_holds_the_median_and_is_the_same_every_time():
    values = [1.0 + index / 100 for index in range(30)]
    low, high = interval(values)
    assert low <= 1.145 <= high
    assert (low, high) == interval(values)
    assert interval([3.0] * 10) == (3.0, 3.0)


def test_a_wider_confidence_gives_a_wider_interval():
    values = [float(index) for index in range(40)]
    narrow, wide = interval(values, confidence=0.5), interval(values, confidence=0.99)
    assert wide[0] <= narrow[0] < narrow[1] <= wide[1]


def test_a_standstill_counts_for_every_tick_that_it_swallowed():
    assert uncovered([0.0, 0.001], period=0.005) == [0.0, 0.001]
    assert uncovered([0.012], period=0.005) == pytest.approx([0.012, 0.007, 0.002])


def test_a_page_that_several_processes_map_counts_once():
    library = {"file": "/lib/library.so 0000", "Rss": 10.0, "Anonymous": 2.0}
    heap = {"file": "", "Rss": 5.0, "Anonymous": 5.0}
    less = {"file": "/lib/library.so 0000", "Rss": 6.0, "Anonymous": 1.0}
    assert _once([[library, heap], [less]]) == (2.0 + 5.0 + 1.0) + 8.0
