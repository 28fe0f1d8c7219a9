"""One row of a ledger looked at by itself: do its signatures verify, and does it say what its statements say?

Rule: nothing is believed because it was stored: what the daemon checked once at the wire is checked here again. What
rows say about one another is `state_check`'s.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from hdus_peer.domain.envelope import Signed, open_envelope
from hdus_peer.domain.seed import is_equivocation
from hdus_peer.domain.unlearning import UnlearnKind
from hdus_peer.errors import RemoteError
from hdus_peer.protocol.erasure import Cause
from hdus_peer.protocol.records import (
    EquivocationRow,
    ErasureRow,
    FloorRow,
    ForgottenRow,
    GrantRow,
    HeldSeedRow,
    MemberRow,
    OwedReceiptRow,
    OwedReleaseRow,
    OwnSeedRow,
    Phase,
    ReceiptRow,
    ReleaseRow,
    Row,
    SelfRow,
    TombstoneRow,
)
from hdus_peer.repository.findings import Owner
from hdus_peer.repository.port import is_payload_hash

PROOFS = frozenset({"", "receipt", "release", "departure"})


def problem_of(row: Row, owner: Owner) -> str:
    """What is wrong with the row, as the end of a sentence; "" where nothing is."""
    for field in dataclasses.fields(row):
        value = getattr(row, field.name)
        if isinstance(value, Signed):
            problem = _signature_problem(value)
            if problem:
                return problem
    agrees = _AGREEMENTS.get(type(row))
    return "" if agrees is None or agrees(row, owner) else "its fields and what was signed contradict one another"


def _signature_problem(signed: Signed[Any]) -> str:
    try:
        open_envelope(signed.envelope, type(signed.statement))
    except RemoteError as problem:
        return str(problem)
    return ""


def _self(row: SelfRow, owner: Owner) -> bool:
    counters = [value for field in dataclasses.fields(row) if isinstance(value := getattr(row, field.name), int)]
    return row.peer == owner.peer and row.phase in set(Phase) and min(counters) >= 0


def _member(row: MemberRow, owner: Owner) -> bool:
    is_admitted = row.membership.signer == owner.root and row.membership.statement.peer == row.peer
    return is_admitted and (row.hello is None or row.hello.signer == row.hello.statement.peer == row.peer)


def _tombstone(row: TombstoneRow, owner: Owner) -> bool:
    notice, membership, departure = row.notice.statement, row.membership, row.departure
    authors = {owner.root} if row.kind == UnlearnKind.REVOKE else {owner.root, row.owner}
    is_told = (notice.owner, notice.through, notice.kind) == (row.owner, row.through, row.kind)
    is_admitted = membership.signer == owner.root and membership.statement.peer == row.owner
    has_departed = departure is None or departure.signer == departure.statement.holder == row.owner
    return is_told and row.notice.signer in authors and is_admitted and has_departed


def _erasure(row: ErasureRow, owner: Owner) -> bool:
    return row.cause in set(Cause) and all(map(is_payload_hash, row.payloads))


def _own_seed(row: OwnSeedRow, owner: Owner) -> bool:
    seed = row.manifest.statement
    return row.owner == seed.owner == row.manifest.signer == owner.peer and is_payload_hash(seed.payload_sha256)


def _held_seed(row: HeldSeedRow, owner: Owner) -> bool:
    seed, grant = row.manifest.statement, row.grant.statement
    what = (row.owner, row.generation, row.payload_sha256)
    is_sealed = what == (seed.owner, seed.generation, seed.payload_sha256) and is_payload_hash(row.payload_sha256)
    is_granted = what == (grant.owner, grant.generation, grant.payload_sha256) and grant.holder == owner.peer
    signers = {row.manifest.signer, row.grant.signer, row.lease.signer if row.lease else row.owner}
    return is_sealed and is_granted and signers == {row.owner} and row.owner != owner.peer


def _grant(row: GrantRow, owner: Owner) -> bool:
    return row.closed_by in PROOFS


def _receipt(row: ReceiptRow, owner: Owner) -> bool:
    receipt = row.receipt.statement
    return receipt.owner == row.owner and row.receipt.signer == receipt.holder == row.holder


def _release(row: ReleaseRow, owner: Owner) -> bool:
    release = row.release.statement
    return release.owner == owner.peer and row.release.signer == release.holder == row.holder


def _owed_receipt(row: OwedReceiptRow, owner: Owner) -> bool:
    receipt = row.receipt.statement
    return receipt.owner == row.owner and row.receipt.signer == receipt.holder == owner.peer


def _owed_release(row: OwedReleaseRow, owner: Owner) -> bool:
    release = row.release.statement
    return release.owner == row.owner and row.release.signer == release.holder == owner.peer


def _floor(row: FloorRow, owner: Owner) -> bool:
    return is_payload_hash(row.payload_sha256)


def _forgotten(row: ForgottenRow, owner: Owner) -> bool:
    return is_payload_hash(row.samples_sha256) and row.samples > 0 and row.through > 0


def _equivocation(row: EquivocationRow, owner: Owner) -> bool:
    first, second, membership = row.first, row.second, row.membership
    signers = {first.signer, second.signer, first.statement.owner, membership.statement.peer}
    is_about_this = row.generation == first.statement.generation and membership.signer == owner.root
    return signers == {row.owner} and is_about_this and is_equivocation(first.statement, second.statement)


_AGREEMENTS: dict[type[Row], Callable[[Any, Owner], bool]] = {
    SelfRow: _self,
    MemberRow: _member,
    TombstoneRow: _tombstone,
    ErasureRow: _erasure,
    OwnSeedRow: _own_seed,
    HeldSeedRow: _held_seed,
    GrantRow: _grant,
    ReceiptRow: _receipt,
    ReleaseRow: _release,
    OwedReceiptRow: _owed_receipt,
    OwedReleaseRow: _owed_release,
    FloorRow: _floor,
    ForgottenRow: _forgotten,
    EquivocationRow: _equivocation,
}
