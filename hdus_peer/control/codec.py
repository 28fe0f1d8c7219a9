"""Frozen values <-> messages of `control.proto`.

Rule: a message has exactly the fields of its value, under the same names, so that this mapping knows no single one of
them; `tests/control/test_codec.py` compares the two. A field that is missing or of a wrong kind raises MalformedError.
"""

import dataclasses
import enum
import types
import typing
from typing import Any, TypeVar, cast, get_args, get_origin

from google.protobuf.message import Message

from hdus_peer.control.v1 import control_pb2 as pb
from hdus_peer.errors import MalformedError

V = TypeVar("V")
M = TypeVar("M", bound=Message)


def to_message(value: Any, kind: type[M]) -> M:
    """`value` (a dataclass) as a message of `kind`."""
    return kind(**{field.name: _outward(getattr(value, field.name)) for field in dataclasses.fields(value)})


def from_message(message: Message, kind: type[V]) -> V:
    """The value of `kind` (a dataclass) in `message`."""
    hints = typing.get_type_hints(kind)
    try:
        names = [field.name for field in dataclasses.fields(cast(Any, kind))]
        return kind(**{name: _inward(getattr(message, name), hints[name]) for name in names})
    except (AttributeError, TypeError, ValueError) as problem:
        raise MalformedError(
            f"the daemon's answer is no {kind.__name__}: are command and daemon of one version?"
        ) from problem


def _outward(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return to_message(value, _message_of(type(value)))
    if isinstance(value, (list, tuple)):
        return [pb.Row(values=item) if isinstance(item, list) else _outward(item) for item in value]
    return value


def _message_of(kind: type) -> type[Message]:
    return cast(type[Message], getattr(pb, kind.__name__))


def _inward(value: Any, hint: Any) -> Any:
    if dataclasses.is_dataclass(hint):
        return from_message(value, cast(type[Any], hint))
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint(value)
    if isinstance(hint, types.GenericAlias):
        return _collection(value, hint)
    return value


def _collection(value: Any, hint: types.GenericAlias) -> Any:
    kind, arguments = get_origin(hint), get_args(hint)
    if kind is dict:
        return dict(value)
    if get_origin(arguments[0]) is list:
        return [list(row.values) for row in value]
    return kind(_inward(item, arguments[0]) for item in value)
