"""Plans as files: those that come with the product by name, a user's own by path."""

import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hdus_peer.errors import ConfigurationError
from hdus_peer.study.plan import Plan
from hdus_peer.written_text import read_written
from hdus_peer.wrong_values import sentences

_READY = resources.files("hdus_peer.study").joinpath("plans")


def ready_names() -> tuple[str, ...]:
    """The plans that come with the product."""
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in _READY.iterdir() if entry.name[-5:] == ".toml"))


def read_plan(ready_or_file: str, settings: Mapping[str, str] | None = None) -> Plan:
    """The plan of that name or file; `settings` go before it: keys such as "data.source", with values as in TOML, or
    plain text. Raises ConfigurationError."""
    if ready_or_file in ready_names():
        text = _READY.joinpath(f"{ready_or_file}.toml").read_text(encoding="utf-8")
    else:
        text = read_written(Path(ready_or_file).expanduser(), "plan", ready_names())
    return parse_plan(text, ready_or_file, settings or {})


def parse_plan(text: str, where: str, settings: Mapping[str, str]) -> Plan:
    """The plan in a text; `where` names it in errors. Raises ConfigurationError."""
    try:
        fields = tomllib.loads(text)
        for key, value in settings.items():
            _put(fields, key.split("."), _value(value))
        return Plan.model_validate(fields)
    except tomllib.TOMLDecodeError as problem:
        raise ConfigurationError(f"{where} is no TOML: {problem}. Correct that line.") from problem
    except ValidationError as problem:
        raise ConfigurationError(sentences(problem, Plan, lambda _path: f"in {where}")) from problem


def _put(fields: dict[str, Any], path: list[str], value: object) -> None:
    section = fields
    for name in path[:-1]:
        section = section.setdefault(name, {})
        if not isinstance(section, dict):
            raise ConfigurationError(f"--set {'.'.join(path)}: {name} has no keys below it; name a key of the plan")
    section[path[-1]] = value


def _value(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
