"""The authority's answer to a request: everything of a credentials file but the keys, under one seal of the root.

Rules
1. The seal covers every field. A grant may be carried over any way: what was changed on it is refused.
2. The device judges it by the root certificate that it was given before it asked, not by the one in the file.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from hdus_peer.admission.credentials import PublicFields
from hdus_peer.admission.envelope_text import envelope_from_fields, envelope_to_fields
from hdus_peer.admission.json_file import FileKind, check_free, to_bytes
from hdus_peer.domain.envelope import Statement, open_envelope, sign
from hdus_peer.domain.identity import Identity
from hdus_peer.domain.membership import Membership
from hdus_peer.durable import write_durably
from hdus_peer.errors import AdmissionError, ForgedError, MalformedError, RemoteError

_ADVICE = "Ask whoever runs the network to sign the request again (hdus-peer network sign)."


@dataclass(frozen=True, slots=True)
class GrantSeal(Statement):
    """Signed by the network's root: these fields were given out together. Hashes are SHA-256 (hex) of the texts;
    `membership` is the digest of its envelope."""

    TYPE: ClassVar[str] = "hdus/grant-seal/v1"
    network: str
    network_name: str
    member: str
    root_certificate: str
    task: str
    tls_chain: str
    membership: str


class GrantFields(PublicFields):
    """The keys of a grant's file."""

    kind: Literal["grant"]
    seal: dict[str, str]


_KIND = FileKind("grant", GrantFields, _ADVICE, is_secret=False, kind="grant")


def save_grant(path: Path, root: Identity, fields: PublicFields) -> None:
    """Seal and write it. Raises AdmissionError where a file is in the way, StorageError."""
    check_free(path)
    seal = envelope_to_fields(sign(root, _seal_of(fields)).envelope)
    write_durably(path, to_bytes(GrantFields(**dict(fields), kind="grant", seal=seal)), 0o644)


def load_grant(path: Path, network: str, root_public_key: bytes) -> PublicFields:
    """Read, and check that it is whole and of the `network` (id) whose root has this raw Ed25519 public key.
    Raises AdmissionError."""
    fields = _KIND.read(path)
    if fields.network.id != network:
        sentence = f"The grant {path} is of the network {fields.network.id[:16]}, and {network[:16]} was asked"
        raise AdmissionError(f"{sentence}. Take the one that answers this device's request.")
    try:
        _check_seal(fields, root_public_key)
    except MalformedError as problem:
        raise AdmissionError(f"The grant {path} is damaged: {problem}. {_ADVICE}") from problem
    except RemoteError as problem:
        raise AdmissionError(f"The grant {path} was changed after it was signed ({problem}). {_ADVICE}") from problem
    return fields


def _check_seal(fields: GrantFields, root_public_key: bytes) -> None:
    seal = open_envelope(envelope_from_fields(fields.seal), GrantSeal)
    if seal.envelope.public_key != root_public_key:
        raise ForgedError("its seal is not by the network's root")
    if seal.statement != _seal_of(fields):
        raise ForgedError("its seal is that of another grant")


def _seal_of(fields: PublicFields) -> GrantSeal:
    return GrantSeal(
        network=fields.network.id,
        network_name=fields.network.name,
        member=fields.member,
        root_certificate=_sha256(fields.root_certificate),
        task=_sha256(fields.task),
        tls_chain=_sha256(fields.tls_chain),
        membership=open_envelope(envelope_from_fields(fields.membership), Membership).envelope.digest,
    )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
