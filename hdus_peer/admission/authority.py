"""A network's authority: a directory with the root key and its certificate, the task, and the register.

    root.key        Ed25519, PEM, mode 0600: whoever has it can admit anybody. Keep it off the peers' devices
    root.pem        the root certificate; public; its presence is what makes the directory a network
    task.toml       what the network learns
    members.jsonl   the register
    revoked/        a file for each member that is out for good

Rules
1. `root.pem` is written last, so that a crash leaves either a network or none; a creation that was interrupted goes on
   with the key that is there. A root key is never overwritten.
2. `admit` is the one door to membership: register first, then credentials. It takes public keys only, so that `issue`
   (keys made here) and `sign_request` (keys that a device keeps) pass through the same door.
3. A renewed membership begins when the first one did: what its member signed in between stays covered. Who was revoked
   is never admitted again.
4. The authority writes the name. Who was admitted before keeps the name that the register has.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hdus_peer.admission import certificates
from hdus_peer.admission.certificates import Validity
from hdus_peer.admission.credentials import Credentials, public_fields, save
from hdus_peer.admission.grant import save_grant
from hdus_peer.admission.json_file import check_free, check_private
from hdus_peer.admission.register import Admission, Register
from hdus_peer.admission.request import Asked, load_request
from hdus_peer.admission.revocation import Revocation, load_revocation, revoke, save_revocation
from hdus_peer.admission.task_file import is_name, parse_task, task_text
from hdus_peer.domain.envelope import Signed, sign
from hdus_peer.domain.identity import Identity, PeerId, peer_id_of
from hdus_peer.domain.membership import Membership
from hdus_peer.domain.task import Task
from hdus_peer.durable import write_durably
from hdus_peer.errors import AdmissionError, ConfigurationError

ROOT_DAYS = 7300
MEMBER_DAYS = 365
MEMBER_DAYS_MAX = 3650
_KEY, _CERTIFICATE, _TASK, _REGISTER = "root.key", "root.pem", "task.toml", "members.jsonl"
_REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Network:
    """An opened authority. `id` is the SHA-256 (hex) of the root's SubjectPublicKeyInfo."""

    directory: Path
    name: str
    id: str
    task: Task
    task_text: str = field(repr=False)
    root: Identity = field(repr=False)
    certificate: x509.Certificate = field(repr=False)

    @property
    def register(self) -> Register:
        return Register(self.directory / _REGISTER)

    def revocation_of(self, peer: PeerId) -> Path:
        """Where the revocation of a member is, if it was revoked."""
        return self.directory / _REVOKED / f"{peer}.revocation"


def create_network(directory: Path, name: str, task: str, now_s: int | None = None) -> Network:
    """Make a network in `directory`. `task` is a preset's name or a file. Raises ConfigurationError, AdmissionError
    where there is a network already, StorageError."""
    _check_name(name, "network")
    text = task_text(task)
    if (directory / _CERTIFICATE).exists():
        raise AdmissionError(f"There is a network in {directory} already. Admit members with: "
                             f"hdus-peer network issue NAME --network {directory}")  # fmt: skip
    root = _read_key(directory) if (directory / _KEY).exists() else _write_new_key(directory)
    write_durably(directory / _TASK, text.encode("utf-8"), 0o644)
    validity = Validity.from_now(_instant(now_s), ROOT_DAYS)
    certificate = certificates.new_root_certificate(root, name, validity)
    write_durably(directory / _CERTIFICATE, certificates.to_pem(certificate), 0o644)
    return open_network(directory)


def open_network(directory: Path) -> Network:
    """Raises AdmissionError where there is no network, or one whose files do not belong together."""
    certificate, public_key = certificates.read_root(_read(directory, _CERTIFICATE))
    root = _read_key(directory)
    if root.public_key != public_key:
        raise AdmissionError(f"{directory / _KEY} is not the key of {_CERTIFICATE} beside it. Put the right one back.")
    text = _read(directory, _TASK).decode("utf-8", errors="replace")
    task = parse_task(text, str(directory / _TASK))
    name = certificates.name_of_root(certificate)
    return Network(directory, name, certificates.network_id(public_key), task, text, root, certificate)


def issue(directory: Path, name: str, days: int = MEMBER_DAYS, now_s: int | None = None) -> Credentials:
    """Admit a new member: fresh keys, made here, valid for `days`. The caller saves what it gets (`credentials.save`).
    Raises AdmissionError (no network, name taken), ConfigurationError, StorageError."""
    _check_name(name, "member")
    _check_days(days)
    network = open_network(directory)
    identity, tls_key = Identity.generate(), certificates.new_tls_key()
    membership, leaf = admit(network, identity.public_key, tls_key.public_key(), name, days, _instant(now_s))
    return Credentials(
        network.id, network.name, name, identity, membership, network.task, network.task_text,
        certificates.to_pem(network.certificate), certificates.to_pem(leaf), _private_pem(tls_key),
    )  # fmt: skip


def issue_file(directory: Path, name: str, file: Path, days: int = MEMBER_DAYS) -> Credentials:
    """`issue`, saved to `file`; where there is a file already, nobody is admitted."""
    check_free(file)
    credentials = issue(directory, name, days)
    save(credentials, file)
    return credentials


def read_request(network: Network, file: Path) -> Asked:
    """A request to this network, proved. Raises AdmissionError."""
    asked = load_request(file)
    if asked.network != network.id:
        sentence = f"The request {file} is for another network ({asked.network[:16]}) than {network.name}"
        raise AdmissionError(f"{sentence} ({network.id[:16]}). Make it with the root.pem of {network.directory}.")
    return asked


def name_for(network: Network, asked: Asked, given: str | None = None) -> str:
    """What whoever asked is to be called: as `given`, or else as the register has it, or else as it wished.
    Raises ConfigurationError."""
    name = given or network.register.name_of(asked.peer) or asked.name
    _check_name(name, "member")
    return name


def sign_request(
    network: Network, asked: Asked, out: Path, name: str, days: int = MEMBER_DAYS, now_s: int | None = None
) -> Admission:
    """Admit, or renew, who asked, as `name`, and write the grant to `out`. Raises AdmissionError (name taken, a file in
    the way), ConfigurationError, StorageError."""
    _check_days(days)
    check_free(out)
    membership, leaf = admit(network, asked.public_key, asked.tls_key, name, days, _instant(now_s))
    root_pem, chain_pem = certificates.to_pem(network.certificate), certificates.to_pem(leaf)
    fields = public_fields((network.id, network.name), network.task_text, root_pem, chain_pem, membership)
    save_grant(out, network.root, fields)
    return Admission(membership, _instant(now_s))


def admit(
    network: Network, public_key: bytes, tls_key: ec.EllipticCurvePublicKey, name: str, days: int, now_s: int
) -> tuple[Signed[Membership], x509.Certificate]:
    """Enter a raw Ed25519 public key into the register, and certify its TLS key. Never for longer than the root."""
    root_validity = certificates.validity_of(network.certificate)
    if now_s >= root_validity.not_after_s:
        raise AdmissionError(f"The root of the network {network.name} has expired. Create a new network.")
    validity = Validity.from_now(now_s, days).within(root_validity)
    if validity.not_after_s <= validity.not_before_s:
        raise AdmissionError(f"The root of the network {network.name} begins only later: is this device's clock right?")
    peer = peer_id_of(public_key)
    if network.revocation_of(peer).exists():
        raise AdmissionError(f"{name} ({peer[:8]}) was revoked, and that is final: admit a device with new keys.")
    since_s = min([entry.membership.statement.not_before_s for entry in network.register.of(peer)], default=2**53)
    statement = Membership(network.id, public_key, name, min(since_s, validity.not_before_s), validity.not_after_s)
    membership = sign(network.root, statement)
    network.register.append(Admission(membership, now_s))
    return membership, certificates.new_leaf_certificate(network.root, network.certificate, peer, tls_key, validity)


def revoke_member(network: Network, member: str, now_s: int | None = None) -> tuple[Revocation, Path]:
    """Put a member (its name or PeerId) out for good; the revocation and the file that it is kept in. Said again, it
    is the same one. Raises AdmissionError, StorageError."""
    admission = _admission_of(network, member)
    file = network.revocation_of(admission.peer)
    if file.exists():
        return load_revocation(file, network.root.peer_id), file
    revocation = revoke(network.root, admission.membership, _instant(now_s))
    save_revocation(file, revocation)
    return revocation, file


def _admission_of(network: Network, member: str) -> Admission:
    found = network.register.of(member)
    if not found:
        raise AdmissionError(f"{network.directory} has no member {member!r}: give a name or an id of its register.")
    if len({entry.peer for entry in found}) > 1:
        ids = ", ".join(sorted({entry.peer for entry in found}))
        raise AdmissionError(f"{member!r} was the name of several members; give the id of one: {ids}.")
    return found[-1]


def _write_new_key(directory: Path) -> Identity:
    write_durably(directory / _KEY, _private_pem(Ed25519PrivateKey.generate()), 0o600)
    return _read_key(directory)


def _read_key(directory: Path) -> Identity:
    path = directory / _KEY
    try:
        key = serialization.load_pem_private_key(_read(directory, _KEY), password=None)
    except (ValueError, TypeError):
        raise AdmissionError(f"{path} is damaged. Put it back from a copy of the directory.") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise AdmissionError(f"{path} is no Ed25519 key. Put the right one back.")
    check_private(path, "network's root key")
    return Identity(key.private_bytes_raw())


def _read(directory: Path, name: str) -> bytes:
    try:
        return (directory / name).read_bytes()
    except FileNotFoundError as problem:
        sentence = f"There is no network in {directory} ({name} is missing)"
        raise AdmissionError(f"{sentence}. Create one: hdus-peer network create {directory} --task digits") from problem
    except OSError as problem:
        raise AdmissionError(f"{directory / name} cannot be read: {problem.strerror}.") from problem


def _check_name(name: str, what: str) -> None:
    if not is_name(name):
        raise ConfigurationError(
            f"{name!r} cannot be the name of a {what}; allowed: 1 to 40 letters, digits, '.', '_' or '-'."
        )


def _check_days(days: int) -> None:
    if not 1 <= days <= MEMBER_DAYS_MAX:
        raise ConfigurationError(f"days = {days} is not possible; allowed: from 1 to {MEMBER_DAYS_MAX}.")


def _private_pem(key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _instant(now_s: int | None) -> int:
    return int(time.time()) if now_s is None else now_s
