"""Every key of the configuration with its meaning, its unit and its bounds, read off the models.

Rule: nothing is said here about any single key. What people read is what the models say, so that the two cannot differ.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from hdus_peer.config.sections import Config
from hdus_peer.wrong_values import number_range

_UNITS = {"_s": "seconds", "_bytes": "bytes", "_bytes_max": "bytes"}


@dataclass(frozen=True, slots=True)
class Key:
    """`path`: section and name, or the name alone; `allowed`: unit and bounds, in words."""

    path: tuple[str, ...]
    meaning: str
    allowed: str
    default: Any

    @property
    def dotted(self) -> str:
        return ".".join(self.path)


@dataclass(frozen=True, slots=True)
class SectionKeys:
    """`name`: "" for the keys that stand in no section."""

    name: str
    meaning: str
    keys: tuple[Key, ...]


def sections() -> Iterator[SectionKeys]:
    """Every key, in the order of the models; those of no section first."""
    below = {name: _model(field) for name, field in Config.model_fields.items()}
    yield SectionKeys("", "", _keys(Config, (), [name for name, model in below.items() if model is None]))
    for name, model in below.items():
        if model is not None:
            yield SectionKeys(name, _one_line(inspect.getdoc(model)), _keys(model, (name,), list(model.model_fields)))


def _keys(model: type[BaseModel], path: tuple[str, ...], names: list[str]) -> tuple[Key, ...]:
    said = _meanings(model)
    fields = ((name, model.model_fields[name]) for name in names)
    return tuple(Key((*path, name), said.get(name, ""), _allowed(name, field), field.default) for name, field in fields)


def _meanings(model: type[BaseModel]) -> dict[str, str]:
    """The string under each key, in the model's own source."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    assert isinstance(definition, ast.ClassDef)
    return {
        key.target.id: _one_line(text.value.value)
        for key, text in pairwise(definition.body)
        if isinstance(key, ast.AnnAssign) and isinstance(key.target, ast.Name)
        and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }  # fmt: skip


def _allowed(name: str, field: FieldInfo) -> str:
    unit = next((unit for ending, unit in _UNITS.items() if name.endswith(ending)), "")
    return ", ".join(part for part in (unit, number_range(field) or field.description or _kind(field)) if part)


def _kind(field: FieldInfo) -> str:
    kind = field.annotation
    if get_origin(kind) is Literal:
        options = [str(option) for option in get_args(kind)]
        return f"{', '.join(options[:-1])} or {options[-1]}" if options[1:] else options[0]
    most = next((item.max_length for item in field.metadata if hasattr(item, "max_length")), None)
    if get_origin(kind) is tuple:
        return "a list" if most is None else f"a list of at most {most}"
    if kind is bool:
        return "true or false"
    if any(issubclass(part, Path) for part in _parts(kind)):
        return "a path"
    return "text" if most is None else f"text of at most {most} characters"


def _parts(kind: Any) -> list[type]:
    """The classes in a type such as `Annotated[Path, …] | None`."""
    bare = [get_args(part)[0] if get_origin(part) is Annotated else part for part in (get_args(kind) or (kind,))]
    return [part for part in bare if isinstance(part, type)]


def _model(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())
