"""The rows of a peer's ledger. The core writes them through `Put` and `Delete`; a repository keeps them durably.

Rules
- One frozen dataclass a table; `KEY` names the fields that identify a row. A `Put` replaces the row of that key.
- Fields are int, str, bool, tuple[str, ...] or `Signed[...]` (kept as its envelope), so that every repository can
  map them to columns without knowing what they mean.
- Absent on purpose: keys and payloads. They are files (see `repository.port`), referenced here by payload hash.
"""

import enum
from dataclasses import dataclass
from typing import ClassVar

from hdus_peer.domain.envelope import Signed
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.membership import Hello, Membership
from hdus_peer.domain.seed import KeyGrant, LeaseRenewal, SeedManifest
from hdus_peer.domain.unlearning import Departure, ErasureReceipt, SeedRelease, UnlearnNotice


class Phase(enum.StrEnum):
    """Where a peer is in its life. LEFT is final until an explicit rejoin; HELD waits for the operator."""

    ACTIVE = "active"
    LEAVING = "leaving"
    LEFT = "left"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class SelfRow:
    """One row: the peer's own counters. `state_sequence` counts committed Steps."""

    KEY: ClassVar[tuple[str, ...]] = ("peer",)
    peer: PeerId
    phase: str = Phase.ACTIVE
    state_sequence: int = 0
    generation_highest: int = 0
    through_highest: int = 0
    grant_highest: int = 0
    erasure_highest: int = 0
    lease_sequence: int = 0
    hold_until_max_s: int = 0
    job_epoch: int = 0
    broken_at_s: int = 0


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A member of the network, and the last Hello heard from it (handed back to it as an echo)."""

    KEY: ClassVar[tuple[str, ...]] = ("peer",)
    peer: PeerId
    membership: Signed[Membership]
    hello: Signed[Hello] | None
    cloned: bool


@dataclass(frozen=True, slots=True)
class TombstoneRow:
    """The durable effect of an unlearning: nothing of `owner` up to `through` is ever held again."""

    KEY: ClassVar[tuple[str, ...]] = ("owner",)
    owner: PeerId
    through: int
    kind: str
    notice: Signed[UnlearnNotice]
    membership: Signed[Membership]
    departure: Signed[Departure] | None


@dataclass(frozen=True, slots=True)
class ErasureRow:
    """An erasure that was decided and is not yet reported done; redone at start, before a port opens.
    `through`: the notice's, or the `state_sequence` that a departure will name, else 0; `grant`: the grant that it
    releases, else 0."""

    KEY: ClassVar[tuple[str, ...]] = ("erasure",)
    erasure: int
    owner: PeerId
    cause: str
    through: int
    grant: int
    payloads: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OwnSeedRow:
    """The seed that this peer serves; at most one."""

    KEY: ClassVar[tuple[str, ...]] = ("owner",)
    owner: PeerId
    manifest: Signed[SeedManifest]


@dataclass(frozen=True, slots=True)
class HeldSeedRow:
    """A neighbour's seed that was adopted: its payload and key files are complete and durable. `lease`: the latest that
    its owner signed; what was left of it, for use and for holding, at `counted_at_s` of the own wall clock (0: it was
    never counted)."""

    KEY: ClassVar[tuple[str, ...]] = ("owner",)
    owner: PeerId
    generation: int
    payload_sha256: str
    manifest: Signed[SeedManifest]
    grant: Signed[KeyGrant]
    lease: Signed[LeaseRenewal] | None
    use_left_s: int = 0
    hold_left_s: int = 0
    counted_at_s: int = 0


@dataclass(frozen=True, slots=True)
class GrantRow:
    """A row of the holder ledger: a key that this peer gave, or may have given, to a holder. `closed_by` is "",
    "receipt", "release" or "departure"; the proof itself is in its own row."""

    KEY: ClassVar[tuple[str, ...]] = ("grant",)
    grant: int
    holder: PeerId
    generation: int
    holder_sequence: int
    run_nonce: str
    issued_at_s: int
    hold_until_s: int
    closed_by: str


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """A receipt of somebody else: received as the owner, or kept for an owner as its mailbox."""

    KEY: ClassVar[tuple[str, ...]] = ("owner", "holder")
    owner: PeerId
    holder: PeerId
    receipt: Signed[ErasureReceipt]


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """The release of the highest grant that a holder sent to this peer: the proof behind `closed_by`."""

    KEY: ClassVar[tuple[str, ...]] = ("holder",)
    holder: PeerId
    release: Signed[SeedRelease]


@dataclass(frozen=True, slots=True)
class OwedReceiptRow:
    """A receipt that this peer signed and whose owner has not acknowledged it."""

    KEY: ClassVar[tuple[str, ...]] = ("owner",)
    owner: PeerId
    receipt: Signed[ErasureReceipt]


@dataclass(frozen=True, slots=True)
class OwedReleaseRow:
    """A release that this peer signed and whose owner has not acknowledged it; a higher grant replaces a lower."""

    KEY: ClassVar[tuple[str, ...]] = ("owner",)
    owner: PeerId
    release: Signed[SeedRelease]


@dataclass(frozen=True, slots=True)
class ForgottenRow:
    """Samples of my own that nothing may be learned from any more: `samples_sha256` names the list of their digests, a
    file; `samples`: how many; `through`: of the notice that this was said with."""

    KEY: ClassVar[tuple[str, ...]] = ("samples_sha256",)
    samples_sha256: str
    samples: int
    through: int


@dataclass(frozen=True, slots=True)
class FloorRow:
    """The highest generation of an owner that was held and given up without a notice: a lower one is refused."""

    KEY: ClassVar[tuple[str, ...]] = ("owner",)
    owner: PeerId
    generation: int
    payload_sha256: str


@dataclass(frozen=True, slots=True)
class EquivocationRow:
    """The proof that `owner` signed two payloads under `generation`: nothing of it up to there is ever held again. Of
    several proofs the one of the highest generation is kept."""

    KEY: ClassVar[tuple[str, ...]] = ("owner",)
    owner: PeerId
    generation: int
    first: Signed[SeedManifest]
    second: Signed[SeedManifest]
    membership: Signed[Membership]


Row = (
    SelfRow
    | MemberRow
    | TombstoneRow
    | ErasureRow
    | OwnSeedRow
    | HeldSeedRow
    | GrantRow
    | ReceiptRow
    | ReleaseRow
    | OwedReceiptRow
    | OwedReleaseRow
    | FloorRow
    | ForgottenRow
    | EquivocationRow
)

TABLES: tuple[type[Row], ...] = (
    SelfRow,
    MemberRow,
    TombstoneRow,
    ErasureRow,
    OwnSeedRow,
    HeldSeedRow,
    GrantRow,
    ReceiptRow,
    ReleaseRow,
    OwedReceiptRow,
    OwedReleaseRow,
    FloorRow,
    ForgottenRow,
    EquivocationRow,
)


def key_of(row: Row) -> tuple[str | int, ...]:
    """The values of the row's key fields."""
    names = row.KEY
    return (getattr(row, names[0]),) if len(names) == 1 else tuple(getattr(row, name) for name in names)
