"""A revocation: the root's notice that a member is out for good, as a file that any peer of the network can be told.

Rules
1. It is final: it covers every generation there will ever be. Who is to come back needs a new key.
2. It is kept in the network's directory before anybody hears of it; a member with one is never admitted or renewed.
3. It holds no secret and proves itself: the notice is the root's, and so is the membership beside it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hdus_peer.admission.envelope_text import envelope_from_fields, envelope_to_fields
from hdus_peer.admission.json_file import VERSION, FileFields, FileKind, to_bytes
from hdus_peer.domain.envelope import Signed, open_envelope, sign
from hdus_peer.domain.identity import Identity, PeerId
from hdus_peer.domain.membership import Membership
from hdus_peer.domain.unlearning import THROUGH_MAX, UnlearnKind, UnlearnNotice, ledger_digest
from hdus_peer.durable import write_durably
from hdus_peer.errors import AdmissionError, RemoteError

_ADVICE = "Make it with: hdus-peer network revoke MEMBER --network DIR"


@dataclass(frozen=True, slots=True)
class Revocation:
    """`notice`: of kind `revoke`, by the root; `membership`: the root's statement about who is revoked."""

    notice: Signed[UnlearnNotice]
    membership: Signed[Membership]

    @property
    def peer(self) -> PeerId:
        return self.notice.statement.owner

    @property
    def name(self) -> str:
        return self.membership.statement.name


class RevocationFields(FileFields):
    """The keys of a revocation's file."""

    kind: Literal["revocation"]
    notice: dict[str, str]
    membership: dict[str, str]


_KIND = FileKind("revocation", RevocationFields, _ADVICE, is_secret=False, kind="revocation")


def revoke(root: Identity, membership: Signed[Membership], now_s: int) -> Revocation:
    """The revocation of a member, signed by its network's root."""
    peer = membership.statement.peer
    notice = UnlearnNotice(peer, THROUGH_MAX, UnlearnKind.REVOKE, ledger_digest(()), 0, now_s)
    return Revocation(sign(root, notice), membership)


def save_revocation(path: Path, revocation: Revocation) -> None:
    """Write it durably; the same one may be there already. Raises StorageError."""
    fields = RevocationFields(
        version=VERSION,
        kind="revocation",
        notice=envelope_to_fields(revocation.notice.envelope),
        membership=envelope_to_fields(revocation.membership.envelope),
    )
    write_durably(path, to_bytes(fields), 0o644)


def load_revocation(path: Path, root: PeerId) -> Revocation:
    """Read, and check that it is by the root of this network. Raises AdmissionError."""
    fields = _KIND.read(path)
    try:
        notice = open_envelope(envelope_from_fields(fields.notice), UnlearnNotice)
        membership = open_envelope(envelope_from_fields(fields.membership), Membership)
    except RemoteError as problem:
        raise AdmissionError(f"{path} was changed after it was signed: {problem}. {_ADVICE}") from problem
    is_revocation = notice.statement.kind == UnlearnKind.REVOKE and notice.statement.through == THROUGH_MAX
    if not notice.signer == membership.signer == root:
        raise AdmissionError(f"{path} is not by the authority of this network.")
    if not is_revocation or membership.statement.peer != notice.statement.owner:
        raise AdmissionError(f"{path} is no revocation of a member. {_ADVICE}")
    return Revocation(notice, membership)
