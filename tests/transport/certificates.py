"""A throw-away network: an Ed25519 root that issues P-256 certificates and memberships, as `admission` does."""

import datetime
import hashlib

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from hdus_peer.domain.envelope import Signed, sign
from hdus_peer.domain.identity import Identity, PeerId
from hdus_peer.domain.membership import Membership
from hdus_peer.domain.tls_name import ANY_TLS_NAME, tls_name
from hdus_peer.transport.tls import TlsMaterial

DAY = datetime.timedelta(days=1)


class Authority:
    """One network. Its root and leaves are valid from yesterday for 30 days, unless told otherwise."""

    def __init__(self, identity: Identity | None = None) -> None:
        self.identity = identity or Identity.generate()
        self._key = Ed25519PrivateKey.from_private_bytes(self.identity.private_bytes())
        public = self._key.public_key()
        spki = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.network = hashlib.sha256(spki).hexdigest()
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"hdus network {self.network[:16]}")])
        builder = self._builder(self._name, public, days=30)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self._root = builder.sign(self._key, None)

    def membership(self, identity: Identity, name: str = "a peer") -> Signed[Membership]:
        return sign(self.identity, Membership(self.network, identity.public_key, name, 0, 2**40))

    def material(self, peer: PeerId, *, days: int = 30, claims: PeerId | None = None) -> TlsMaterial:
        """TLS material of `peer`; `days` below zero: expired. `claims`: another PeerId in the DNS name than in the
        common name."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, peer)])
        names = [x509.DNSName(tls_name(claims or peer)), x509.DNSName(ANY_TLS_NAME)]
        builder = self._builder(subject, key.public_key(), days)
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return TlsMaterial(
            root_certificate_pem=_pem(self._root),
            certificate_chain_pem=_pem(builder.sign(self._key, None)),
            private_key_pem=private,
            network=self.network,
            root_public_key=self.identity.public_key,
        )

    def _builder(self, subject: x509.Name, public: object, days: int) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + (2 * days - 1) * DAY if days < 0 else now - DAY)
            .not_valid_after(now + days * DAY)
        )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
