"""Sound rows looked at together: what is held against what was unlearned, counters against what they count.

Rules
1. A counter may be raised, never lowered: no generation, grant or erasure number is used twice.
2. A state that went backwards is left as it is: the neighbours' echo shows it at the next start, and to raise the
   sequence here would hide it from them.
3. What is dropped without a notice leaves a floor and an erasure, from which the next start signs the release; what a
   tombstone covers leaves an erasure, from which it signs the receipt. Nothing is ever signed here.
"""

from collections.abc import Iterator

from hdus_peer.domain.identity import PeerId
from hdus_peer.protocol.erasure import Cause
from hdus_peer.protocol.records import (
    EquivocationRow,
    ErasureRow,
    FloorRow,
    GrantRow,
    HeldSeedRow,
    OwedReceiptRow,
    OwedReleaseRow,
    OwnSeedRow,
    Phase,
    SelfRow,
    TombstoneRow,
)
from hdus_peer.protocol.step import Delete, Put
from hdus_peer.repository.findings import Amend, Finding, Kind, Owner
from hdus_peer.repository.ledger_check import BACKUP, place_of
from hdus_peer.repository.port import Recovered


def check_state(rows: Recovered, owner: Owner) -> list[Finding]:
    """Everything that contradicts something else. Without the peer's own row nothing is compared."""
    selves = rows.of(SelfRow)
    if not selves:
        return [] if not rows.all() else [_inconsistent("self", "the peer's own counters are gone", BACKUP)]
    return [*_resurrected(rows, selves[0]), *_counters(rows, selves[0]), *_backwards(rows, owner, selves[0])]


def without(row: HeldSeedRow, rows: Recovered, cause: Cause = Cause.LOST, through: int = 0) -> Amend:
    """Stop holding the seed. `through`: that of the tombstone that covers it, else 0."""
    unfinished = (part for each in rows.of(ErasureRow) if each.owner == row.owner for part in each.payloads)
    payloads = (row.payload_sha256, *(unfinished if through else ()))
    erase = ErasureRow(0, row.owner, cause, through, row.grant.statement.grant, tuple(dict.fromkeys(payloads)))
    floor = () if through else (Put(FloorRow(row.owner, row.generation, row.payload_sha256)),)
    return Amend((Delete(HeldSeedRow, (row.owner,)), *floor), erase)


def _inconsistent(what: str, problem: str, remedy: str, amend: Amend | None = None) -> Finding:
    return Finding(Kind.INCONSISTENT, place_of(what), problem, remedy, amend)


# --- held, and not to be held ---------------------------------------------------------------------------------------
def _resurrected(rows: Recovered, me: SelfRow) -> Iterator[Finding]:
    through = {row.owner: row.through for row in rows.of(TombstoneRow)}
    for proof in rows.of(EquivocationRow):
        through[proof.owner] = max(proof.generation, through.get(proof.owner, 0))
    erasing = {payload for row in rows.of(ErasureRow) for payload in row.payloads}
    for held in rows.of(HeldSeedRow):
        if held.generation <= through.get(held.owner, 0):
            what = f"it is held, although everything of its owner through {through[held.owner]} is unlearned"
            amend = without(held, rows, Cause.NOTICE, through[held.owner])
            yield _to_erase(held.owner, what, "It is erased; the next start signs the receipt.", amend)
        elif held.payload_sha256 in erasing or me.phase != Phase.ACTIVE:
            why = "its erasure was decided" if held.payload_sha256 in erasing else "this peer has left"
            remedy = "It is erased; the next start signs the release."
            yield _to_erase(held.owner, f"it is held, although {why}", remedy, without(held, rows))
    for own in rows.of(OwnSeedRow):
        if own.manifest.statement.generation <= through.get(own.owner, 0):
            what = "this peer's own seed is there, although it was unlearned"
            amend = Amend((Delete(OwnSeedRow, (own.owner,)),))
            yield Finding(Kind.RESURRECTED, place_of("own_seed", own.owner), what, "It is erased.", amend)


def _to_erase(owner: PeerId, problem: str, remedy: str, amend: Amend) -> Finding:
    return Finding(Kind.RESURRECTED, place_of("held_seed", owner), problem, remedy, amend)


# --- counters -------------------------------------------------------------------------------------------------------
def _counters(rows: Recovered, me: SelfRow) -> Iterator[Finding]:
    """A grant without a nonce is of a presumed holder, and of a generation that need not exist."""
    generations = [row.manifest.statement.generation for row in rows.of(OwnSeedRow)]
    generations += [row.generation for row in rows.of(GrantRow) if row.run_nonce]
    highest = {
        "generation_highest": max(generations, default=0),
        "through_highest": max((row.through for row in rows.of(TombstoneRow) if row.owner == me.peer), default=0),
        "grant_highest": max((row.grant for row in rows.of(GrantRow)), default=0),
        "erasure_highest": max((row.erasure for row in rows.of(ErasureRow)), default=0),
    }
    for name, least in highest.items():
        if getattr(me, name) < least:
            what = f"{name} is {getattr(me, name)}, and {least} was used already"
            remedy = "It is raised, so that no number is used twice."
            yield _inconsistent("self", what, remedy, Amend(counters=((name, least),)))


def _backwards(rows: Recovered, owner: Owner, me: SelfRow) -> Iterator[Finding]:
    own = [row for row in rows.of(TombstoneRow) if row.owner == owner.peer]
    signed = [row.receipt.statement.state_sequence for row in rows.of(OwedReceiptRow)]
    signed += [row.release.statement.state_sequence for row in rows.of(OwedReleaseRow)]
    signed += [row.grant.statement.holder_sequence for row in rows.of(HeldSeedRow)]
    signed += [row.departure.statement.state_sequence for row in own if row.departure]
    if me.state_sequence < max(signed, default=0):
        what = f"state_sequence is {me.state_sequence}, and {max(signed)} was told to others already"
        remedy = "Start this peer: the neighbours see that it went backwards, and it then begins afresh."
        yield _inconsistent("self", what, remedy)
    if me.phase != Phase.ACTIVE and not own:
        yield _inconsistent("self", f"its phase is {me.phase}, and the notice for it is gone", BACKUP)
