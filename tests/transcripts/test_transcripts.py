"""Every scenario still goes as its file says, and docs/protocol.md draws it so."""

from functools import cache

import pytest

from tests.transcripts import diagram
from tests.transcripts.__main__ import PAGE
from tests.transcripts.scenario import Played, files, play
from tests.transcripts.stage import Stage

ADVICE = "python -m tests.transcripts --rewrite, and read the difference"


@cache
def played(name: str) -> Played:
    return play(next(path for path in files() if path.stem == name))


@pytest.mark.parametrize("path", files(), ids=lambda path: path.stem)
def test_the_cores_do_what_the_transcript_says(path):
    assert path.read_text(encoding="utf-8") == played(path.stem).text, ADVICE
    assert played(path.stem).scenes


def test_the_page_draws_every_scenario_as_it_is():
    page = PAGE.read_text(encoding="utf-8")
    names = sorted(path.stem for path in files())
    assert sorted(diagram.shown_in(page)) == names
    assert page == diagram.put_into(page, {name: played(name) for name in names}), ADVICE


def test_a_sentence_that_nobody_understands_is_no_silent_step():
    with pytest.raises(LookupError, match="anna sings"):
        Stage().act("anna sings")


def test_a_transcript_that_says_something_else_is_found(tmp_path):
    """Only what a person wrote is taken from the file."""
    (path,) = (path for path in files() if path.stem == "join")
    tampered = tmp_path / "join.txt"
    tampered.write_text(path.read_text(encoding="utf-8").replace("Merged to ben", "nothing to ben"), encoding="utf-8")
    assert play(tampered).text == path.read_text(encoding="utf-8") != tampered.read_text(encoding="utf-8")


def test_a_diagram_shows_what_is_durable_above_what_is_sent():
    lines = diagram.diagram(played("exchange")).splitlines()
    granted = next(number for number, line in enumerate(lines) if "grant 1 to ben" in line)
    assert lines[granted].startswith("  Note over anna")
    assert lines[granted + 1] == "  anna->>ben: Key (anna/first, grant 1)"


def test_what_is_lost_is_shown_as_lost():
    notice = "Notices (anna leaves through g0)"
    assert f"{notice} to ben, lost\n" in played("lost-notice").text
    assert f"  anna-xben: {notice}\n" in diagram.diagram(played("lost-notice"))
