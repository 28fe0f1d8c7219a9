"""A member's credentials: one file, and the proof that everything in it belongs together.

Rules
1. `load` returns only what it has verified: root, membership, leaf, keys, task and dates. Whoever holds a `Credentials`
   need not check again.
2. The file is secret (mode 0600) and is written durably. It holds the only copy of the member's keys.
3. Keys never appear in a representation.

Absent on purpose: who was revoked. That is known from notices, not from files.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import BaseModel, ConfigDict, Field

from hdus_peer.admission import certificates
from hdus_peer.admission.certificates import Validity
from hdus_peer.admission.envelope_text import envelope_from_fields, envelope_to_fields
from hdus_peer.admission.json_file import VERSION, FileFields, FileKind, check_free, identity_from, to_bytes
from hdus_peer.admission.task_file import parse_task
from hdus_peer.domain.envelope import Signed, open_envelope, to_text
from hdus_peer.domain.identity import Identity, PeerId
from hdus_peer.domain.membership import Membership
from hdus_peer.domain.task import Task
from hdus_peer.durable import write_durably
from hdus_peer.errors import AdmissionError, ConfigurationError, MalformedError, RemoteError

_ASK = "Ask whoever runs the network for new ones (hdus-peer network issue NAME)."
_RENEW = "Renew them with hdus-peer network request --renew"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Verified credentials of `member` in a network. PEM values are bytes, as TLS libraries take them."""

    network: str
    network_name: str
    member: str
    identity: Identity
    membership: Signed[Membership] = field(repr=False)
    task: Task
    task_text: str = field(repr=False)
    root_certificate_pem: bytes = field(repr=False)
    certificate_chain_pem: bytes = field(repr=False)
    private_key_pem: bytes = field(repr=False)

    @property
    def peer_id(self) -> PeerId:
        return self.identity.peer_id

    @property
    def root_public_key(self) -> bytes:
        """The network root's raw Ed25519 public key, which signed the membership."""
        return self.membership.envelope.public_key

    @property
    def tls_spki_sha256(self) -> str:
        """SHA-256 (hex) of the TLS certificate's SubjectPublicKeyInfo."""
        return certificates.spki_sha256(x509.load_pem_x509_certificate(self.certificate_chain_pem))

    @property
    def validity(self) -> Validity:
        """When they can be used: the narrowest of membership, leaf and root."""
        statement = self.membership.statement
        span = Validity(statement.not_before_s, statement.not_after_s)
        for pem in (self.certificate_chain_pem, self.root_certificate_pem):
            span = span.within(certificates.validity_of(x509.load_pem_x509_certificate(pem)))
        return span

    @property
    def not_after_s(self) -> int:
        """Until when (Unix seconds) they can be used."""
        return self.validity.not_after_s

    @property
    def issued_s(self) -> int:
        """From when (Unix seconds) they were given out to be used: of two of one member, the greater are the later."""
        return certificates.validity_of(x509.load_pem_x509_certificate(self.certificate_chain_pem)).not_before_s

    def check_dates(self, now_s: int) -> None:
        """Raises AdmissionError where they are not valid at `now_s` (Unix seconds)."""
        span = self.validity
        if now_s > span.not_after_s:
            raise AdmissionError(f"they expired on {date_text(span.not_after_s)}. {_RENEW}.")
        if now_s < span.not_before_s:
            raise AdmissionError(f"they begin on {date_text(span.not_before_s)}: is this device's clock right?")


class _NetworkFields(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    name: str
    id: str


class PublicFields(FileFields):
    """What of a credentials file is no secret: a grant carries the same."""

    network: _NetworkFields
    root_certificate: str
    task: str
    member: str
    tls_chain: str
    membership: dict[str, str]


class CredentialsFields(PublicFields):
    """The keys of a credentials file."""

    identity_key: str = Field(repr=False)
    tls_key: str = Field(repr=False)


_KIND = FileKind("credentials file", CredentialsFields, _ASK, is_secret=True)


def save(credentials: Credentials, path: Path) -> None:
    """Write the file, mode 0600, durably. Raises AdmissionError where there is one already, StorageError."""
    check_free(path)
    replace(credentials, path)


def replace(credentials: Credentials, path: Path) -> None:
    """The same where a file is there: it is lost, in one step."""
    public = public_fields(
        (credentials.network, credentials.network_name), credentials.task_text, credentials.root_certificate_pem,
        credentials.certificate_chain_pem, credentials.membership,
    )  # fmt: skip
    fields = CredentialsFields(
        **dict(public),
        identity_key=to_text(credentials.identity.private_bytes()),
        tls_key=credentials.private_key_pem.decode("ascii"),
    )
    write_durably(path, to_bytes(fields), 0o600)


def public_fields(
    network: tuple[str, str], task_text: str, root_pem: bytes, chain_pem: bytes, membership: Signed[Membership]
) -> PublicFields:
    """What may be shown to anybody. `network`: its id and name."""
    return PublicFields(
        version=VERSION,
        network=_NetworkFields(id=network[0], name=network[1]),
        root_certificate=root_pem.decode("ascii"),
        task=task_text,
        member=membership.statement.name,
        tls_chain=chain_pem.decode("ascii"),
        membership=envelope_to_fields(membership.envelope),
    )


def load(path: Path, now_s: int | None = None) -> Credentials:
    """Read and verify. `now_s` (Unix seconds) is the date at which they must be valid, by default now.
    Raises AdmissionError with a sentence that says what is wrong and what to do."""
    instant_s = int(time.time()) if now_s is None else now_s
    return _proved(path, lambda credentials: credentials.check_dates(instant_s))


def load_undated(path: Path) -> Credentials:
    """The same, whatever the date: what is expired may still be renewed."""
    return _proved(path, lambda credentials: None)


def _proved(path: Path, further: Callable[[Credentials], None]) -> Credentials:
    fields = _KIND.read(path)
    try:
        credentials = verified(fields)
        further(credentials)
    except (AdmissionError, ConfigurationError) as problem:
        raise AdmissionError(f"The credentials {path} cannot be used: {problem} {_ASK}") from problem
    return credentials


def verified(fields: CredentialsFields) -> Credentials:
    """Every part proved against the root. Order: root, signing key, membership, TLS certificate and key, task."""
    root_pem, chain_pem, key_pem = (
        text.encode("utf-8") for text in (fields.root_certificate, fields.tls_chain, fields.tls_key)
    )
    root, root_public_key = certificates.read_root(root_pem)
    if certificates.network_id(root_public_key) != fields.network.id:
        raise AdmissionError("the root certificate is that of another network.")
    if certificates.name_of_root(root) != fields.network.name:
        raise AdmissionError("the network's name is not the one in its root certificate.")
    identity = identity_from(fields.identity_key)
    membership = _membership(fields, root_public_key, identity)
    leaf = certificates.read_leaf(chain_pem, root, identity.peer_id)
    _check_tls_key(key_pem, leaf)
    return Credentials(
        fields.network.id, fields.network.name, fields.member, identity, membership,
        parse_task(fields.task, "the task in the credentials"), fields.task, root_pem, chain_pem, key_pem,
    )  # fmt: skip


def _membership(fields: PublicFields, root_public_key: bytes, identity: Identity) -> Signed[Membership]:
    try:
        signed = open_envelope(envelope_from_fields(fields.membership), Membership)
    except MalformedError as problem:
        raise AdmissionError("the membership is damaged.") from problem
    except RemoteError as problem:
        raise AdmissionError("the membership was changed after it was signed.") from problem
    statement = signed.statement
    if signed.envelope.public_key != root_public_key or statement.network != fields.network.id:
        raise AdmissionError("the membership was not signed by this network's root.")
    if statement.public_key != identity.public_key or statement.name != fields.member:
        raise AdmissionError("the membership is another member's: its key or name is not the one in this file.")
    return signed


def _check_tls_key(pem: bytes, leaf: x509.Certificate) -> None:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        raise AdmissionError("the TLS key is damaged.") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != leaf.public_key():
        raise AdmissionError("the TLS key is not that of the TLS certificate.")


def date_text(instant_s: int) -> str:
    """An instant (Unix seconds) for people."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(instant_s))
