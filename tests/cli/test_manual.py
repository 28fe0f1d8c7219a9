"""The manual page: what the help says, in a form that manual readers take without a complaint."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from hdus_peer.cli import manual
from hdus_peer.cli.root import root
from tests.cli.conftest import Typed
from tests.cli.write_help import MANUAL


@pytest.fixture(scope="module")
def written() -> str:
    return manual.page(root)


def test_the_committed_page_is_what_the_help_gives(written: str) -> None:
    assert MANUAL.read_text() == written, "if this is wanted, type: make man (or python -m tests.cli.write_help)"


def test_every_command_and_every_option_is_in_it(written: str) -> None:
    plain = written.replace("\\-", "-")
    for words, context in manual.commands(root):
        assert not words or f'.SS "hdus-peer {" ".join(words)}"' in plain
        for parameter in context.command.get_params(context):
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert parameter.opts[-1] in plain, (words, parameter.opts)


def test_no_line_of_the_help_is_taken_for_a_macro() -> None:
    odd = click.Command("odd", help=".SH is no heading here\n\n\b\nExamples\n  'quoted' \\o/ \"-x\"")
    lines = manual.page(click.Group("top", help="Top.", commands={"odd": odd})).splitlines()
    assert "\\&.SH is no heading here" in lines
    assert "  'quoted' \\eo/ \\(dq\\-x\\(dq" in lines


@pytest.mark.parametrize(
    "reader",
    [
        ["mandoc", "-Tlint", "-Wwarning"],
        ["man", "--warnings", "-l", "-Tutf8"],
        ["groff", "-man", "-Kutf8", "-Tutf8", "-ww", "-z"],
    ],
    ids=lambda words: words[0],
)
def test_readers_take_it_without_a_complaint(reader: list[str], written: str, tmp_path: Path) -> None:
    if shutil.which(reader[0]) is None:
        pytest.skip(f"{reader[0]} is not installed")
    page = tmp_path / "hdus-peer.1"
    page.write_text(written)
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "MANPAGER": "cat"}
    read = subprocess.run([*reader, page], capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert (read.returncode, read.stderr) == (0, "")
    if reader[0] == "man":
        assert "hdus-peer leave" in re.sub(".\b", "", read.stdout)


def test_it_is_printed_or_written(typed: Typed, written: str, tmp_path: Path) -> None:
    assert typed("man").stdout == written
    shown = typed("man", "--out", str(tmp_path / "man1"))
    assert (shown.exit_code, (tmp_path / "man1" / "hdus-peer.1").read_text()) == (0, written)


def test_a_place_that_cannot_be_written(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert typed("man", "--out", str(tmp_path / "file")).exit_code == 2
    shown = typed("man", "--out", str(tmp_path / "file" / "below"))
    assert shown.exit_code == 6
    assert "choose another place" in shown.stderr
