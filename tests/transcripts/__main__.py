"""`python -m tests.transcripts --rewrite` plays every scenario and writes what came of it; without, it is printed."""

import sys
from pathlib import Path

from tests.transcripts import diagram
from tests.transcripts.scenario import files, play

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"


def main(arguments: list[str]) -> None:
    played = {path.stem: play(path) for path in files()}
    if arguments != ["--rewrite"]:
        sys.stdout.write("\n".join(one.text for one in played.values()))
        return
    for path in files():
        path.write_text(played[path.stem].text, encoding="utf-8")
    PAGE.write_text(diagram.put_into(PAGE.read_text(encoding="utf-8"), played), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
