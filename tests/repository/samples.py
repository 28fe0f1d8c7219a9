"""Rows, statements and payloads for tests of repositories: small, signed for real, the same at every run."""

import hashlib
import random

from hdus_peer.domain.envelope import Signed, sign
from hdus_peer.domain.identity import Identity
from hdus_peer.domain.membership import Hello, Membership
from hdus_peer.domain.seed import KeyGrant, LeaseRenewal, SeedManifest
from hdus_peer.domain.unlearning import Departure, ErasureReceipt, SeedRelease, UnlearnNotice
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

ME = Identity(bytes([1]) * 32)
OWNER = Identity(bytes([2]) * 32)
ROOT = Identity(bytes([3]) * 32)
PAYLOAD_BYTES = 3000


def payload_of(number: int, size: int = PAYLOAD_BYTES) -> bytes:
    return random.Random(f"payload {number}").randbytes(size)


def key_of_payload(number: int) -> bytes:
    return random.Random(f"key {number}").randbytes(32)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def manifest_of(identity: Identity, payload: bytes, generation: int) -> SeedManifest:
    return SeedManifest(
        owner=identity.peer_id,
        generation=generation,
        task="ab" * 32,
        architecture="mlp",
        parameters=(),
        schema_sha256="cd" * 32,
        payload_sha256=sha256(payload),
        payload_bytes=len(payload),
        reference="ef" * 32,
    )


def own_seed(payload: bytes, generation: int = 1) -> OwnSeedRow:
    return OwnSeedRow(ME.peer_id, sign(ME, manifest_of(ME, payload, generation)))


def held_seed(payload: bytes, generation: int = 1, owner: Identity = OWNER) -> HeldSeedRow:
    grant = KeyGrant(owner.peer_id, generation, sha256(payload), ME.peer_id, generation, "nonce", 7, 1_700_000_000)
    lease = LeaseRenewal(owner.peer_id, generation, 1, 1_700_000_000, 1_700_003_600, 1_700_007_200)
    return HeldSeedRow(
        owner=owner.peer_id,
        generation=generation,
        payload_sha256=sha256(payload),
        manifest=sign(owner, manifest_of(owner, payload, generation)),
        grant=sign(owner, grant),
        lease=sign(owner, lease) if generation % 2 else None,
    )


def tombstone(through: int = 5) -> TombstoneRow:
    notice = UnlearnNotice(OWNER.peer_id, through, "leave", "0a" * 32, 1, 1_700_000_000)
    departure = sign(OWNER, Departure(OWNER.peer_id, 9, 1_700_000_001))
    return TombstoneRow(OWNER.peer_id, through, "leave", sign(OWNER, notice), membership(OWNER), departure)


def equivocation(owner: Identity = OWNER, generation: int = 3) -> EquivocationRow:
    first, second = (sign(owner, manifest_of(owner, payload_of(number), generation)) for number in (4, 5))
    return EquivocationRow(owner.peer_id, generation, first, second, membership(owner))


def membership(identity: Identity) -> Signed[Membership]:
    return sign(ROOT, Membership("11" * 32, identity.public_key, "anna", 1_600_000_000, 1_900_000_000))


def erasure(number: int, *payloads: str) -> ErasureRow:
    return ErasureRow(number, OWNER.peer_id, "superseded", 0, 3, payloads)


def receipt(through: int = 5) -> Signed[ErasureReceipt]:
    return sign(ME, ErasureReceipt(ME.peer_id, OWNER.peer_id, through, ("aa" * 32,), 3, 12, "nonce", 1_700_000_002))


def hello(identity: Identity) -> Signed[Hello]:
    bare = Hello(1, 1, "11" * 32, identity.peer_id, "22" * 32, 4, "n", "t", ("mlp",), 1, 2, 3, "r", "m", 1)
    return sign(identity, bare)


def one_of_each() -> tuple[Row, ...]:
    """A row for every table, some of them with empty optional fields."""
    return (
        SelfRow(ME.peer_id, Phase.LEAVING, 1, 2**53, 3, 4, 5, 6, 7, 8, 9),
        MemberRow(OWNER.peer_id, membership(OWNER), hello(OWNER), True),
        MemberRow(ME.peer_id, membership(ME), None, False),
        tombstone(),
        erasure(1),
        erasure(2, "aa" * 32, "bb" * 32),
        own_seed(payload_of(1)),
        held_seed(payload_of(2)),
        held_seed(payload_of(3), 2, ROOT),
        GrantRow(3, OWNER.peer_id, 4, 5, "nonce", 6, 7, "receipt"),
        ReceiptRow(OWNER.peer_id, ME.peer_id, receipt()),
        ReleaseRow(OWNER.peer_id, sign(OWNER, SeedRelease(OWNER.peer_id, ME.peer_id, 2, "lapsed", 3, 4))),
        OwedReceiptRow(OWNER.peer_id, receipt(6)),
        OwedReleaseRow(OWNER.peer_id, sign(ME, SeedRelease(ME.peer_id, OWNER.peer_id, 2, "lapsed", 3, 4))),
        FloorRow(OWNER.peer_id, 7, "cc" * 32),
        equivocation(),
        ForgottenRow("dd" * 32, 8, 9),
    )
