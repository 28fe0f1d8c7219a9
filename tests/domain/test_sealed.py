"""Sealed payloads open under their key, for their owner and task, and in no other case."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from hdus_peer.domain.identity import Identity
from hdus_peer.domain.sealed import MAGIC, NONCE_BYTES, OVERHEAD_BYTES, schema_digest, seal, unseal
from hdus_peer.errors import ForgedError, MalformedError

KEY = bytes(range(32))
OWNER, OTHER = Identity(KEY).peer_id, Identity(bytes(32)).peer_id


@given(some.binary(max_size=100))
def test_what_is_sealed_opens(plaintext: bytes) -> None:
    sealed = seal(plaintext, KEY, OWNER, "task")
    assert len(sealed) == len(plaintext) + OVERHEAD_BYTES
    assert unseal(sealed, KEY, OWNER, "task") == plaintext


def test_nothing_of_the_plaintext_is_in_the_sealed_form() -> None:
    plaintext = bytes(range(200, 255)) * 3
    sealed = seal(plaintext, KEY, OWNER, "task")
    windows = {plaintext[start : start + 4] for start in range(len(plaintext) - 4)}
    assert not any(window in sealed for window in windows)


def test_a_key_that_is_used_twice_repeats_no_nonce() -> None:
    nonces = {seal(bytes([number]), KEY, OWNER, "task")[len(MAGIC) :][:NONCE_BYTES] for number in range(100)}
    assert len(nonces) == 100


@pytest.mark.parametrize(
    ("key", "owner", "task"), [(bytes(32), OWNER, "task"), (KEY, OTHER, "task"), (KEY, OWNER, "another")]
)
def test_another_key_owner_or_task_does_not_open(key: bytes, owner: str, task: str) -> None:
    with pytest.raises(ForgedError):
        unseal(seal(b"plaintext", KEY, OWNER, "task"), key, owner, task)  # type: ignore[arg-type]


@given(some.data())
def test_no_changed_byte_opens(data: some.DataObject) -> None:
    sealed = bytearray(seal(b"plaintext", KEY, OWNER, "task"))
    sealed[data.draw(some.integers(0, len(sealed) - 1))] ^= data.draw(some.integers(1, 255))
    with pytest.raises((ForgedError, MalformedError)):
        unseal(bytes(sealed), KEY, OWNER, "task")


@pytest.mark.parametrize("sealed", [b"", MAGIC, MAGIC + bytes(20), b"PK\x03\x04" + bytes(100)])
def test_what_is_too_short_or_something_else_is_malformed(sealed: bytes) -> None:
    with pytest.raises(MalformedError):
        unseal(sealed, KEY, OWNER, "task")


def test_the_schema_names_tensors_types_and_shapes_in_any_order() -> None:
    tensors = [("a", "F32", (2, 3)), ("b", "I64", ())]
    digest = schema_digest(tensors)
    assert digest == schema_digest(reversed(tensors))
    others = [("a", "F32", (3, 2)), ("a", "F16", (2, 3)), ("c", "F32", (2, 3))]
    digests = {schema_digest([other, tensors[1]]) for other in others}
    assert len({digest, *digests, schema_digest(tensors[:1])}) == 5
