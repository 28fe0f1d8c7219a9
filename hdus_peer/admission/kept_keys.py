"""A device's own keys while it waits for a grant: one secret file in the state directory, which never leaves it.

Rules
1. The file is durable before the request that shows its public keys: no grant can come for keys that are lost.
2. It is never overwritten. Who asks again asks with the same keys.
3. It names the network's root that the device was told to trust. A grant is judged by that one alone.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import Field

from hdus_peer.admission import certificates
from hdus_peer.admission.json_file import VERSION, FileFields, FileKind, check_free, identity_from, to_bytes
from hdus_peer.domain.envelope import to_text
from hdus_peer.domain.identity import Identity
from hdus_peer.durable import remove_durably, write_durably
from hdus_peer.errors import AdmissionError

FILE_NAME = "requested.keys"


@dataclass(frozen=True, slots=True)
class KeptKeys:
    """`network`: the id of the network whose root certificate this is."""

    network: str
    root_public_key: bytes
    root_certificate_pem: bytes = field(repr=False)
    identity: Identity
    tls_key: ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def new(cls, root_certificate_pem: bytes, identity: Identity) -> "KeptKeys":
        """A fresh TLS key for `identity`. Raises AdmissionError where the certificate is no network's root."""
        return _joined(root_certificate_pem, identity, certificates.new_tls_key())

    @property
    def tls_key_pem(self) -> bytes:
        return self.tls_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


class _KeptFields(FileFields):
    kind: Literal["kept keys"]
    root_certificate: str
    identity_key: str = Field(repr=False)
    tls_key: str = Field(repr=False)


_KIND = FileKind(
    "file of kept keys", _KeptFields, "Remove it, and ask anew: hdus-peer network request.",
    is_secret=True, kind="kept keys",
)  # fmt: skip


def keep(keys: KeptKeys, state: Path) -> None:
    """Write the file, mode 0600. Raises AdmissionError where there is one already, StorageError."""
    check_free(state / FILE_NAME)
    fields = _KeptFields(
        kind="kept keys",
        version=VERSION,
        root_certificate=keys.root_certificate_pem.decode("ascii"),
        identity_key=to_text(keys.identity.private_bytes()),
        tls_key=keys.tls_key_pem.decode("ascii"),
    )
    write_durably(state / FILE_NAME, to_bytes(fields), 0o600)


def kept(state: Path) -> KeptKeys | None:
    """The keys that wait in this state directory. Raises AdmissionError where the file cannot be used."""
    path = state / FILE_NAME
    if not os.path.lexists(path):
        return None
    fields = _KIND.read(path)
    try:
        tls_key = _tls_key(fields.tls_key.encode("utf-8"))
        return _joined(fields.root_certificate.encode("utf-8"), identity_from(fields.identity_key), tls_key)
    except AdmissionError as problem:
        raise AdmissionError(f"The kept keys {path} cannot be used: {problem} {_KIND.advice}") from problem


def forget(state: Path) -> None:
    """The grant has come: the keys are in the credentials now. Raises StorageError."""
    remove_durably(state / FILE_NAME)


def _joined(root_pem: bytes, identity: Identity, tls_key: ec.EllipticCurvePrivateKey) -> KeptKeys:
    _, root_public_key = certificates.read_root(root_pem)
    return KeptKeys(certificates.network_id(root_public_key), root_public_key, root_pem, identity, tls_key)


def _tls_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        raise AdmissionError("the TLS key is damaged.") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise AdmissionError("the TLS key is not of the curve P-256.")
    return key
