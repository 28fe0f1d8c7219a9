"""The manual page, written from the help of every command: what `--help` says and what `man` says cannot differ.

Rules
1. Text is taken as it is: a paragraph of the help is a paragraph here, what `\b` keeps in its lines stays in its lines.
2. The same program writes the same page: no date of the day, no width of the terminal.
"""

import inspect
import re
import textwrap
from collections.abc import Iterator

import click

from hdus_peer import __version__

NAME = "hdus-peer"
DATE = "2026-11-21"  # of this version, not of the day
SOURCE_WIDTH = 70
_KEEP_LINES = "\b"


def commands(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Context]]:
    """`command` and all below it: the words that name it, and a context with its parents."""
    yield from _below(words, click.Context(command, info_name=NAME, **command.context_settings))


def _below(words: tuple[str, ...], context: click.Context) -> Iterator[tuple[tuple[str, ...], click.Context]]:
    yield words, context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            found = context.command.get_command(context, name)
            assert found is not None, f"{name} is listed"
            yield from _below(
                (*words, name), click.Context(found, parent=context, info_name=name, **found.context_settings)
            )


def page(root: click.Command) -> str:
    """The whole page in the macros of man(7)."""
    (_, top), *below = commands(root)
    summary = (root.help or "").strip().splitlines()[0].rstrip(".")
    lines = [f'.TH {NAME.upper()} 1 {DATE} "{NAME} {__version__}" "User Commands"']
    lines += [".SH NAME", *_filled(f"{NAME} - {summary[0].lower() + summary[1:]}")]
    lines += [".SH SYNOPSIS", *_usage(top)]
    lines += [".SH DESCRIPTION", *_text(root.help or "")[1:], ".SH OPTIONS", *_options(top)]
    lines += [".SH COMMANDS", "Every command says this with", f'.BR "{_roff(NAME)} COMMAND \\-\\-help" .']
    for words, context in below:
        lines += [f'.SS "{_roff(" ".join((NAME, *words)))}"', *_command(context)]
    return "\n".join([*lines, *_sections(root.epilog or "")]) + "\n"


def _command(context: click.Context) -> list[str]:
    command = context.command
    return [*_usage(context), *_text(command.help or ""), *_options(context), *_text(command.epilog or "")]


def _usage(context: click.Context) -> list[str]:
    pieces = " ".join(context.command.collect_usage_pieces(context))
    return [f".B {_roff(context.command_path)}", _roff(pieces)]


def _options(context: click.Context) -> list[str]:
    lines: list[str] = []
    for parameter in context.command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            lines += [".TP", f".B {_roff(record[0])}", *(_filled(record[1]) or ["\\&"])]
    return lines


def _sections(text: str) -> list[str]:
    """Paragraphs whose lines are kept, each under its first line as a heading."""
    lines: list[str] = []
    for paragraph in _paragraphs(text):
        heading, *kept = paragraph.removeprefix(_KEEP_LINES).strip("\n").splitlines()
        lines += [f'.SH "{_roff(heading.upper())}"', ".nf", *map(_roff, kept), ".fi"]
    return lines


def _text(text: str) -> list[str]:
    lines: list[str] = []
    for paragraph in _paragraphs(text):
        if paragraph.startswith(_KEEP_LINES):
            heading, *kept = paragraph.removeprefix(_KEEP_LINES).strip("\n").splitlines()
            bold = [f".B {_roff(heading)}"] if heading[:1].strip() else [".nf", _roff(heading), ".fi"]
            lines += [".PP", *bold, ".nf", *map(_roff, kept), ".fi"]
        else:
            lines += [".PP", *_filled(paragraph)]
    return lines


def _paragraphs(text: str) -> list[str]:
    return [part for part in re.split(r"\n\s*\n", inspect.cleandoc(text)) if part.strip()]


def _filled(text: str) -> list[str]:
    """Running text in short lines: where they end says nothing."""
    return [_roff(line) for line in textwrap.wrap(text, SOURCE_WIDTH, break_on_hyphens=False, break_long_words=False)]


def _roff(text: str) -> str:
    """One line of text such that no character of it is a macro's."""
    escaped = text.rstrip().replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    return f"\\&{escaped}" if escaped[:1] in (".", "'") else escaped
