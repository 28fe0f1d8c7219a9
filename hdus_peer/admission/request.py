"""A device asks to be admitted: its public keys, and the proof that it has the private ones. A file without secrets.

    kind, version
    request         an envelope that the Ed25519 key signed: network, wished name, P-256 public key
    tls_signature   ECDSA (SHA-256) by the P-256 key over the digest of that envelope

Rules
1. Both keys sign, and each signature covers both keys: neither can be put beside a key of somebody else.
2. The network is in what is signed: a request for one network is none for another.
3. The name is a wish. What a member is called is for the authority to write.

Absent on purpose: a date and a nonce. Whoever replays a request gets a grant that only the asking device can use.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hdus_peer.admission.envelope_text import envelope_from_fields, envelope_to_fields
from hdus_peer.admission.json_file import VERSION, FileFields, FileKind, check_free, to_bytes
from hdus_peer.domain.envelope import (
    SignedEnvelope,
    Statement,
    from_text,
    open_envelope,
    pre_authentication,
    sign,
    to_text,
)
from hdus_peer.domain.identity import Identity, PeerId, peer_id_of
from hdus_peer.durable import write_durably
from hdus_peer.errors import AdmissionError, ForgedError, MalformedError, RemoteError

_TLS_PROOF = "hdus/admission-request-tls/v1"
_ECDSA = ec.ECDSA(hashes.SHA256())


@dataclass(frozen=True, slots=True)
class AdmissionRequest(Statement):
    """Signed by the identity that asks. `tls_key`: the P-256 public key, SubjectPublicKeyInfo (DER)."""

    TYPE: ClassVar[str] = "hdus/admission-request/v1"
    network: str
    name: str
    tls_key: bytes


@dataclass(frozen=True, slots=True)
class Asked:
    """A request whose proof holds. `public_key`: the raw Ed25519 public key."""

    network: str
    name: str
    public_key: bytes
    tls_key: ec.EllipticCurvePublicKey

    @property
    def peer(self) -> PeerId:
        return peer_id_of(self.public_key)


class _RequestFields(FileFields):
    kind: Literal["request"]
    request: dict[str, str]
    tls_signature: str


_KIND = FileKind(
    "request", _RequestFields, "Make one on the device: hdus-peer network request.", is_secret=False, kind="request"
)


def save_request(path: Path, network: str, name: str, identity: Identity, tls_key: ec.EllipticCurvePrivateKey) -> None:
    """Write a request for these keys. Raises AdmissionError where a file is in the way, StorageError."""
    check_free(path)
    encoded = tls_key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    envelope = sign(identity, AdmissionRequest(network, name, encoded)).envelope
    fields = _RequestFields(
        kind="request",
        version=VERSION,
        request=envelope_to_fields(envelope),
        tls_signature=to_text(tls_key.sign(_proof_of(envelope), _ECDSA)),
    )
    write_durably(path, to_bytes(fields), 0o644)


def load_request(path: Path) -> Asked:
    """Read, and check the proof of possession of both keys. Raises AdmissionError."""
    fields = _KIND.read(path)
    try:
        return _proved(fields)
    except MalformedError as problem:
        raise AdmissionError(f"The request {path} is damaged: {problem}. Bring it again from the device.") from problem
    except RemoteError as problem:
        sentence = f"The request {path} was changed, or made by somebody without these keys ({problem})"
        raise AdmissionError(f"{sentence}. Nobody was admitted; bring it again from the device.") from problem


def _proved(fields: _RequestFields) -> Asked:
    signed = open_envelope(envelope_from_fields(fields.request), AdmissionRequest)
    statement = signed.statement
    tls_key = _p256(statement.tls_key)
    try:
        tls_key.verify(from_text(fields.tls_signature), _proof_of(signed.envelope), _ECDSA)
    except ValueError as problem:
        raise MalformedError("a TLS signature that is not base64url") from problem
    except InvalidSignature as problem:
        raise ForgedError("the signature of the TLS key does not fit") from problem
    return Asked(statement.network, statement.name, signed.envelope.public_key, tls_key)


def _p256(encoded: bytes) -> ec.EllipticCurvePublicKey:
    try:
        key = serialization.load_der_public_key(encoded)
    except (ValueError, UnsupportedAlgorithm) as problem:
        raise MalformedError("a TLS key that cannot be read") from problem
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise MalformedError("a TLS key that is not of the curve P-256")
    return key


def _proof_of(envelope: SignedEnvelope) -> bytes:
    """What the TLS key signs: the digest covers the identity's public key and signature, and the TLS key itself."""
    return pre_authentication(_TLS_PROOF, envelope.digest.encode("ascii"))
