"""Every command that draws keeps to `hdus_peer.terminal`: no escape in a pipe, none where colours are not wanted."""

from pathlib import Path

import pytest

from hdus_peer.cli.check import check
from tests.cli.conftest import Typed
from tests.control.memory_daemon import MemoryDaemon

DRAWING = (
    ["status"], ["status", "--watch"], ["peers"], ["seeds"], ["evaluate"], ["leave", "--yes"], ["train"],
    ["predict", "rows.csv"],
)  # fmt: skip
MOVING = (["status", "--watch"], ["train"])  # plain in a pipe, whatever is forced
PLAIN = (["logs"], ["events"], ["train", "--no-wait"], ["man"], ["completion", "bash"], [check.name or "", "--json"])
VARIABLES = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "CLICOLOR")


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text("\n".join([",".join(["1"] * 64)] * 2))


@pytest.mark.parametrize("command", DRAWING, ids=" ".join)
def test_colours_only_where_they_are_wanted(
    command: list[str], daemon: MemoryDaemon, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    piped = typed(*command).output
    assert "\x1b" not in piped
    assert "╭" not in piped
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" not in typed(*command).output


@pytest.mark.parametrize("command", [words for words in DRAWING if words not in MOVING], ids=" ".join)
def test_forced_colours_are_given_to_a_pipe(
    command: list[str], daemon: MemoryDaemon, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLICOLOR_FORCE", "1")
    assert "\x1b[" in typed(*command).output


@pytest.mark.parametrize("command", PLAIN, ids=" ".join)
def test_text_is_never_coloured(
    command: list[str], daemon: MemoryDaemon, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" not in typed(*command).output
