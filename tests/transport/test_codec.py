"""The codec: every message survives the way through bytes; nothing else gets in, and nothing else comes out."""

import contextlib
import dataclasses
import typing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdus_peer.domain.envelope import SignedEnvelope, sign
from hdus_peer.domain.identity import Identity, PeerId, peer_id_of
from hdus_peer.domain.membership import Membership
from hdus_peer.domain.unlearning import LedgerEntry, UnlearnKind
from hdus_peer.errors import ForgedError, MalformedError, RefusedError
from hdus_peer.protocol import messages as m
from hdus_peer.transport import envelopes
from hdus_peer.transport.chunks import CHUNK_BYTES_MAX, CHUNK_OVERHEAD_BYTES, decode_chunk, encode_chunk
from hdus_peer.transport.codec import (
    FILLING_BYTES,
    FRAME_BYTES_MAX,
    FRAMES,
    Codec,
    FetchRefused,
    FetchRequest,
    encode_fetch,
    encode_frame,
)
from hdus_peer.wire.v1 import wire_pb2 as wire
from tests.transport import messages as samples
from tests.transport.certificates import Authority

AUTHORITY = Authority()
ANN, BOB, EVE = Identity.generate(), Identity.generate(), Identity.generate()
MEMBER = AUTHORITY.membership(ANN)
EVERY = samples.every_message(AUTHORITY, ANN, BOB)
FRAMES_OF_TRANSPORT = [FetchRequest(samples.SHA, 5, 6), FetchRefused(6, "gone")]


@pytest.fixture
def codec() -> Codec:
    return fresh_codec()


def fresh_codec() -> Codec:
    return Codec(AUTHORITY.network, AUTHORITY.identity.public_key)


def refused(frame: m.Message, error: type[Exception]) -> None:
    with pytest.raises(error):
        fresh_codec().decode_frame(encode_frame(frame))


# --- the format -------------------------------------------------------------------------------------------------------
def test_the_table_names_every_message_and_every_field() -> None:
    values = {record.value: record for record in FRAMES.values()}
    assert set(values) == {*typing.get_args(m.Message), FetchRequest, FetchRefused}
    for value, record in values.items():
        names = {field.name for field in dataclasses.fields(value)}
        assert set(record.fields) == names == set(record.wire.DESCRIPTOR.fields_by_name)


def test_the_proto_names_every_kind() -> None:
    kinds = wire.LinkFrame.DESCRIPTOR.oneofs_by_name["kind"].fields
    assert {field.name: field.message_type.name for field in kinds} == {
        kind: record.value.__name__ for kind, record in FRAMES.items()
    }


def test_the_examples_are_complete() -> None:
    assert {type(message) for message in EVERY} == set(typing.get_args(m.Message))


def test_zeros_go_behind_a_key_and_behind_nothing_else() -> None:
    """They push it out of the receiver's buffers; `test_every_message_survives` shows that they are not read."""
    for message in EVERY:
        assert encode_frame(message).endswith(bytes(FILLING_BYTES)) == isinstance(message, m.Key)


@pytest.mark.parametrize("message", [*EVERY, *FRAMES_OF_TRANSPORT], ids=lambda message: type(message).__name__)
def test_every_message_survives(codec: Codec, message: Any) -> None:
    frame = encode_frame(message)
    assert codec.decode_frame(frame) == message
    assert codec.decode_frame(frame) == message, "and again, from what is remembered"


def test_a_fetch_request_survives(codec: Codec) -> None:
    request = FetchRequest(samples.SHA, 2**53, 0)
    assert codec.decode_fetch(encode_fetch(request)) == request


peers = st.binary(min_size=32, max_size=32).map(peer_id_of)
numbers = st.integers(0, 2**53)
hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)
words = st.text(st.characters(categories=("L", "N", "P")), max_size=64)


@given(
    st.one_of(
        st.builds(m.Heartbeat, words, numbers, numbers, st.booleans(), st.integers(0, 2**32 - 1)),
        st.builds(m.TombstoneDigest, st.lists(words, min_size=256, max_size=256).map(tuple)),
        st.builds(m.TombstoneRequest, st.lists(st.integers(0, 255), max_size=256).map(tuple)),
        st.builds(m.KeyRequest, numbers, hashes, numbers, words),
        st.builds(m.KeyRefused, hashes, words),
        st.builds(m.ReceiptAck, peers, peers, numbers),
        st.builds(m.ReleaseAck, numbers),
        st.builds(m.Inventory, st.lists(st.builds(m.InventoryItem, peers, numbers, hashes), max_size=9).map(tuple)),
        st.builds(m.ManifestRequest, peers, numbers),
        st.builds(m.Goodbye, words),
        st.builds(m.Key, st.just(samples.grant(ANN, BOB)), st.none(), st.binary(min_size=32, max_size=32)),
        st.builds(FetchRequest, hashes, numbers, numbers),
        st.builds(FetchRefused, numbers, words),
    )
)
def test_whatever_is_in_bounds_survives(message: Any) -> None:
    assert fresh_codec().decode_frame(encode_frame(message)) == message


@given(st.binary(max_size=300), st.integers(0, 2**53))
def test_a_chunk_survives(data: bytes, ticket: int) -> None:
    assert decode_chunk(encode_chunk(data, ticket)) == (data, ticket)


@pytest.mark.parametrize("size", [0, 127, 128, 16_383, 16_384, CHUNK_BYTES_MAX])
def test_a_chunk_is_what_protobuf_reads(size: int) -> None:
    encoded = encode_chunk(bytes(size), 7)
    assert wire.Chunk.FromString(encoded) == wire.Chunk(data=bytes(size), ticket=7)
    assert len(encoded) <= size + CHUNK_OVERHEAD_BYTES


@given(st.binary(max_size=300))
def test_arbitrary_chunks_are_refused_or_a_chunk(noise: bytes) -> None:
    with contextlib.suppress(RefusedError):
        decode_chunk(noise)


# --- arbitrary bytes --------------------------------------------------------------------------------------------------
@given(st.binary(max_size=2000))
def test_arbitrary_bytes_are_refused_or_a_message(noise: bytes) -> None:
    for decode in (fresh_codec().decode_frame, fresh_codec().decode_fetch):
        with contextlib.suppress(MalformedError, ForgedError):
            decode(noise)


@given(st.text(max_size=40), st.binary(max_size=300), st.binary(max_size=40), st.binary(max_size=80))
def test_arbitrary_envelopes_are_refused(kind: str, payload: bytes, key: bytes, signature: bytes) -> None:
    envelope = wire.SignedEnvelope(payload_type=kind, payload=payload, public_key=key, signature=signature)
    frame = wire.LinkFrame(announce=wire.Announce(manifest=envelope))
    with pytest.raises((MalformedError, ForgedError)):
        fresh_codec().decode_frame(frame.SerializeToString())


# --- bounds -----------------------------------------------------------------------------------------------------------
def test_an_oversized_frame_is_not_parsed(codec: Codec) -> None:
    with pytest.raises(MalformedError, match="at most"):
        codec.decode_frame(bytes(FRAME_BYTES_MAX + 1))


def test_a_frame_of_a_later_version_is_malformed(codec: Codec) -> None:
    unknown_kind = b"\xba\x06\x00"  # field 103, empty
    with pytest.raises(MalformedError, match="no kind"):
        codec.decode_frame(unknown_kind)
    with pytest.raises(MalformedError):
        codec.decode_frame(b"")


def test_fields_of_a_later_version_are_ignored(codec: Codec) -> None:
    beat = m.Heartbeat("", 1, 2)
    body = FRAMES["heartbeat"].to_wire(beat).SerializeToString() + b"\xb8\x06\x01"  # field 103 = 1
    assert codec.decode_frame(b"\x22" + bytes([len(body)]) + body) == beat


ITEM = m.NoticeItem(samples.notice(ANN), MEMBER, None, ())


@pytest.mark.parametrize(
    "message",
    [
        m.Heartbeat("", 2**53 + 1, 0),
        m.Heartbeat("x" * 65, 0, 0),
        m.Goodbye("x" * 201),
        m.Goodbye("a\nsecond line in a log"),
        m.KeyRefused("AB" * 32, "gone"),
        m.KeyRefused("ab", "gone"),
        m.Key(samples.grant(ANN, BOB), None, bytes(31)),
        m.TombstoneDigest(("",) * 255),
        m.TombstoneDigest(("",) * 257),
        m.TombstoneRequest((256,)),
        m.TombstoneRequest((1,) * 257),
        m.ReceiptAck(PeerId("nobody"), BOB.peer_id, 1),
        m.Inventory((m.InventoryItem(BOB.peer_id, 1, samples.SHA),) * 1025),
        m.Notices((ITEM,) * 65, last=False),
        m.Notices((dataclasses.replace(ITEM, ledger=(LedgerEntry(BOB.peer_id, 1, 1),) * 4097),), last=False),
    ],
    ids=lambda message: type(message).__name__,
)
def test_what_is_out_of_bounds_is_malformed(message: m.Message) -> None:
    refused(message, MalformedError)


# --- signatures -------------------------------------------------------------------------------------------------------
def tampered(signed: Any, **changes: Any) -> Any:
    return dataclasses.replace(signed, envelope=dataclasses.replace(signed.envelope, **changes))


@pytest.mark.parametrize("part", ["payload", "signature", "public_key"])
def test_a_changed_envelope_is_forged(part: str) -> None:
    announced = samples.manifest(ANN)
    other = samples.manifest(EVE, "cd" * 32)
    refused(m.Announce(tampered(announced, **{part: getattr(other.envelope, part)})), ForgedError)


def test_an_envelope_of_another_kind_is_malformed() -> None:
    refused(m.Announce(samples.lease(ANN)), MalformedError)  # type: ignore[arg-type]


def test_a_missing_envelope_is_malformed(codec: Codec) -> None:
    with pytest.raises(MalformedError):
        codec.decode_frame(wire.LinkFrame(announce=wire.Announce()).SerializeToString())


def test_a_payload_beyond_the_limit_is_malformed(codec: Codec) -> None:
    envelope = wire.SignedEnvelope(
        payload_type="hdus/seed-manifest/v1", payload=bytes(300_000), public_key=bytes(32), signature=bytes(64)
    )
    with pytest.raises(MalformedError):
        codec.decode_frame(wire.LinkFrame(announce=wire.Announce(manifest=envelope)).SerializeToString())


@pytest.mark.parametrize(
    "message",
    [
        m.Greeting(samples.signed_by_another(samples.hello(ANN, AUTHORITY.network), EVE), MEMBER, None),  # type: ignore[arg-type]
        m.Announce(samples.signed_by_another(samples.manifest(ANN), EVE)),  # type: ignore[arg-type]
        m.Key(samples.signed_by_another(samples.grant(ANN, BOB), EVE), None, bytes(32)),  # type: ignore[arg-type]
        m.Renewal(samples.signed_by_another(samples.lease(ANN), EVE)),  # type: ignore[arg-type]
        m.Receipt(samples.signed_by_another(samples.receipt(ANN, BOB), EVE), MEMBER),  # type: ignore[arg-type]
        m.Release(samples.signed_by_another(samples.release(ANN, BOB), EVE)),  # type: ignore[arg-type]
        m.Notices((dataclasses.replace(ITEM, departure=samples.departure(EVE)),), last=True),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_statement_of_somebody_else_is_forged(message: m.Message) -> None:
    refused(message, ForgedError)


@pytest.mark.parametrize(
    "message",
    [
        m.Greeting(samples.hello(EVE, AUTHORITY.network), MEMBER, None),
        m.Receipt(samples.receipt(EVE, BOB), MEMBER),
        m.Notices((m.NoticeItem(samples.notice(EVE), MEMBER, None, ()),), last=True),
        m.Equivocation(samples.manifest(EVE), samples.manifest(EVE, "cd" * 32), MEMBER),
        m.Equivocation(samples.manifest(ANN), samples.manifest(EVE, "cd" * 32), MEMBER),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_membership_of_somebody_else_is_forged(message: m.Message) -> None:
    refused(message, ForgedError)


def test_a_membership_of_another_network_is_forged() -> None:
    foreign = Authority().membership(ANN)
    refused(m.Greeting(samples.hello(ANN, AUTHORITY.network), foreign, None), ForgedError)


def test_a_membership_signed_by_its_own_subject_is_forged() -> None:
    own = sign(ANN, Membership(AUTHORITY.network, ANN.public_key, "ann", 0, 2**40))
    refused(m.Greeting(samples.hello(ANN, AUTHORITY.network), own, None), ForgedError)


def test_a_notice_of_the_authority_passes(codec: Codec) -> None:
    revoked = sign(AUTHORITY.identity, samples.notice(ANN, UnlearnKind.REVOKE).statement)
    message = m.Notices((m.NoticeItem(revoked, MEMBER, None, ()),), last=True)
    assert codec.decode_frame(encode_frame(message)) == message


@pytest.mark.parametrize("text", ["two\nlines", "\x1b[2J", "\ud800"], ids=["newline", "escape", "surrogate"])
def test_text_that_is_not_printable_is_malformed(text: str) -> None:
    """Signed or not: it would move a terminal's cursor, or fail to be written at all."""
    statement = dataclasses.replace(samples.release(ANN, BOB).statement, reason=text)
    refused(m.Release(sign(ANN, statement)), MalformedError)


# --- what is remembered -----------------------------------------------------------------------------------------------
def test_what_was_verified_is_remembered_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    verified: list[SignedEnvelope] = []
    really = envelopes.open_envelope

    def counting(envelope: SignedEnvelope, kind: type[Any]) -> Any:
        verified.append(envelope)
        return really(envelope, kind)

    monkeypatch.setattr(envelopes, "open_envelope", counting)
    monkeypatch.setattr(envelopes, "REMEMBERED_MAX", 2)
    opener = envelopes.EnvelopeOpener(AUTHORITY.network, AUTHORITY.identity.public_key)
    members = [AUTHORITY.membership(Identity.generate()) for _ in range(3)]
    for signed in (members[0], members[1], members[0], members[2], members[0], members[1]):
        assert opener.open(signed.envelope, type(signed.statement)) == signed
    assert verified == [members[index].envelope for index in (0, 1, 2, 1)]
    verified.clear()
    lease = samples.lease(ANN)
    for _ in range(2):
        opener.open(lease.envelope, type(lease.statement))
    assert len(verified) == 2, "what comes once is not remembered"


def test_what_failed_is_not_remembered() -> None:
    codec = fresh_codec()
    forged = encode_frame(m.Announce(tampered(samples.manifest(ANN), signature=bytes(64))))
    for _ in range(2):
        with pytest.raises(ForgedError):
            codec.decode_frame(forged)
