"""A member's credentials: one file, and the proof that everything in it belongs together.

Rules
1. `load` returns only what it has verified: root, membership, leaf, keys, task and dates. Whoever holds a `Credentials`
   need not check again.
2. The file is secret (mode 0600) and is written durably. It holds the only copy of the member's keys.
3. Keys never appear in a representation.

Absent on purpose: who was revoked. That is known from notices, not from files.
"""

import json
import stat
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hdus_peer.admission import certificates
from hdus_peer.admission.envelope_text import envelope_from_fields, envelope_to_fields
from hdus_peer.admission.task_file import parse_task
from hdus_peer.domain.envelope import Signed, from_text, open_envelope, to_text
from hdus_peer.domain.identity import Identity, PeerId
from hdus_peer.domain.membership import Membership
from hdus_peer.domain.task import Task
from hdus_peer.durable import write_durably
from hdus_peer.errors import AdmissionError, ConfigurationError, MalformedError, RemoteError

VERSION = 1
CREDENTIALS_BYTES_MAX = 2 << 20
_ASK = "Ask whoever runs the network for new ones (hdus-peer network issue NAME)."


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
    def not_after_s(self) -> int:
        """Until when (Unix seconds) this member is admitted."""
        return self.membership.statement.not_after_s


class _NetworkFields(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    name: str
    id: str


class _FileFields(BaseModel):
    """The keys of a credentials file. Byte strings are unpadded base64url, certificates and the TLS key PEM."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)
    version: Annotated[int, Field(ge=1)]
    network: _NetworkFields
    root_certificate: str
    task: str
    member: str
    identity_key: str = Field(repr=False)
    tls_key: str = Field(repr=False)
    tls_chain: str
    membership: dict[str, str]


def save(credentials: Credentials, path: Path) -> None:
    """Write the file, mode 0600, durably. Raises AdmissionError where there is one already, StorageError."""
    check_free(path)
    fields = _FileFields(
        version=VERSION,
        network=_NetworkFields(name=credentials.network_name, id=credentials.network),
        root_certificate=credentials.root_certificate_pem.decode("ascii"),
        task=credentials.task_text,
        member=credentials.member,
        identity_key=to_text(credentials.identity.private_bytes()),
        tls_key=credentials.private_key_pem.decode("ascii"),
        tls_chain=credentials.certificate_chain_pem.decode("ascii"),
        membership=envelope_to_fields(credentials.membership.envelope),
    )
    write_durably(path, fields.model_dump_json(indent=1).encode("utf-8") + b"\n", 0o600)


def check_free(path: Path) -> None:
    """Raises AdmissionError where a file is in the way."""
    if path.exists():
        raise AdmissionError(f"{path} exists already, and may hold somebody's only keys. Choose another file.")


def load(path: Path, now_s: int | None = None) -> Credentials:
    """Read and verify. `now_s` (Unix seconds) is the date at which they must be valid, by default now.
    Raises AdmissionError with a sentence that says what is wrong and what to do."""
    instant_s = int(time.time()) if now_s is None else now_s
    fields = _parse(_read(path), path)
    try:
        credentials = _verified(fields)
        _check_dates(credentials, instant_s)
    except (AdmissionError, ConfigurationError) as problem:
        raise AdmissionError(f"The credentials {path} cannot be used: {problem} {_ASK}") from problem
    return credentials


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            mode = stat.S_IMODE(path.stat().st_mode)
            data = stream.read(CREDENTIALS_BYTES_MAX + 1)
    except FileNotFoundError as problem:
        raise AdmissionError(f"There are no credentials at {path}. {_ASK}") from problem
    except OSError as problem:
        raise AdmissionError(f"The credentials {path} cannot be read: {problem.strerror}.") from problem
    if mode & stat.S_IRWXO:
        raise AdmissionError(f"Anybody on this machine may read the credentials {path}. Run: chmod 600 {path}")
    if len(data) > CREDENTIALS_BYTES_MAX:
        raise AdmissionError(f"{path} is too big to be a credentials file. {_ASK}")
    return data


def _parse(data: bytes, path: Path) -> _FileFields:
    try:
        plain = json.loads(data)
        version = plain.get("version") if isinstance(plain, dict) else None
        if isinstance(version, int) and version > VERSION:
            raise AdmissionError(f"{path} was made for a later hdus-peer (version {version}). Upgrade this one.")
        return _FileFields.model_validate(plain)
    except ValidationError as problem:
        first = problem.errors(include_input=False)[0]
        key = ".".join(map(str, first["loc"])) or "the whole"
        raise AdmissionError(f"{path} is no credentials file: {key}: {first['msg'].lower()}. {_ASK}") from None
    except (ValueError, RecursionError):
        raise AdmissionError(f"{path} is no credentials file: it is not JSON. {_ASK}") from None


def _verified(fields: _FileFields) -> Credentials:
    """Every part proved against the root. Order: root, signing key, membership, TLS certificate and key, task."""
    root_pem, chain_pem, key_pem = (
        text.encode("utf-8") for text in (fields.root_certificate, fields.tls_chain, fields.tls_key)
    )
    root, root_public_key = certificates.read_root(root_pem)
    if certificates.network_id(root_public_key) != fields.network.id:
        raise AdmissionError("the root certificate is that of another network.")
    if certificates.name_of_root(root) != fields.network.name:
        raise AdmissionError("the network's name is not the one in its root certificate.")
    identity = _identity(fields.identity_key)
    membership = _membership(fields, root_public_key, identity)
    leaf = certificates.read_leaf(chain_pem, root, identity.peer_id)
    _check_tls_key(key_pem, leaf)
    return Credentials(
        fields.network.id, fields.network.name, fields.member, identity, membership,
        parse_task(fields.task, "the task in the credentials"), fields.task, root_pem, chain_pem, key_pem,
    )  # fmt: skip


def _identity(text: str) -> Identity:
    try:
        return Identity(from_text(text))
    except ValueError:
        raise AdmissionError("the signing key is damaged.") from None


def _membership(fields: _FileFields, root_public_key: bytes, identity: Identity) -> Signed[Membership]:
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


def _check_dates(credentials: Credentials, now_s: int) -> None:
    """The narrowest of membership, leaf and root decides."""
    statement = credentials.membership.statement
    span = certificates.Validity(statement.not_before_s, statement.not_after_s)
    for pem in (credentials.certificate_chain_pem, credentials.root_certificate_pem):
        span = span.within(certificates.validity_of(x509.load_pem_x509_certificate(pem)))
    if now_s > span.not_after_s:
        raise AdmissionError(f"they expired on {_date(span.not_after_s)}.")
    if now_s < span.not_before_s:
        raise AdmissionError(f"they begin on {_date(span.not_before_s)}: is this device's clock right?")


def _date(instant_s: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(instant_s))
