"""The help of every command as committed text: `python -m tests.cli.write_help` writes `tests/cli/help/*.txt` anew, and
the manual page that is made of the same."""

from collections.abc import Iterator
from pathlib import Path

from click.testing import CliRunner

from hdus_peer.cli import manual
from hdus_peer.cli.root import root

HELP = Path(__file__).parent / "help"
MANUAL = Path(__file__).parents[2] / "docs" / "man" / "hdus-peer.1"
WIDTH = 100


def pages() -> Iterator[tuple[str, str]]:
    """File name and help of `hdus-peer` and of every command below it."""
    for words, _ in manual.commands(root):
        shown = CliRunner().invoke(root, [*words, "--help"], prog_name="hdus-peer", terminal_width=WIDTH)
        yield "-".join(("hdus-peer", *words)) + ".txt", shown.output


if __name__ == "__main__":
    for file in HELP.glob("*.txt"):
        file.unlink()
    for name, text in pages():
        (HELP / name).write_text(text, encoding="utf-8")
    MANUAL.parent.mkdir(exist_ok=True)
    MANUAL.write_text(manual.page(root), encoding="utf-8")
