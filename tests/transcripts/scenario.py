"""A scenario file: a title, what it shows, `Given` lines (done, not shown) and `When` lines with what came of each."""

from dataclasses import dataclass
from pathlib import Path

from tests.transcripts.recording import Moment
from tests.transcripts.stage import Stage

FOLDER = Path(__file__).parent / "scenarios"
WORDS = ("Given", "When")


@dataclass(frozen=True, slots=True)
class Scene:
    """A `When` line, and what happened."""

    sentence: str
    moments: tuple[Moment, ...]


@dataclass(frozen=True, slots=True)
class Played:
    """`text`: the file as it should be. `title`: its first line."""

    title: str
    text: str
    scenes: tuple[Scene, ...]


def files() -> list[Path]:
    return sorted(FOLDER.glob("*.txt"))


def play(path: Path) -> Played:
    """Do what the file says, line by line. Raises LookupError for a sentence that nobody understands."""
    stage, scenes, text = Stage(), [], []
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith(" ")]
    for line in lines:
        text.append(line)
        word, _, sentence = line.partition(" ")
        if word in WORDS:
            stage.moments = []
            stage.act(sentence)
        if word == "When":
            scenes.append(Scene(sentence, tuple(stage.moments)))
            text += ["", *_shown(stage.moments), ""]
    return Played(lines[0], "\n".join(_single_blanks(text)).rstrip("\n") + "\n", tuple(scenes))


def _single_blanks(lines: list[str]) -> list[str]:
    return [line for number, line in enumerate(lines) if line or (number and lines[number - 1])]


def _shown(moments: list[Moment]) -> list[str]:
    """The instant stands where it is another one than that of the Step before."""
    instants = [None, *(moment.at_s for moment in moments)]
    shown = [moment.lines(moment.at_s != before) for moment, before in zip(moments, instants, strict=False)]
    return [line for lines in shown for line in lines] or ["    nothing"]
