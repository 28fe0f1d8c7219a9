"""X.509 of a network: one self-signed Ed25519 root, and P-256 leaves that name a PeerId and nothing else.

Rules
1. A network is named by the SHA-256 (hex) of its root's SubjectPublicKeyInfo; the root's subject carries that id, so
   that no two roots share a subject (TLS stacks look roots up by subject).
2. A leaf's names are written here from the PeerId alone. Nothing that somebody asked for is copied into one.
3. Dates begin a few minutes early: a member whose clock is a little behind is admitted all the same.

Absent on purpose: revocation lists. Who is out is said by signed notices, checked at every message.
"""

import datetime
import hashlib
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hdus_peer.domain.identity import Identity, PeerId
from hdus_peer.domain.tls_name import ANY_TLS_NAME, tls_name
from hdus_peer.errors import AdmissionError

CLOCK_SKEW_S = 300
DAY_S = 86_400
RENEW_DAYS = 14
"""With fewer days left than these, people are told to renew."""


@dataclass(frozen=True, slots=True)
class Validity:
    """From and until when (Unix seconds, both included)."""

    not_before_s: int
    not_after_s: int

    @classmethod
    def from_now(cls, now_s: int, days: int) -> "Validity":
        return cls(now_s - CLOCK_SKEW_S, now_s + days * DAY_S)

    def days_left(self, now_s: int) -> int:
        """Whole days until the end, rounded down; negative afterwards."""
        return (self.not_after_s - now_s) // DAY_S

    def within(self, outer: "Validity") -> "Validity":
        """Cut to what `outer` covers: nobody is admitted for longer than the root lives."""
        return Validity(max(self.not_before_s, outer.not_before_s), min(self.not_after_s, outer.not_after_s))


def network_id(root_public_key: bytes) -> str:
    """SHA-256 (hex) of the SubjectPublicKeyInfo (DER) of a raw Ed25519 public key."""
    return _spki_sha256(Ed25519PublicKey.from_public_bytes(root_public_key))


def spki_sha256(certificate: x509.Certificate) -> str:
    """SHA-256 (hex) of the SubjectPublicKeyInfo (DER) that a certificate certifies."""
    return hashlib.sha256(
        certificate.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    ).hexdigest()


def new_root_certificate(root: Identity, network_name: str, validity: Validity) -> x509.Certificate:
    """The self-signed certificate of a network's root."""
    key = Ed25519PrivateKey.from_private_bytes(root.private_bytes())
    subject = _subject(f"hdus {network_id(root.public_key)[:32]}", network_name)
    builder = _builder(subject, subject, validity).public_key(key.public_key())
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_key_usage(signs_certificates=True), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return builder.sign(key, None)


def new_leaf_certificate(
    root: Identity, root_certificate: x509.Certificate, peer: PeerId, key: ec.EllipticCurvePublicKey, validity: Validity
) -> x509.Certificate:
    """A member's TLS certificate over its P-256 `key`, for dialling and for answering."""
    authority = Ed25519PrivateKey.from_private_bytes(root.private_bytes())
    names = x509.SubjectAlternativeName([x509.DNSName(tls_name(peer)), x509.DNSName(ANY_TLS_NAME)])
    purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    builder = _builder(_subject(peer), root_certificate.subject, validity).public_key(key)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(signs_certificates=False), critical=True)
    builder = builder.add_extension(purposes, critical=False).add_extension(names, critical=False)
    return builder.add_extension(issuer_key, critical=False).sign(authority, None)


def new_tls_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def to_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def validity_of(certificate: x509.Certificate) -> Validity:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return Validity(int(begin.timestamp()), int(end.timestamp()))


def name_of_root(certificate: x509.Certificate) -> str:
    """The network's human name in its root's subject ("" where it carries none)."""
    attributes = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return str(attributes[0].value) if attributes else ""


def read_root(pem: bytes) -> tuple[x509.Certificate, bytes]:
    """A root certificate that signed itself with Ed25519, and its raw public key. Raises AdmissionError."""
    certificate = _read(pem, "the root certificate")
    key = certificate.public_key()
    if not isinstance(key, Ed25519PublicKey) or not _is_issued_by(certificate, certificate):
        raise AdmissionError("the root certificate is not one of an hdus-peer network (Ed25519, self-signed)")
    return certificate, key.public_bytes_raw()


def read_leaf(pem: bytes, root: x509.Certificate, peer: PeerId) -> x509.Certificate:
    """A leaf that `root` signed for `peer`. Raises AdmissionError."""
    leaf = _read(pem, "the TLS certificate")
    if not _is_issued_by(leaf, root):
        raise AdmissionError("the TLS certificate was not signed by this network's root")
    names = _dns_names(leaf)
    if _common_name(leaf) != peer or names != {tls_name(peer), ANY_TLS_NAME}:
        raise AdmissionError("the TLS certificate names another peer than the signing key beside it")
    return leaf


def _read(pem: bytes, what: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as problem:
        raise AdmissionError(f"{what} is no PEM certificate") from problem


def _is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _dns_names(certificate: x509.Certificate) -> set[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return set()
    return set(extension.value.get_values_for_type(x509.DNSName))


def _common_name(certificate: x509.Certificate) -> str:
    attributes = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(attributes[0].value) if len(attributes) == 1 else ""


def _subject(common_name: str, organization: str | None = None) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(attributes)


def _builder(subject: x509.Name, issuer: x509.Name, validity: Validity) -> x509.CertificateBuilder:
    begin, end = (
        datetime.datetime.fromtimestamp(instant, datetime.UTC)
        for instant in (validity.not_before_s, validity.not_after_s)
    )
    builder = x509.CertificateBuilder(issuer_name=issuer, subject_name=subject)
    return builder.serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(end)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _spki_sha256(key: Ed25519PublicKey) -> str:
    encoded = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(encoded).hexdigest()
