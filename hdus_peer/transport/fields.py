"""How one field of a frame is written to and read from protobuf, each with its bound.

Rule: reading trusts nothing. A field gives a value of the domain, or raises MalformedError (its form) or ForgedError
(its signature). Writing trusts its own side and checks nothing.
`codec` puts these together into the table of all frames.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message as WireMessage

from hdus_peer.domain.envelope import INTEGER_MAX, SignedEnvelope, Statement
from hdus_peer.domain.identity import is_peer_id
from hdus_peer.errors import ForgedError, MalformedError
from hdus_peer.transport.envelopes import EnvelopeOpener
from hdus_peer.wire.v1 import wire_pb2 as wire

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Field:
    """`optional`: the value is None where the message field is absent."""

    to_wire: Callable[[Any], Any]
    from_wire: Callable[[Any, EnvelopeOpener], Any]
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A frozen dataclass and its protobuf twin, field by field under the same names. `check`: whether the parts
    belong together."""

    value: type[Any]
    wire: type[WireMessage]
    fields: Mapping[str, Field]
    check: Callable[[Any], bool] | None = None

    def to_wire(self, value: Any) -> WireMessage:
        given = {name: getattr(value, name) for name in self.fields}
        return self.wire(**{name: self.fields[name].to_wire(it) for name, it in given.items() if it is not None})

    def from_wire(self, message: WireMessage, opener: EnvelopeOpener) -> Any:
        """The value. Raises MalformedError or ForgedError."""
        value = self.value(**{name: _read(message, name, field, opener) for name, field in self.fields.items()})
        if self.check and not self.check(value):
            raise ForgedError(f"the parts of a {self.value.__name__} do not belong to one peer")
        return value


def _read(message: WireMessage, name: str, field: Field, opener: EnvelopeOpener) -> Any:
    if field.optional and not message.HasField(name):
        return None
    return field.from_wire(getattr(message, name), opener)


def _as_it_is(value: Any) -> Any:
    return value


def _checked(is_valid: Callable[[Any], bool], what: str) -> Field:
    def from_wire(value: Any, _opener: EnvelopeOpener) -> Any:
        if not is_valid(value):
            raise MalformedError(f"a field that is not {what}")
        return value

    return Field(_as_it_is, from_wire)


FLAG = _checked(lambda _: True, "a flag")
PEER = Field(str, _checked(is_peer_id, "a PeerId").from_wire)
SHA256 = _checked(lambda text: bool(_SHA256.fullmatch(text)), "a SHA-256 in lower-case hex")


def integer(maximum: int = INTEGER_MAX) -> Field:
    return _checked(lambda number: bool(number <= maximum), f"an integer up to {maximum}")


def text(length_max: int) -> Field:
    return _checked(lambda it: len(it) <= length_max and it.isprintable(), f"printable text up to {length_max}")


def data(length: int) -> Field:
    return _checked(lambda it: len(it) == length, f"{length} bytes")


def signed(kind: type[Statement]) -> Field:
    """An envelope around a statement of `kind`; absent means malformed."""

    def from_wire(message: wire.SignedEnvelope, opener: EnvelopeOpener) -> Any:
        parts = (message.payload_type, message.payload, message.public_key, message.signature)
        return opener.open(SignedEnvelope(*parts), kind)

    return Field(lambda it: _envelope_to_wire(it.envelope), from_wire)


def _envelope_to_wire(envelope: SignedEnvelope) -> wire.SignedEnvelope:
    return wire.SignedEnvelope(
        payload_type=envelope.payload_type,
        payload=envelope.payload,
        public_key=envelope.public_key,
        signature=envelope.signature,
    )


def optional(field: Field) -> Field:
    return Field(field.to_wire, field.from_wire, optional=True)


def each(field: Field | Record, count_max: int, count_min: int = 0) -> Field:
    """A repeated field as a tuple; how many there are is checked before any is read."""

    def from_wire(items: Any, opener: EnvelopeOpener) -> tuple[Any, ...]:
        if not count_min <= len(items) <= count_max:
            raise MalformedError(f"a list of {len(items)}; {count_min} to {count_max} are read")
        return tuple(field.from_wire(item, opener) for item in items)

    return Field(lambda items: [field.to_wire(item) for item in items], from_wire)
