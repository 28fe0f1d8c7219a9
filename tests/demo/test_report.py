"""What the demo shows, on a terminal of 80 columns and as JSON."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from hdus_peer.demo import report
from hdus_peer.demo.checks import check_all
from hdus_peer.demo.plan import DemoOptions, plan_network
from hdus_peer.demo.results import DemoResult
from hdus_peer.errors import StorageError
from tests.demo.values import good


@pytest.fixture
def found() -> DemoResult:
    return replace(good(), checks=check_all(good()), seconds={"table": 31.2, "checked": 62.4})


def _shown(what: RenderableType) -> str:
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    with console.file:
        console.print(what)
        return console.export_text()


def test_the_table_fits_one_screen(found: DemoResult) -> None:
    shown = _shown(report.results_table("Before the leave", found.before))
    lines = shown.splitlines()
    assert len(lines) < 24
    assert max(len(line) for line in lines) <= 80
    assert "5,050" in shown
    assert lines[-2].split()[1:6] == ["mean", "│", "│", "│", "│"]
    assert "80.0 │   90.0 │   80.0 │   90.0" in lines[-2]


def test_who_erased_what_after_how_long(found: DemoResult) -> None:
    shown = _shown(report.erasure_table(found.departed))
    assert "dina left: who erased its seed dddddddd" in shown
    assert "11 ms" in shown


def test_checks_and_verdict(found: DemoResult) -> None:
    assert _shown(report.checks_table(found.checks)).count("✓") == 12
    assert report.verdict(found.checks) == "All 12 checks held."
    wrong = (replace(found.checks[0], held=False), *found.checks[1:])
    assert "✗" in _shown(report.checks_table(wrong))
    assert report.verdict(wrong) == "1 of 12 checks did not hold: every seed arrived everywhere."


def test_times(found: DemoResult) -> None:
    assert report.timing(found.seconds) == "First table after 31 s, everything after 62 s."


def test_json_holds_everything(found: DemoResult, tmp_path: Path) -> None:
    report.write_json(tmp_path / "demo.json", found, {"peers": 4})
    read = json.loads((tmp_path / "demo.json").read_text())
    assert read["options"] == {"peers": 4}
    assert read["before"][0]["everywhere"]["prob-mean"]["accuracy_ensemble"] == 0.9
    assert [check["held"] for check in read["checks"]] == [True] * 12


def test_a_json_file_that_cannot_be_written(found: DemoResult, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="choose another"):
        report.write_json(tmp_path / "missing" / "demo.json", found, {})


def test_how_to_talk_to_peers_that_run_on(tmp_path: Path) -> None:
    plan = plan_network(tmp_path, DemoOptions("digits", 3, None, 0, None, True), is_picture=True)
    with open("/dev/null", "w") as nowhere:
        console = Console(width=80, record=True, file=nowhere)
        report.how_to_talk(console, plan, tmp_path)
        shown = console.export_text()
    assert f"hdus-peer peers --state {tmp_path}/anna/state" in shown
    assert "for peer in {anna,bela}; do hdus-peer stop" in shown
