"""What the codec must hold for any bytes whatever, as one function of these bytes; a fuzzer or a property drives it.

The first byte says how the rest is meant:

    0  a frame of a link             2  the request of a Fetch
    1  a payload, signed *rightly*   3  a chunk

Under 1 the rest names a message of the corpus, one of its envelopes, a signer and the bytes of the payload: so that
what stands behind the signature check is reached too, where mutated signatures would never get.

Everything here is deterministic: the keys are fixed, and a finding can be repeated from its bytes alone.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from hdus_peer.domain.envelope import SignedEnvelope, pre_authentication
from hdus_peer.domain.identity import Identity
from hdus_peer.errors import ForgedError, MalformedError, RefusedError
from hdus_peer.transport.chunks import CHUNK_BYTES_MAX, decode_chunk, encode_chunk
from hdus_peer.transport.codec import FRAME_BYTES_MAX, FRAMES, Codec, FetchRequest, encode_fetch, encode_frame
from hdus_peer.wire.v1 import wire_pb2 as wire
from tests.transport import messages as samples
from tests.transport.certificates import Authority

FRAME, SIGNED, FETCH, CHUNK = range(4)

ROOT, ANN, BOB, EVE = (Identity(bytes([number]) * 32) for number in range(1, 5))
SIGNERS = (ANN, BOB, EVE, ROOT)
AUTHORITY = Authority(ROOT)
MESSAGES = samples.every_message(AUTHORITY, ANN, BOB)
KINDS = {record.value: kind for kind, record in FRAMES.items()}


def fresh_codec() -> Codec:
    return Codec(AUTHORITY.network, ROOT.public_key)


def holds(data: bytes) -> str:
    """What became of `data`, in a word; an AssertionError, or whatever else was raised, is a finding."""
    meaning, rest = (data[0] % 4, data[1:]) if data else (FRAME, b"")
    targets: dict[int, Callable[[bytes], str]] = {FRAME: frame, SIGNED: signed, FETCH: fetch, CHUNK: chunk}
    return targets[meaning](rest)


def frame(data: bytes) -> str:
    """It is refused, or a message; and the bytes of that message give it again, and themselves."""
    codec = fresh_codec()
    try:
        message = codec.decode_frame(data)
    except (MalformedError, ForgedError) as problem:
        return type(problem).__name__
    canonical = encode_frame(message)
    again = codec.decode_frame(canonical) if len(canonical) <= FRAME_BYTES_MAX else message
    assert again == message, "a message does not survive its own bytes"
    assert encode_frame(again) == canonical, "one message has two encodings"
    return KINDS[type(message)]


def fetch(data: bytes) -> str:
    try:
        request = fresh_codec().decode_fetch(data)
    except MalformedError as problem:
        return type(problem).__name__
    assert fresh_codec().decode_fetch(encode_fetch(request)) == request
    return "fetch"


def chunk(data: bytes) -> str:
    try:
        decoded = decode_chunk(data)
    except RefusedError as problem:
        return type(problem).__name__
    if len(decoded.data) <= CHUNK_BYTES_MAX:
        assert decode_chunk(encode_chunk(*decoded)) == decoded
    return "chunk"


# --- rightly signed ---------------------------------------------------------------------------------------------------
def signed(data: bytes) -> str:
    """`data`: message, envelope and signer, a byte each; then the payload that is signed."""
    if len(data) < 3:
        return "short"
    number, place, signer = (data[index] for index in range(3))
    message = wire.LinkFrame.FromString(encode_frame(MESSAGES[number % len(MESSAGES)]))
    envelopes = list(envelopes_in(message))
    if not envelopes:
        return "unsigned"
    envelope = envelopes[place % len(envelopes)]
    sealed = _signed_by(SIGNERS[signer % len(SIGNERS)], envelope.payload_type, data[3:])
    envelope.payload, envelope.public_key, envelope.signature = sealed.payload, sealed.public_key, sealed.signature
    return frame(message.SerializeToString())


def envelopes_in(message: Any) -> Iterator[Any]:
    """Every SignedEnvelope in a protobuf message, in the order of its fields."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for each in value if isinstance(value, list) or hasattr(value, "add") else (value,):
            if isinstance(each, wire.SignedEnvelope):
                yield each
            else:
                yield from envelopes_in(each)


def _signed_by(signer: Identity, kind: str, payload: bytes) -> SignedEnvelope:
    return SignedEnvelope(kind, payload, signer.public_key, signer.sign(pre_authentication(kind, payload)))


# --- the corpus -------------------------------------------------------------------------------------------------------
@lru_cache(maxsize=1)
def corpus() -> tuple[bytes, ...]:
    """Valid inputs of every kind and meaning, to begin with."""
    frames = [bytes([FRAME]) + encode_frame(message) for message in MESSAGES]
    requests = [bytes([FETCH]) + encode_fetch(FetchRequest(samples.SHA, 2**40, 0))]
    chunks = [bytes([CHUNK]) + encode_chunk(b"some bytes of a payload", 7)]
    return (*frames, *_payloads(), *requests, *chunks)


def _payloads() -> Iterator[bytes]:
    for number, message in enumerate(MESSAGES):
        for place, signer, payload in _signed_parts(message):
            yield bytes([SIGNED, number, place, signer]) + payload


def _signed_parts(message: Any) -> Iterator[tuple[int, int, bytes]]:
    envelopes = list(envelopes_in(wire.LinkFrame.FromString(encode_frame(message))))
    keys = [signer.public_key for signer in SIGNERS]
    for place, envelope in enumerate(envelopes):
        yield place, keys.index(envelope.public_key), envelope.payload
