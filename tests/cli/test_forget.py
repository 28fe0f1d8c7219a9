"""`hdus-peer forget`: what it asks, what it shows, and how it ends."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Typed
from tests.control.memory_daemon import CHOSEN, FORGET, MemoryDaemon


def test_it_shows_what_is_meant_and_who_holds_and_ends_with_zero(daemon: MemoryDaemon, typed: Typed) -> None:
    shown = typed("forget", "--where", "label = 3", "--yes")
    assert shown.exit_code == 0
    assert daemon.selected == [("", "label = 3")]
    assert daemon.forgotten == [CHOSEN.name]
    assert "37 of the 1200 samples" in shown.stdout
    assert "anna" in shown.stdout
    assert "3 of 3 holders erased in 150 ms; certificate saved to" in shown.stdout
    assert "trains again without them" in shown.stdout


def test_who_is_pending_is_named_and_it_ends_with_three(daemon: MemoryDaemon, typed: Typed) -> None:
    daemon.forgets = FORGET[:1]
    shown = typed("forget", "--where", "label = 3", "--yes", "--wait", "0.2")
    assert shown.exit_code == 3
    assert "bela is off line" in shown.stdout


def test_a_dry_run_changes_nothing(daemon: MemoryDaemon, typed: Typed) -> None:
    shown = typed("forget", "--where", "label = 3", "--dry-run", "--json")
    assert (shown.exit_code, daemon.forgotten) == (0, [])
    assert json.loads(shown.stdout)["matched"] == 37


def test_for_programs(daemon: MemoryDaemon, typed: Typed) -> None:
    found = json.loads(typed("forget", "--where", "label = 3", "--yes", "--json").stdout)
    assert found["selection"]["name"] == CHOSEN.name
    assert (found["confirmed"], found["total"], found["finished"]) == (3, 3, True)


def test_it_asks_first(daemon: MemoryDaemon, typed: Typed) -> None:
    shown = typed("forget", "--where", "label = 3", stdin="")
    assert (shown.exit_code, daemon.forgotten) == (2, [])
    assert "forgetting cannot be undone" in shown.stderr


@pytest.mark.parametrize("given", [(), ("--samples", "a.npz", "--where", "label = 3")])
def test_one_way_of_saying_which_is_given(daemon: MemoryDaemon, typed: Typed, given: tuple[str, ...]) -> None:
    shown = typed("forget", *given, "--yes")
    assert (shown.exit_code, daemon.selected) == (2, [])
    assert "either --samples FILE or --where EXPR" in shown.stderr


@pytest.mark.parametrize("name", ["some.npz", "some.csv", "some.parquet", "pictures"])
def test_a_file_is_what_its_suffix_says_and_a_folder_is_one_of_pictures(
    daemon: MemoryDaemon, typed: Typed, tmp_path: Path, name: str
) -> None:
    place = tmp_path / name
    place.write_bytes(b"") if place.suffix else place.mkdir()
    assert typed("forget", "--samples", str(place), "--yes").exit_code == 0
    kind = place.suffix.removeprefix(".") or "images"
    assert daemon.selected == [(f"{kind}:{place}", "")]


def test_a_source_is_told_with_the_path_as_the_daemon_finds_it(
    daemon: MemoryDaemon, typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert typed("forget", "--samples", "csv:mine.txt#label=kind", "--yes").exit_code == 0
    assert typed("forget", "--samples", "module:mine:withdrawn", "--yes").exit_code == 0
    assert daemon.selected == [(f"csv:{tmp_path}/mine.txt#label=kind", ""), ("module:mine:withdrawn", "")]


@pytest.mark.parametrize(("given", "said"), [("nowhere.npz", "is not there"), ("digits", "is not there")])
def test_what_is_no_source_is_refused(daemon: MemoryDaemon, typed: Typed, given: str, said: str) -> None:
    shown = typed("forget", "--samples", given, "--yes")
    assert (shown.exit_code, daemon.selected) == (2, [])
    assert said in shown.stderr


def test_a_file_of_no_known_kind_is_asked_about(daemon: MemoryDaemon, typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(b"")
    shown = typed("forget", "--samples", str(tmp_path / "list.txt"), "--yes")
    assert (shown.exit_code, daemon.selected) == (2, [])
    assert "csv:" in shown.stderr


def test_a_daemon_that_took_nothing_is_told_of(daemon: MemoryDaemon, typed: Typed) -> None:
    daemon.forgets = []
    shown = typed("forget", "--where", "label = 3", "--yes")
    assert shown.exit_code == 8
    assert "forget again" in shown.stderr
