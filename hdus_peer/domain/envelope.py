"""Signed statements: exact bytes, a payload type, one signature (the DSSE idea, github.com/secure-systems-lab/dsse).

Rules
1. The signature covers the *pre-authentication encoding* of payload type and payload. A statement is never encoded
   again in order to verify it: the bytes that came are the bytes that are kept, passed on and checked.
2. A payload is canonical JSON (ASCII, sorted keys, no spaces, integers only), so that a certificate can be read
   and verified in ten years with any language's JSON and Ed25519. Bytes are written as unpadded base64url.
   (Decision 0001 says why not protobuf.)
3. Decoding is strict in what it needs and ignores keys that it does not know: later versions may add optional ones.
   Text is printable, so that no statement can move a terminal's cursor or break a log's line.

Absent on purpose: who *may* claim what. That is the protocol's (`protocol/`); here only "this key signed these bytes".
"""

import base64
import binascii
import dataclasses
import hashlib
import json
import types
import typing
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, NoReturn, TypeVar

from hdus_peer.domain.identity import Identity, PeerId, is_peer_id, is_signed_by, peer_id_of
from hdus_peer.errors import ForgedError, MalformedError

PAYLOAD_BYTES_MAX = 256 * 1024
INTEGER_MAX = 2**53
PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64


@dataclass(frozen=True, slots=True)
class Statement:
    """Base of everything that is signed. A subclass is a frozen dataclass whose fields are int, str, bytes, PeerId,
    bool, or tuples of these or of plain frozen dataclasses of these; `TYPE` names it, with its version."""

    TYPE: ClassVar[str] = ""


S = TypeVar("S", bound=Statement)
S_co = TypeVar("S_co", bound=Statement, covariant=True)


@dataclass(frozen=True, slots=True)
class SignedEnvelope:
    """The bytes that were signed, by which raw Ed25519 public key, and the signature (64 bytes)."""

    payload_type: str
    payload: bytes
    public_key: bytes
    signature: bytes

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over type, payload, key and signature: names this very envelope."""
        signed = pre_authentication(self.payload_type, self.payload)
        return hashlib.sha256(signed + self.public_key + self.signature).hexdigest()


@dataclass(frozen=True, slots=True)
class Signed(Generic[S_co]):
    """A decoded statement with the envelope that proves it. Made only by `sign` and `open_envelope`."""

    statement: S_co
    envelope: SignedEnvelope
    signer: PeerId


def pre_authentication(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: unambiguous for every pair of type and payload."""
    kind = payload_type.encode("ascii")
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def sign(identity: Identity, statement: S) -> Signed[S]:
    """Encode and sign `statement`. Deterministic: the same statement under the same key gives the same bytes."""
    payload = encode(statement)
    signature = identity.sign(pre_authentication(statement.TYPE, payload))
    envelope = SignedEnvelope(statement.TYPE, payload, identity.public_key, signature)
    return Signed(statement, envelope, identity.peer_id)


def open_envelope(envelope: SignedEnvelope, kind: type[S], bytes_max: int = PAYLOAD_BYTES_MAX) -> Signed[S]:
    """Verify the signature, then decode. Raises ForgedError or MalformedError."""
    signed = _decode_envelope(envelope, kind, bytes_max)
    if not is_signed_by(envelope.public_key, envelope.signature, pre_authentication(kind.TYPE, envelope.payload)):
        raise ForgedError(f"the signature under a {kind.TYPE} does not fit")
    return signed


def reopen_trusted(envelope: SignedEnvelope, kind: type[S]) -> Signed[S]:
    """Decode an envelope that this device verified before it stored it (the ledger): no second signature check."""
    return _decode_envelope(envelope, kind, PAYLOAD_BYTES_MAX)


def _decode_envelope(envelope: SignedEnvelope, kind: type[S], bytes_max: int) -> Signed[S]:
    if envelope.payload_type != kind.TYPE:
        raise MalformedError(f"expected a {kind.TYPE}, got {envelope.payload_type[:40]!r}")
    if len(envelope.public_key) != PUBLIC_KEY_BYTES or len(envelope.signature) != SIGNATURE_BYTES:
        raise MalformedError(f"a key or signature of a wrong length under a {kind.TYPE}")
    return Signed(decode(envelope.payload, kind, bytes_max), envelope, peer_id_of(envelope.public_key))


def encode(statement: Statement) -> bytes:
    """Canonical JSON of a statement's fields."""
    return json.dumps(_plain(statement), sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def decode(payload: bytes, kind: type[S], bytes_max: int = PAYLOAD_BYTES_MAX) -> S:
    """The statement in `payload`. Raises MalformedError for anything that is not exactly of that kind."""
    if len(payload) > bytes_max:
        raise MalformedError(f"a {kind.TYPE} of {len(payload)} bytes; at most {bytes_max} are read")
    try:
        fields = json.loads(payload, object_pairs_hook=_unique, parse_float=_refuse, parse_constant=_refuse)
    except (ValueError, RecursionError) as problem:
        raise MalformedError(f"a {kind.TYPE} that is no JSON object") from problem
    statement: S = _typed(fields, kind, kind.TYPE)
    return statement


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key occurs twice")
    return fields


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"numbers are integers, not {text[:20]}")


def to_text(data: bytes) -> str:
    """Bytes as unpadded base64url, the form in which they stand inside statements."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def from_text(text: str) -> bytes:
    """The inverse of `to_text`; raises ValueError."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeError) as problem:
        raise ValueError("not base64url") from problem
    if to_text(data) != text:
        raise ValueError("not canonical base64url")
    return data


def _plain(value: Any) -> Any:
    if isinstance(value, str | int):
        return value
    if isinstance(value, bytes):
        return to_text(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return {name: _plain(getattr(value, name)) for name in _hints(type(value))}


_HINTS: dict[type, dict[str, Any]] = {}


def _hints(kind: type) -> dict[str, Any]:
    if kind not in _HINTS:
        hints = typing.get_type_hints(kind)
        _HINTS[kind] = {field.name: hints[field.name] for field in dataclasses.fields(kind)}
    return _HINTS[kind]


def _typed(value: Any, kind: Any, where: str) -> Any:
    """`value` (from JSON) as `kind`, or MalformedError naming the field."""
    if kind is PeerId:
        if isinstance(value, str) and is_peer_id(value):
            return PeerId(value)
    elif kind is bool:
        if type(value) is bool:
            return value
    elif kind is str:
        if type(value) is str and value.isprintable():
            return value
    elif kind is int:
        if type(value) is int and 0 <= value <= INTEGER_MAX:
            return value
    elif kind is bytes:
        return _bytes(value, where)
    elif typing.get_origin(kind) is tuple or isinstance(kind, types.GenericAlias):
        item = typing.get_args(kind)[0]
        if isinstance(value, list):
            return tuple(_typed(element, item, where) for element in value)
    elif isinstance(value, dict):
        return _record(value, kind, where)
    raise MalformedError(f"{where}: a value of a wrong kind or out of range")


def _bytes(value: Any, where: str) -> bytes:
    try:
        return from_text(value)
    except (ValueError, TypeError) as problem:
        raise MalformedError(f"{where}: not base64url") from problem


def _record(value: dict[str, Any], kind: Any, where: str) -> Any:
    missing = [name for name in _hints(kind) if name not in value]
    if missing:
        raise MalformedError(f"{where}: {missing[0]} is missing")
    return kind(**{name: _typed(value[name], hint, f"{where}.{name}") for name, hint in _hints(kind).items()})
