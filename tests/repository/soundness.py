"""A state directory that is sound and holds a row of every table, for tests that plant what is wrong."""

from pathlib import Path

from hdus_peer.domain.envelope import sign
from hdus_peer.domain.identity import Identity
from hdus_peer.domain.unlearning import Departure, ErasureReceipt, SeedRelease, UnlearnNotice
from hdus_peer.protocol.records import (
    ErasureRow,
    FloorRow,
    ForgottenRow,
    GrantRow,
    MemberRow,
    OwedReceiptRow,
    OwedReleaseRow,
    Phase,
    ReceiptRow,
    ReleaseRow,
    Row,
    SelfRow,
    TombstoneRow,
)
from hdus_peer.protocol.step import Put
from hdus_peer.repository.durable import DurableRepository
from hdus_peer.repository.findings import Owner
from hdus_peer.repository.forgotten import forgotten_directory
from tests.contracts.repository import fetch
from tests.repository import samples

GONE, SLOW = Identity(bytes([4]) * 32), Identity(bytes([5]) * 32)
OWNER = Owner(samples.ME.peer_id, samples.ROOT.peer_id)
OWN, HELD = samples.payload_of(1), samples.payload_of(2)
OWN_SHA, HELD_SHA = samples.sha256(OWN), samples.sha256(HELD)
FORGOTTEN = b"".join(b"%064x\n" % number for number in (1, 2))
GENERATION, THROUGH, GRANT = 8, 5, 8
ME = SelfRow(samples.ME.peer_id, Phase.ACTIVE, 40, GENERATION, 2, 3, 6, 0, 0, 1, 0)


def rows() -> tuple[Row, ...]:
    """What a peer's ledger holds after a while."""
    me, other = samples.ME.peer_id, samples.OWNER.peer_id
    receipt = ErasureReceipt(me, GONE.peer_id, THROUGH, ("aa" * 32,), 2, 30, "nonce", 1_700_000_002)
    release = SeedRelease(me, SLOW.peer_id, 2, "displaced", 31, 1_700_000_003)
    answer = ErasureReceipt(SLOW.peer_id, me, 2, (), 1, 9, "nonce", 1_700_000_004)
    return (
        ME,
        MemberRow(other, samples.membership(samples.OWNER), samples.hello(samples.OWNER), False),
        MemberRow(SLOW.peer_id, samples.membership(SLOW), None, True),
        tombstone(GONE, THROUGH),
        ErasureRow(6, SLOW.peer_id, "superseded", 0, 1, ("bb" * 32,)),
        samples.own_seed(OWN, GENERATION),
        samples.held_seed(HELD, GRANT),
        GrantRow(3, other, GENERATION, 5, "nonce", 6, 7, ""),
        ReceiptRow(me, SLOW.peer_id, sign(SLOW, answer)),
        ReleaseRow(SLOW.peer_id, sign(SLOW, SeedRelease(SLOW.peer_id, me, 1, "superseded", 8, 1_700_000_004))),
        OwedReceiptRow(GONE.peer_id, sign(samples.ME, receipt)),
        OwedReleaseRow(SLOW.peer_id, sign(samples.ME, release)),
        FloorRow(SLOW.peer_id, 7, "cc" * 32),
        samples.equivocation(SLOW, 6),
        ForgottenRow(samples.sha256(FORGOTTEN), 2, 2),
    )


def tombstone(owner: Identity, through: int, kind: str = "leave") -> TombstoneRow:
    notice = sign(owner, UnlearnNotice(owner.peer_id, through, kind, "0a" * 32, 1, 1_700_000_000))
    departure = sign(owner, Departure(owner.peer_id, 9, 1_700_000_001))
    return TombstoneRow(owner.peer_id, through, kind, notice, samples.membership(owner), departure)


def build(directory: Path) -> Path:
    """Make it; the directory."""
    repository = DurableRepository(directory)
    for number, payload in ((1, OWN), (2, HELD)):
        repository.put_key(fetch(repository, payload), samples.key_of_payload(number))
    forgotten = forgotten_directory(directory)
    forgotten.mkdir()
    (forgotten / samples.sha256(FORGOTTEN)).write_bytes(FORGOTTEN)
    repository.commit([Put(row) for row in rows()])
    repository.close()
    return directory


def add(directory: Path, *rows: Row) -> None:
    """Write rows as they are, whatever they contradict."""
    repository = DurableRepository(directory)
    repository.commit([Put(row) for row in rows])
    repository.close()
