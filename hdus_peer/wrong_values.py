"""From pydantic's validation errors to sentences: which key, which value, what is allowed, where it came from.

Rule: whoever reads the sentence can correct the value without opening any documentation.
"""

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

SHOWN_LENGTH_MAX = 60
SHOWN_ERRORS_MAX = 5

Path = tuple[int | str, ...]


def sentences(error: ValidationError, model: type[BaseModel], origin: Callable[[Path], str]) -> str:
    """One sentence per wrong key. `origin` says where the value at a path came from, for example "in peer.toml"."""
    problems = error.errors(include_url=False, include_context=True)
    said = [_sentence(problem, model, origin) for problem in problems[:SHOWN_ERRORS_MAX]]
    return " ".join(dict.fromkeys(said))


def _sentence(problem: Mapping[str, Any], model: type[BaseModel], origin: Callable[[Path], str]) -> str:
    path: Path = problem["loc"]
    key = ".".join(str(part) for part in path)
    place = origin(path)
    if problem["type"] == "extra_forbidden":
        return f"There is no key {key} ({place}){_nearest(path, model)}."
    if problem["type"] == "missing":
        return f"{key} is missing ({place}); allowed: {_allowed(problem, path, model)}."
    value = f"{key} = {_shown(problem['input'])} ({place})" if key else place
    return f"{value} is not possible; allowed: {_allowed(problem, path, model)}."


def _nearest(path: Path, model: type[BaseModel]) -> str:
    parent = _model_at(path[:-1], model)
    known = sorted(parent.model_fields) if parent else []
    close = difflib.get_close_matches(str(path[-1]), known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; known here: {', '.join(known)}"


def _allowed(problem: Mapping[str, Any], path: Path, model: type[BaseModel]) -> str:
    if problem["type"] == "model_type":
        return "a section with keys of its own"
    field = _field_at(path, model)
    span = number_range(field) if field else ""
    text = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if span and not problem["type"].startswith(("value_error", "literal_error")):
        return span
    return field.description if field and field.description and problem["type"] != "literal_error" else str(text)


def number_range(field: FieldInfo) -> str:
    """The bounds of a number in words, or ""."""
    limits = {name: getattr(item, name) for item in field.metadata for name in ("ge", "gt", "le", "lt", "multiple_of")
              if getattr(item, name, None) is not None}  # fmt: skip
    low = f"from {limits['ge']}" if "ge" in limits else f"above {limits['gt']}" if "gt" in limits else ""
    high = f"to {limits['le']}" if "le" in limits else f"below {limits['lt']}" if "lt" in limits else ""
    return " ".join(part for part in (low, high) if part)


def _field_at(path: Path, model: type[BaseModel]) -> FieldInfo | None:
    names: Sequence[str] = [part for part in path if isinstance(part, str)]
    parent = _model_at(tuple(names[:-1]), model)
    return parent.model_fields.get(names[-1]) if parent and names else None


def _model_at(path: Path, model: type[BaseModel]) -> type[BaseModel] | None:
    """The model that the keys of `path` lead to; positions in a tuple of models are passed over."""
    for part in path:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        kinds = (field.annotation, *get_args(field.annotation)) if field else ()
        below = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
        if below is None:
            return None
        model = below
    return model


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_LENGTH_MAX else text[:SHOWN_LENGTH_MAX] + "…"
