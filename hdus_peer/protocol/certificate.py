"""What the ledger says of my own leave, as an erasure certificate that is still to be signed.

Rule: a pure function of durable rows: a certificate can be made again at any time, and only ever becomes more complete.
"""

from collections.abc import Iterator

from hdus_peer.domain.certificate import ErasureCertificate, GrantEntry, HolderAnswers, Proof, proof_of
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.unlearning import UnlearnKind
from hdus_peer.protocol.records import GrantRow, MemberRow, ReceiptRow, ReleaseRow, TombstoneRow
from hdus_peer.protocol.state import State


def certificate_of(state: State) -> ErasureCertificate | None:
    """Of the last notice that I signed; None where there is none, or the authority's stands in its place."""
    tombstone = state.get(TombstoneRow, state.me.peer)
    if tombstone is None or tombstone.notice.signer != state.me.peer:
        return None
    grants = sorted(state.all(GrantRow), key=lambda row: row.grant)
    ledger = tuple(
        GrantEntry(row.holder, row.generation, row.grant, row.holder_sequence, row.hold_until_s)
        for row in grants
        if row.generation <= tombstone.through
    )
    holders = sorted({entry.holder for entry in ledger})
    return ErasureCertificate(
        network=state.me.network,
        owner=state.me.peer,
        membership=proof_of(tombstone.membership),
        notice=proof_of(tombstone.notice),
        ledger=ledger,
        answers=tuple(
            answers for holder in sorted({*holders, *_itself(tombstone)}) for answers in _answers(state, holder)
        ),
        broken_at_s=state.row.broken_at_s,
    )


def _itself(tombstone: TombstoneRow) -> list[PeerId]:
    """Whoever forgets samples, and stays, answers for its own device too."""
    return [tombstone.owner] if tombstone.kind == UnlearnKind.FORGET else []


def _answers(state: State, holder: PeerId) -> Iterator[HolderAnswers]:
    if holder == state.me.peer:
        membership = proof_of(state.me.membership)
        yield HolderAnswers(holder, False, membership, tuple(_own_receipt(state)))
        return
    member = state.get(MemberRow, holder)
    if member is not None:
        yield HolderAnswers(holder, member.cloned, proof_of(member.membership), tuple(_proofs(state, holder)))


def _own_receipt(state: State) -> Iterator[Proof]:
    """That of the latest notice, once it is signed; an earlier one says nothing of this one."""
    receipt = state.get(ReceiptRow, state.me.peer, state.me.peer)
    if receipt is not None:
        yield proof_of(receipt.receipt)


def _proofs(state: State, holder: PeerId) -> Iterator[Proof]:
    receipt = state.get(ReceiptRow, state.me.peer, holder)
    release, tombstone = state.get(ReleaseRow, holder), state.get(TombstoneRow, holder)
    if receipt is not None:
        yield proof_of(receipt.receipt)
    if release is not None:
        yield proof_of(release.release)
    if tombstone is not None and tombstone.departure is not None:
        yield proof_of(tombstone.departure)
    if tombstone is not None and tombstone.kind == UnlearnKind.REVOKE:
        yield proof_of(tombstone.notice)
