"""The help of every command as committed text: `python -m tests.cli.write_help` writes `tests/cli/help/*.txt` anew."""

from collections.abc import Iterator
from pathlib import Path

import click
from click.testing import CliRunner

from hdus_peer.cli.root import root

HELP = Path(__file__).parent / "help"
WIDTH = 100


def pages() -> Iterator[tuple[str, str]]:
    """File name and help of `hdus-peer` and of every command below it."""
    for words in _commands((), root):
        shown = CliRunner().invoke(root, [*words, "--help"], prog_name="hdus-peer", terminal_width=WIDTH)
        yield "-".join(("hdus-peer", *words)) + ".txt", shown.output


def _commands(words: tuple[str, ...], command: click.Command) -> Iterator[tuple[str, ...]]:
    yield words
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from _commands((*words, name), below)


if __name__ == "__main__":
    for file in HELP.glob("*.txt"):
        file.unlink()
    for name, text in pages():
        (HELP / name).write_text(text, encoding="utf-8")
