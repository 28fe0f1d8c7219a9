"""The device's side of admission: keys are made here and stay here; a request goes out, a grant comes in.

Rules
1. An identity is made once for a state directory. A renewal asks with the same identity, and a fresh TLS key.
2. A grant becomes credentials only if it is of the network that was asked, whole, and made for the keys that wait here.
3. Credentials are replaced by later ones of the same identity and network alone, in one step; `renews` is the rule, for
   a grant as for a credentials file that is given at a start.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from hdus_peer.admission.credentials import (
    Credentials,
    CredentialsFields,
    PublicFields,
    load_undated,
    replace,
    verified,
)
from hdus_peer.admission.grant import load_grant
from hdus_peer.admission.json_file import check_free, read_bounded
from hdus_peer.admission.kept_keys import KeptKeys, forget, keep, kept
from hdus_peer.admission.request import save_request
from hdus_peer.admission.task_file import is_name
from hdus_peer.domain.envelope import to_text
from hdus_peer.domain.identity import Identity, PeerId
from hdus_peer.errors import AdmissionError, ConfigurationError

CREDENTIALS_NAME = "credentials"
_ROOT = "Bring root.pem from the network's directory; it is public."
_RENEW = "To renew it: hdus-peer network request --renew"


@dataclass(frozen=True, slots=True)
class Requested:
    """What was asked for: `network` (id), the wished `name`, and who asked."""

    network: str
    name: str
    peer: PeerId


def request_admission(state: Path, name: str, root: Path, out: Path) -> Requested:
    """Make keys for a new member, keep them in `state`, and write the request to `out`. `root`: the network's root
    certificate. Raises AdmissionError, ConfigurationError, StorageError."""
    if not is_name(name):
        raise ConfigurationError(f"{name!r} cannot be a name; allowed: 1 to 40 letters, digits, '.', '_' or '-'.")
    if os.path.lexists(state / CREDENTIALS_NAME):
        raise AdmissionError(f"{state} has credentials already. {_RENEW}; for another member choose another --state.")
    pem = read_bounded(root, "root certificate", _ROOT)
    return _ask(state, out, name, pem, None)


def member_of(state: Path) -> str:
    """The name of the member that this device is. Raises AdmissionError where it is none."""
    return load_undated(state / CREDENTIALS_NAME).member


def request_renewal(state: Path, out: Path) -> Requested:
    """Ask for a later certificate of the identity whose credentials are in `state`, expired or not. Raises as above."""
    credentials = load_undated(state / CREDENTIALS_NAME)
    return _ask(state, out, credentials.member, credentials.root_certificate_pem, credentials.identity)


def _ask(state: Path, out: Path, name: str, root_pem: bytes, identity: Identity | None) -> Requested:
    check_free(out)
    fresh = KeptKeys.new(root_pem, identity or Identity.generate())
    keys = kept(state)
    if keys is None:
        keep(fresh, state)
        keys = fresh
    elif keys.network != fresh.network or (identity and keys.identity.peer_id != identity.peer_id):
        sentence = f"Keys for another network or member wait in {state}"
        raise AdmissionError(f"{sentence}. Take that grant first, or choose another --state.")
    save_request(out, keys.network, name, keys.identity, keys.tls_key)
    return Requested(keys.network, name, keys.identity.peer_id)


def accept(state: Path, grant: Path, now_s: int | None = None) -> Credentials:
    """Join a grant and the keys that wait in `state` to credentials there. Raises AdmissionError, StorageError."""
    keys = kept(state)
    if keys is None:
        raise AdmissionError(
            f"No keys wait in {state} for a grant: it was taken already, or the request was made with another --state."
        )
    credentials = _granted(grant, keys)
    try:
        credentials.check_dates(int(time.time()) if now_s is None else now_s)
    except AdmissionError as problem:
        raise AdmissionError(f"The grant {grant} cannot be used: {problem}") from problem
    path = state / CREDENTIALS_NAME
    if os.path.lexists(path):
        renews(load_undated(path), credentials, path, grant)
    replace(credentials, path)
    forget(state)
    return credentials


def _granted(grant: Path, keys: KeptKeys) -> Credentials:
    fields = load_grant(grant, keys.network, keys.root_public_key)
    identity_key = to_text(keys.identity.private_bytes())
    public = {name: getattr(fields, name) for name in PublicFields.model_fields}
    try:
        return verified(
            CredentialsFields(**public, identity_key=identity_key, tls_key=keys.tls_key_pem.decode("ascii"))
        )
    except (AdmissionError, ConfigurationError) as problem:
        sentence = f"The grant {grant} does not answer the request of this device: {problem}"
        raise AdmissionError(f"{sentence} Take the one that was signed for {keys.identity.peer_id[:8]}.") from problem


def renews(had: Credentials, given: Credentials, kept_at: Path, file: Path) -> bool:
    """Whether `given` (from `file`) takes the place of `had`; False where it is the same. Raises AdmissionError where
    it must not: another member's, another network's, or an earlier one."""
    place = kept_at.parent
    if given.peer_id != had.peer_id:
        raise AdmissionError(
            f"{place} belongs to {had.member}, and {file} is another member's: choose another --state."
        )
    if given.network != had.network:
        sentence = f"{place} is of the network {had.network_name}, and {file} of another"
        raise AdmissionError(f"{sentence}: choose another --state.")
    if given.certificate_chain_pem == had.certificate_chain_pem:
        return False
    if given.issued_s < had.issued_s:
        sentence = f"{file} is older than the credentials that {place} has already"
        raise AdmissionError(f"{sentence}: leave it out, or take the later file.")
    return True
