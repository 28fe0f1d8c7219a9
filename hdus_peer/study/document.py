"""A report as blocks, and the blocks as markdown and as HTML that needs no other file but its plots."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}
table{border-collapse:collapse;margin:1rem 0;display:block;overflow-x:auto}
th,td{padding:.25rem .6rem;border-bottom:1px solid #ddd;text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}
code{background:#f4f4f4;padding:.1rem .3rem}img{max-width:100%}.note{color:#555}"""


@dataclass(frozen=True, slots=True)
class Heading:
    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str


@dataclass(frozen=True, slots=True)
class Code:
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """The first column is text, the others are figures."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Picture:
    """`path`: relative to the report."""

    path: str
    text: str


Block = Heading | Paragraph | Code | Table | Picture


def markdown(blocks: Sequence[Block]) -> str:
    return "\n\n".join(_markdown(block) for block in blocks) + "\n"


def page(title: str, blocks: Sequence[Block]) -> str:
    """A whole page of HTML."""
    body = "\n".join(_html(block) for block in blocks)
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{STYLE}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def _markdown(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {text}"
        case Paragraph(text):
            return text
        case Code(text):
            return f"```\n{text}\n```"
        case Picture(path, text):
            return f"![{text}]({path})"
        case Table(headings, rows):
            rule = ["---", *("---:" for _ in headings[1:])]
            return "\n".join(f"| {' | '.join(cells)} |" for cells in (headings, rule, *rows))


def _html(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{html.escape(text)}</h{level}>"
        case Paragraph(text):
            return f"<p>{html.escape(text)}</p>"
        case Code(text):
            return f"<pre><code>{html.escape(text)}</code></pre>"
        case Picture(path, text):
            return f'<img src="{html.escape(path)}" alt="{html.escape(text)}">'
        case Table(headings, rows):
            return f"<table><thead>{_line(headings, 'th')}</thead><tbody>{''.join(map(_line, rows))}</tbody></table>"


def _line(cells: Sequence[str], tag: str = "td") -> str:
    return f"<tr>{''.join(f'<{tag}>{html.escape(cell)}</{tag}>' for cell in cells)}</tr>"
