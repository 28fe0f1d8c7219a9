"""What of a soak can be wrong without soaking: the trend, its verdict, the plot, the arguments."""

import json
import math
import random
from collections.abc import Callable

import pytest

from benchmarks.soak import report
from benchmarks.soak.__main__ import arguments
from benchmarks.soak.growth import BOUNDS, HOUR_S, MIB, Trend, trends, warm_up_s
from benchmarks.soak.samples import Sample

MINUTES = range(31)


def lives(count: int, rss_mib: Callable[[int, float], float], from_minute: int = 0) -> list[Sample]:
    """Daemons that live for half an hour; `rss_mib` of (number of the life, minute)."""
    return [
        Sample(
            60.0 * (from_minute + minute), f"p{life}", "daemon", 100 + life, int(rss_mib(life, minute) * MIB), 40, 12
        )
        for life in range(count)
        for minute in MINUTES
    ]


def of(samples: list[Sample], measure: str = "rss_bytes") -> Trend:
    return next(trend for trend in trends(samples) if trend.measure == measure)


def test_a_leak_is_seen_whatever_level_each_life_has() -> None:
    trend = of(lives(6, lambda life, minute: 70 + 9 * life + 0.5 * minute))
    assert trend.per_hour / MIB == pytest.approx(30.0, rel=1e-3)
    assert trend.is_growing


def test_noise_alone_is_no_growth_and_its_error_is_told() -> None:
    rng = random.Random(1)
    trend = of(lives(6, lambda life, minute: 70 + rng.gauss(0, 0.5)))
    assert not trend.is_growing
    assert 0 < trend.error < BOUNDS["rss_bytes"]


def test_filling_up_at_first_is_no_growth() -> None:
    trend = of(lives(4, lambda life, minute: 60 + 10 * min(1.0, minute / 3)))
    assert trend.per_hour == pytest.approx(0.0, abs=1.0)


@pytest.mark.parametrize(("minutes", "cold_minutes"), [(5, 3), (30, 10), (60, 15), (600, 15)])
def test_the_first_third_is_for_warming_up(minutes: float, cold_minutes: float) -> None:
    assert warm_up_s(minutes * 60) == cold_minutes * 60


def test_one_life_that_leaks_among_many_does_not_condemn_them_and_one_alone_is_judged() -> None:
    assert of(lives(1, lambda life, minute: 70 + minute)).is_growing
    assert math.isnan(of(lives(1, lambda life, minute: 70)).error)


def test_lives_that_are_too_short_say_nothing() -> None:
    assert trends([sample for sample in lives(3, lambda life, minute: 70 + minute) if sample.at_s < 400]) == []


def test_a_restart_is_another_life_though_it_has_the_same_number() -> None:
    first = lives(1, lambda life, minute: 90)
    second = [
        Sample(**{**_fields(sample), "born_s": 1860.0}) for sample in lives(1, lambda life, minute: 70, from_minute=31)
    ]
    assert of([*first, *second]).per_hour == pytest.approx(0.0, abs=1.0)


def test_sizes_are_told_for_daemons_and_never_judged() -> None:
    grown = [Sample(**{**_fields(s), "ledger_bytes": int(s.at_s * MIB)}) for s in lives(2, lambda life, minute: 70)]
    trend = of(grown, "ledger_bytes")
    assert trend.per_hour == pytest.approx(HOUR_S * MIB, rel=1e-3)
    assert not trend.is_growing


def test_everything_is_written_and_drawn(tmp_path) -> None:
    samples = lives(2, lambda life, minute: 70 + minute)
    found = trends(samples)
    report.write_json(tmp_path / "soak.json", {"peers": 2}, found, samples)
    read = json.loads((tmp_path / "soak.json").read_text())
    assert len(read["samples"]) == len(samples)
    assert [trend["is_growing"] for trend in read["trends"] if trend["measure"] == "rss_bytes"] == [True]
    files = report.plot(tmp_path / "soak", "two peers", samples)
    assert [file.suffix for file in files] == [".svg", ".png"]
    assert all(file.stat().st_size > 1000 for file in files)
    assert report.table(found).row_count == len(found)


@pytest.mark.parametrize("given", [["--minutes", "0"], ["--peers", "1"], ["--peers", "x"], ["--nonsense"]])
def test_arguments_that_cannot_be_are_refused(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        arguments(given)
    assert ended.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_an_hour_of_twenty_peers_is_the_default() -> None:
    assert (arguments([]).minutes, arguments([]).peers) == (60.0, 20)


def _fields(sample: Sample) -> dict[str, object]:
    return {name: getattr(sample, name) for name in Sample.__slots__}
