"""Colours, boxes and motion, for every combination of where output goes and what the environment says."""

import sys

import pytest

from hdus_peer import terminal

VARIABLES = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "CLICOLOR", "TERM")
XTERM = {"TERM": "xterm-256color"}
CASES = [
    (True, XTERM, (True, True, True)),
    (True, {**XTERM, "NO_COLOR": "1"}, (False, True, True)),
    (True, {**XTERM, "NO_COLOR": ""}, (True, True, True)),
    (True, {"TERM": "dumb"}, (False, True, False)),
    (True, {}, (False, True, False)),
    (True, {**XTERM, "CLICOLOR": "0"}, (False, True, True)),
    (True, {**XTERM, "FORCE_COLOR": "0"}, (False, True, True)),
    (True, {"TERM": "dumb", "FORCE_COLOR": "1"}, (True, True, False)),
    (False, XTERM, (False, False, False)),
    (False, {**XTERM, "FORCE_COLOR": "1"}, (True, True, False)),
    (False, {"CLICOLOR_FORCE": "1"}, (True, True, False)),
    (False, {**XTERM, "CLICOLOR_FORCE": "0"}, (False, False, False)),
    (False, {**XTERM, "FORCE_COLOR": "1", "NO_COLOR": "1"}, (False, True, False)),
]


@pytest.mark.parametrize(("is_terminal", "environment", "expected"), CASES)
def test_the_rules(
    is_terminal: bool,
    environment: dict[str, str],
    expected: tuple[bool, bool, bool],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    assert (terminal.has_colours(), terminal.has_boxes(), terminal.has_motion()) == expected
    assert terminal.console().is_interactive == expected[2]
    terminal.console().print("[bold red]words[/]")
    assert ("\x1b[" in capsys.readouterr().out) == expected[0]
