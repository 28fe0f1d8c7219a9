"""The erasure certificate: a leaver's notice with everybody's answer, as one file that anyone can verify offline.

Rules
1. What it needs is in it; the verifier brings the network's root key alone, and the date for which it asks: that tells
   pending from lapsed, and nothing else. Nothing is looked up, no clock is read.
2. It is signed as a whole by whom the notice is from, and every statement in it by its own author: no byte of it can
   change unnoticed, and its issuer cannot speak for a holder.
3. An entry of the ledger is closed by its holder's receipt through its generation, release through its grant, or
   departure above the sequence of its request; each judged at its own date. Anything else is never silently done: it is
   pending; revoked, where the authority put the holder out, which answers nobody since; or lapsed, once its lease is
   over, and `LAPSE_SLACK_S`: its holder has erased by itself, or does so before it next opens a port, if it is honest.
   A holder whose identity was seen twice counts as cloned, whatever it signed.
4. A peer that forgot samples stays: its own receipt, that nothing learned from them is left on its device, is asked for
   as that of a holder.
5. It says: each identity that the owner listed before it knew who would answer has signed that it holds nothing. It
   does not say that nobody kept a copy, that an identity is one device, or that clocks were true.

The file is two lines of ASCII. The first is the canonical JSON of `ErasureCertificate`, exactly the bytes that were
signed; the second, `{"public_key":…,"signature":…}` with unpadded base64url, the signature over DSSE's
pre-authentication encoding of `ErasureCertificate.TYPE` and the first line.
"""

import enum
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from hdus_peer.domain.envelope import (
    Signed,
    SignedEnvelope,
    Statement,
    from_text,
    open_envelope,
    to_text,
)
from hdus_peer.domain.identity import PeerId, peer_id_of
from hdus_peer.domain.membership import Membership
from hdus_peer.domain.seed import GENERATION_MAX, is_lapsed
from hdus_peer.domain.unlearning import (
    Departure,
    ErasureReceipt,
    LedgerEntry,
    SeedRelease,
    UnlearnKind,
    UnlearnNotice,
    ledger_digest,
)
from hdus_peer.errors import ForgedError, MalformedError

CERTIFICATE_BYTES_MAX = 16 * 1024 * 1024

S = TypeVar("S", bound=Statement)


@dataclass(frozen=True, slots=True)
class Proof:
    """A signed statement without its author's key, which the verifier knows from elsewhere: the root's is given, a
    member's is in its membership. `payload` is the text that was signed."""

    kind: str
    payload: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class GrantEntry:
    """A row of the holder ledger: as the notice commits to it, with the sequence of the request that it answered, and
    until when (Unix s, by the owner's clock) its holder may hold the seed at most."""

    holder: PeerId
    generation: int
    grant: int
    holder_sequence: int
    hold_until_s: int


@dataclass(frozen=True, slots=True)
class HolderAnswers:
    """A holder's membership (by the root), and what it signed: any of receipt, release, departure; beside these, where
    it was revoked, the root's notice about it. `cloned`: two devices were seen under this identity."""

    holder: PeerId
    cloned: bool
    membership: Proof
    proofs: tuple[Proof, ...]


@dataclass(frozen=True, slots=True)
class ErasureCertificate(Statement):
    """Signed by whoever signed the notice. `ledger` in the order of grants, `answers` in that of PeerIds; a listed
    holder without an entry in `answers` has not answered. `broken_at_s`: when the owner's own state was found to have
    gone backwards (0: never); its ledger may have lost rows before."""

    TYPE: ClassVar[str] = "hdus/erasure-certificate/v1"
    network: str
    owner: PeerId
    membership: Proof
    notice: Proof
    ledger: tuple[GrantEntry, ...]
    answers: tuple[HolderAnswers, ...]
    broken_at_s: int


class Standing(enum.StrEnum):
    """How a listed holder stands. Only the first three are an answer that counts."""

    RECEIPT = "receipt"
    RELEASE = "release"
    DEPARTURE = "departure"
    PENDING = "pending"
    REVOKED = "revoked"
    LAPSED = "lapsed"
    CLONED = "cloned"


@dataclass(frozen=True, slots=True)
class HolderVerdict:
    """`standing`: by what the last of the holder's entries is closed; `grants`: how many entries it has;
    `answered_at_s`: the date of its latest answer (0: none), by its own clock; `hold_until_s`: when its lease ends;
    `revoked_at_s`: when the authority revoked it, by its clock (0: never)."""

    holder: PeerId
    name: str
    standing: Standing
    grants: int
    answered_at_s: int
    hold_until_s: int
    revoked_at_s: int = 0

    @property
    def is_confirmed(self) -> bool:
        return self.standing in (Standing.RECEIPT, Standing.RELEASE, Standing.DEPARTURE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a certificate that verified says. `through`: the highest generation that was unlearned."""

    network: str
    owner: PeerId
    name: str
    kind: str
    through: int
    issued_at_s: int
    broken_at_s: int
    holders: tuple[HolderVerdict, ...]

    @property
    def confirmed(self) -> int:
        return sum(holder.is_confirmed for holder in self.holders)

    @property
    def pending(self) -> tuple[HolderVerdict, ...]:
        """All that have given no answer that counts, whatever is to be expected of them."""
        return tuple(holder for holder in self.holders if not holder.is_confirmed)

    @property
    def is_complete(self) -> bool:
        return not self.pending


def proof_of(signed: Signed[S]) -> Proof:
    """`signed` without its author's key."""
    envelope = signed.envelope
    return Proof(envelope.payload_type, envelope.payload.decode("ascii"), envelope.signature)


def to_file(certificate: Signed[ErasureCertificate]) -> bytes:
    """The certificate as a file."""
    envelope = certificate.envelope
    return b"%s\n%s\n" % (envelope.payload, _seal(envelope.public_key, envelope.signature))


def verify_file(content: bytes, root_public_key: bytes, at_s: int = 0) -> Verdict:
    """What the certificate in `content` says at `at_s` (Unix s; 0: no lease counts as over), under the network whose
    root has the raw Ed25519 `root_public_key`. Raises MalformedError (no certificate, or an altered one) or ForgedError
    (a signature or an author that does not fit)."""
    envelope = _envelope(content)
    certificate = open_envelope(envelope, ErasureCertificate, bytes_max=CERTIFICATE_BYTES_MAX)
    return _Verifier(certificate.statement, certificate.signer, root_public_key, at_s).verdict()


def _seal(public_key: bytes, signature: bytes) -> bytes:
    fields = {"public_key": to_text(public_key), "signature": to_text(signature)}
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode("ascii")


def _envelope(content: bytes) -> SignedEnvelope:
    if len(content) > CERTIFICATE_BYTES_MAX:
        raise MalformedError(f"this is no certificate: at most {CERTIFICATE_BYTES_MAX} bytes are read")
    lines = content.split(b"\n")
    if len(lines) != 3 or lines[2]:
        raise MalformedError("this is no certificate: it has two lines; export it again")
    try:
        seal = json.loads(lines[1])
        public_key, signature = from_text(seal["public_key"]), from_text(seal["signature"])
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise MalformedError("the certificate's signature was altered; export it again") from problem
    if lines[1] != _seal(public_key, signature):
        raise MalformedError("the certificate's signature was altered; export it again")
    return SignedEnvelope(ErasureCertificate.TYPE, lines[0], public_key, signature)


class _Verifier:
    """One certificate under one root, at one date."""

    def __init__(self, certificate: ErasureCertificate, signer: PeerId, root_public_key: bytes, at_s: int) -> None:
        self._certificate, self._signer, self._root, self._at_s = certificate, signer, root_public_key, at_s

    def verdict(self) -> Verdict:
        certificate = self._certificate
        membership = self._membership(certificate.membership, certificate.owner)
        notice = self._notice(membership)
        self._check_ledger(notice)
        answers = {answer.holder: answer for answer in certificate.answers}
        if len(answers) != len(certificate.answers):
            raise MalformedError("the certificate lists a holder's answers twice")
        entries: dict[PeerId, list[GrantEntry]] = {}
        for entry in certificate.ledger:
            entries.setdefault(entry.holder, []).append(entry)
        return Verdict(
            network=certificate.network,
            owner=certificate.owner,
            name=membership.name,
            kind=notice.kind,
            through=notice.through,
            issued_at_s=notice.issued_at_s,
            broken_at_s=certificate.broken_at_s,
            holders=tuple(self._holder(rows, answers.get(holder)) for holder, rows in sorted(entries.items()))
            + tuple(self._itself(notice, answers.get(certificate.owner))),
        )

    def _itself(self, notice: UnlearnNotice, answers: HolderAnswers | None) -> "Iterator[HolderVerdict]":
        """The owner's own entry, of a notice after which it stays: closed by a receipt alone."""
        if notice.kind == UnlearnKind.FORGET:
            yield self._holder([GrantEntry(notice.owner, notice.through, GENERATION_MAX, GENERATION_MAX, 0)], answers)

    def _membership(self, proof: Proof, member: PeerId) -> Membership:
        membership = _opened(proof, Membership, self._root).statement
        if membership.peer != member or membership.network != self._certificate.network:
            raise ForgedError("a membership in the certificate is somebody else's, or of another network")
        return membership

    def _notice(self, membership: Membership) -> UnlearnNotice:
        """Signed by the owner, or by the root; and the certificate by the same."""
        by_root = self._signer == peer_id_of(self._root)
        notice = _opened(self._certificate.notice, UnlearnNotice, self._root if by_root else membership.public_key)
        statement = notice.statement
        if notice.signer != self._signer or statement.owner != self._certificate.owner:
            raise ForgedError("the certificate is not by whom its notice is")
        if statement.kind == UnlearnKind.REVOKE and not by_root:
            raise ForgedError("only the authority revokes")
        return statement

    def _check_ledger(self, notice: UnlearnNotice) -> None:
        entries = tuple(LedgerEntry(row.holder, row.generation, row.grant) for row in self._certificate.ledger)
        if len(entries) != notice.ledger_entries or ledger_digest(entries) != notice.ledger_sha256:
            raise ForgedError("the holder ledger is not the one that the notice committed to")

    def _holder(self, entries: list[GrantEntry], answers: HolderAnswers | None) -> HolderVerdict:
        holder, until_s = entries[0].holder, max(entry.hold_until_s for entry in entries)
        if answers is None:
            return HolderVerdict(holder, "", self._standing(entries, [], False), len(entries), 0, until_s)
        membership, revoked_at_s = self._membership(answers.membership, holder), self._revoked_at_s(answers)
        signed = list(self._statements(answers, membership))
        date_s = max((statement.issued_at_s for statement in signed), default=0)
        standing = Standing.CLONED if answers.cloned else self._standing(entries, signed, bool(revoked_at_s))
        return HolderVerdict(holder, membership.name, standing, len(entries), date_s, until_s, revoked_at_s)

    def _standing(self, entries: list[GrantEntry], signed: "list[_Answer]", is_revoked: bool) -> Standing:
        closed_by = [_closing(entry, signed) for entry in entries]
        unclosed = [entry for entry, by in zip(entries, closed_by, strict=True) if by == Standing.PENDING]
        if not unclosed:
            return closed_by[-1]
        if all(is_lapsed(entry.hold_until_s, self._at_s) for entry in unclosed):
            return Standing.LAPSED
        return Standing.REVOKED if is_revoked else Standing.PENDING

    def _revoked_at_s(self, answers: HolderAnswers) -> int:
        """When the authority revoked the holder, by the notice beside its answers; 0 where there is none."""
        found = [proof for proof in answers.proofs if proof.kind == UnlearnNotice.TYPE]
        notices = [_opened(proof, UnlearnNotice, self._root).statement for proof in found]
        if any((notice.owner, notice.kind) != (answers.holder, UnlearnKind.REVOKE) for notice in notices):
            raise ForgedError("a notice beside a holder's answers is not its revocation")
        return max((notice.issued_at_s for notice in notices), default=0)

    def _statements(self, answers: HolderAnswers, membership: Membership) -> Iterator["_Answer"]:
        """Those that the holder signed while it was a member, about this owner."""
        for proof in answers.proofs:
            if proof.kind == UnlearnNotice.TYPE:
                continue  # the authority's word, not the holder's
            if proof.kind not in _ANSWERS:
                raise MalformedError(f"a {proof.kind[:40]!r} is no answer of a holder")
            statement = _opened(proof, _ANSWERS[proof.kind], membership.public_key).statement
            is_about_this = isinstance(statement, Departure) or statement.owner == self._certificate.owner
            if statement.holder != answers.holder or not is_about_this:
                raise ForgedError("an answer in the certificate is about somebody else")
            if membership.covers(statement.issued_at_s):
                yield statement


_Answer = ErasureReceipt | SeedRelease | Departure
_ANSWERS: dict[str, type[_Answer]] = {kind.TYPE: kind for kind in (ErasureReceipt, SeedRelease, Departure)}


def _opened(proof: Proof, kind: type[S], public_key: bytes) -> Signed[S]:
    if proof.kind != kind.TYPE:
        raise MalformedError(f"expected a {kind.TYPE} in the certificate, got {proof.kind[:40]!r}")
    if not proof.payload.isascii():
        raise MalformedError(f"the {kind.TYPE} in the certificate is not ASCII")
    return open_envelope(SignedEnvelope(kind.TYPE, proof.payload.encode(), public_key, proof.signature), kind)


def _closing(entry: GrantEntry, answers: list[_Answer]) -> Standing:
    for answer in answers:
        if isinstance(answer, ErasureReceipt) and answer.through >= entry.generation:
            return Standing.RECEIPT
        if isinstance(answer, SeedRelease) and answer.grant >= entry.grant:
            return Standing.RELEASE
        if isinstance(answer, Departure) and answer.state_sequence > entry.holder_sequence:
            return Standing.DEPARTURE
    return Standing.PENDING
