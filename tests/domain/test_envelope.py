"""Signed statements: canonical, strict, and verified over the bytes that came."""

import dataclasses
import json
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as some

from hdus_peer.domain.envelope import (
    INTEGER_MAX,
    PAYLOAD_BYTES_MAX,
    SignedEnvelope,
    Statement,
    decode,
    encode,
    from_text,
    open_envelope,
    pre_authentication,
    reopen_trusted,
    sign,
    to_text,
)
from hdus_peer.domain.identity import Identity, PeerId, peer_id_of
from hdus_peer.domain.unlearning import Departure, UnlearnNotice
from hdus_peer.errors import ForgedError, MalformedError, RemoteError

ME = Identity(bytes(range(32)))
OTHER = Identity(bytes(32))


@dataclass(frozen=True, slots=True)
class Item:
    name: str
    value: int


@dataclass(frozen=True, slots=True)
class Everything(Statement):
    """One field of every kind that a statement may have."""

    TYPE: ClassVar[str] = "test/everything/v1"
    number: int
    text: str
    flag: bool
    data: bytes
    peer: PeerId
    names: tuple[str, ...]
    items: tuple[Item, ...]


SAMPLE = Everything(7, 'é"\\', True, b"\x00\xff", ME.peer_id, ("a", "b"), (Item("x", 1),))

printable = some.text(max_size=20).filter(str.isprintable)

everything = some.builds(
    Everything,
    number=some.integers(0, INTEGER_MAX),
    text=printable,
    flag=some.booleans(),
    data=some.binary(max_size=20),
    peer=some.binary(min_size=32, max_size=32).map(peer_id_of),
    names=some.lists(printable, max_size=3).map(tuple),
    items=some.lists(some.builds(Item, printable, some.integers(0, 9)), max_size=3).map(tuple),
)


@given(everything)
def test_a_statement_survives_the_way_there_and_back(statement: Everything) -> None:
    assert decode(encode(statement), Everything) == statement


@given(everything)
def test_the_encoding_is_canonical(statement: Everything) -> None:
    payload = encode(statement)
    payload.decode("ascii")
    plain = json.dumps(json.loads(payload), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    assert plain.encode() == payload


def test_the_same_statement_under_the_same_key_gives_the_same_bytes() -> None:
    assert sign(ME, SAMPLE).envelope == sign(ME, SAMPLE).envelope
    assert sign(ME, SAMPLE).envelope.digest != sign(OTHER, SAMPLE).envelope.digest


def test_a_statement_opens_and_names_its_signer() -> None:
    signed = open_envelope(sign(ME, SAMPLE).envelope, Everything)
    assert (signed.statement, signed.signer) == (SAMPLE, ME.peer_id)
    assert reopen_trusted(signed.envelope, Everything) == signed


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"payload": encode(replace(SAMPLE, number=8))}, ForgedError),
        ({"signature": bytes(64)}, ForgedError),
        ({"public_key": OTHER.public_key}, ForgedError),
        ({"public_key": b"\xff" * 32}, ForgedError),
        ({"payload_type": "test/other/v1"}, MalformedError),
        ({"signature": b""}, MalformedError),
        ({"public_key": b"short"}, MalformedError),
    ],
)
def test_a_changed_envelope_does_not_open(changes: dict[str, object], problem: type[RemoteError]) -> None:
    envelope = replace(sign(ME, SAMPLE).envelope, **changes)  # type: ignore[arg-type]
    with pytest.raises(problem):
        open_envelope(envelope, Everything)


def test_a_signature_of_one_type_is_none_of_another() -> None:
    """The type is signed: a departure cannot be passed off as something else with the same fields."""
    signed = sign(ME, Departure(ME.peer_id, 1, 1))
    moved = replace(signed.envelope, payload_type=UnlearnNotice.TYPE)
    with pytest.raises(RemoteError):
        open_envelope(moved, UnlearnNotice)


@given(some.text("ab/ 0", max_size=6), some.binary(max_size=6), some.text("ab/ 0", max_size=6), some.binary(max_size=6))
def test_the_pre_authentication_encoding_is_unambiguous(one: str, data: bytes, other: str, more: bytes) -> None:
    equal = pre_authentication(one, data) == pre_authentication(other, more)
    assert equal == ((one, data) == (other, more))


def test_unknown_keys_are_ignored_so_that_later_versions_may_add_some() -> None:
    fields = {**json.loads(encode(SAMPLE)), "later": [1, {"deep": None}]}
    assert decode(json.dumps(fields).encode(), Everything) == SAMPLE


WRONG = [
    ("number", value) for value in (-1, INTEGER_MAX + 1, True, "7", None, [7])
] + [
    ("text", 7), ("text", None), ("text", "\x1b[2J"), ("text", "a\nb"), ("text", "\u202e"),
    ("flag", 1), ("flag", "true"),
    ("data", "_w=="), ("data", "a"), ("data", "!!"), ("data", 7), ("data", "AB"),
    ("peer", "short"), ("peer", "A" * 52), ("peer", 7),
    ("names", "ab"), ("names", [1]), ("names", {"a": 1}),
    ("items", [{}]), ("items", [[1]]), ("items", [{"name": "x", "value": "1"}]), ("items", {"name": "x", "value": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_value_of_a_wrong_kind_is_refused_by_name(name: str, value: object) -> None:
    fields = {**json.loads(encode(SAMPLE)), name: value}
    with pytest.raises(MalformedError, match=name):
        decode(json.dumps(fields).encode(), Everything)


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Everything)])
def test_a_missing_field_is_refused_by_name(name: str) -> None:
    fields = json.loads(encode(SAMPLE))
    del fields[name]
    with pytest.raises(MalformedError, match=name):
        decode(json.dumps(fields).encode(), Everything)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b"7",
        b"\xff\xfe",
        b'{"state_sequence":1.0}',
        b'{"state_sequence":NaN}',
        b'{"state_sequence":1e2}',
        b'{"state_sequence":1,"state_sequence":1}',
        b"[" * 50_000,
        b'{"a":' * 50_000,
        b"9" * 50_000,
        b" " * (PAYLOAD_BYTES_MAX + 1),
    ],
)
def test_what_is_no_statement_is_malformed(payload: bytes) -> None:
    with pytest.raises(MalformedError):
        decode(payload, Departure)


@given(some.binary(max_size=200))
def test_garbage_is_malformed(payload: bytes) -> None:
    with pytest.raises(MalformedError):
        decode(payload, Departure)


@given(
    some.recursive(
        some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=5),
        lambda inner: (
            some.lists(inner, max_size=3)
            | some.dictionaries(some.sampled_from(["holder", "state_sequence", "issued_at_s", "x"]), inner, max_size=4)
        ),
        max_leaves=8,
    )
)
def test_any_json_is_a_statement_or_malformed(value: object) -> None:
    try:
        decode(json.dumps(value).encode(), Departure)
    except MalformedError:
        return
    assert isinstance(value, dict)


@given(some.data())
def test_no_changed_byte_of_an_envelope_is_accepted(data: some.DataObject) -> None:
    envelope = sign(ME, SAMPLE).envelope
    name = data.draw(some.sampled_from(["payload", "public_key", "signature"]))
    value = bytearray(getattr(envelope, name))
    at = data.draw(some.integers(0, len(value) - 1))
    value[at] ^= data.draw(some.integers(1, 255))
    changed: SignedEnvelope = replace(envelope, **{name: bytes(value)})
    with pytest.raises(RemoteError):
        open_envelope(changed, Everything)


@given(some.binary(max_size=40))
def test_bytes_as_text_and_back(data: bytes) -> None:
    text = to_text(data)
    assert from_text(text) == data
    assert "=" not in text


@given(some.text(max_size=8))
def test_every_text_has_at_most_one_meaning(text: str) -> None:
    try:
        data = from_text(text)
    except ValueError:
        return
    assert to_text(data) == text
