"""A configuration file with every key: what it means, what is allowed, and its default as a comment.

Rules
1. Only what somebody chose is set. A default stays a comment, so that a later version's default is taken over.
2. Every line is made from the models (`keys`); a test uncomments them all and finds the defaults.
"""

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from hdus_peer.config.keys import Key, SectionKeys, sections
from hdus_peer.config.shown import plain

_WIDTH = 110
_HEAD = """\
# The configuration of a peer, for: hdus-peer start --config FILE
# A line that begins with "#key = " shows a default: take the # away to set it.
# The environment goes before this file (HDUS_TRAIN__MAIN=mlp), and flags before that (--set train.main=mlp).
# Which value comes from where: hdus-peer config show --config FILE
"""


def template(chosen: Mapping[str, Any]) -> str:
    """The text of such a file. `chosen`: values that are set, under dotted keys."""
    return _HEAD + "".join(f"{line}\n" for section in sections() for line in _section(section, chosen))


def toml_value(value: Any) -> str:
    """`value` (text, number, truth or a list of them) as TOML writes it."""
    if isinstance(value, list):
        return f"[{', '.join(toml_value(item) for item in value)}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)


def _section(section: SectionKeys, chosen: Mapping[str, Any]) -> Iterator[str]:
    if section.name:
        yield ""
        yield from _comment(section.meaning)
        yield f"[{section.name}]"
    for key in section.keys:
        yield ""
        yield from _comment(f"{key.meaning} ({key.allowed})")
        yield _line(key, chosen.get(key.dotted))


def _line(key: Key, value: Any) -> str:
    name = key.path[-1]
    if value is not None:
        return f"{name} = {toml_value(plain(value))}"
    if key.default is None:
        return f'#{name} = "…"'
    return f"#{name} = {toml_value(plain(key.default))}"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, _WIDTH)]
