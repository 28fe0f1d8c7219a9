"""What travels on a link, as frozen values. `proto/hdus_peer/wire/v1/wire.proto` carries exactly these fields.

Signatures were checked before a message reaches the core (`transport.codec`); ownership is checked by the core.
Bulk (sealed payloads) never travels here: it is `Fetch` or `Upload` of the transport.
"""

from dataclasses import dataclass, field

from hdus_peer.domain.envelope import Signed
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.membership import Hello, Membership
from hdus_peer.domain.seed import KeyGrant, LeaseRenewal, SeedManifest
from hdus_peer.domain.unlearning import Departure, ErasureReceipt, LedgerEntry, SeedRelease, UnlearnNotice

BUCKETS = 256
NOTICES_PER_MESSAGE_MAX = 64


@dataclass(frozen=True, slots=True)
class Greeting:
    """First on every link. `echo` is the receiver's own last Hello as the sender knows it."""

    hello: Signed[Hello]
    membership: Signed[Membership]
    echo: Signed[Hello] | None


@dataclass(frozen=True, slots=True)
class NoticeItem:
    """A notice with what makes it verifiable on its own, the leaver's departure once it is known, and, towards a
    listed holder, the holder ledger that the notice commits to."""

    notice: Signed[UnlearnNotice]
    membership: Signed[Membership]
    departure: Signed[Departure] | None
    ledger: tuple[LedgerEntry, ...]


@dataclass(frozen=True, slots=True)
class Notices:
    """Tombstones to merge. `last`: everything that the sender had when the link opened has now been sent; the
    receiver answers `Merged` once all of it is durable."""

    items: tuple[NoticeItem, ...]
    last: bool


@dataclass(frozen=True, slots=True)
class Merged:
    """Your notices are durable here. Only after both sides said so are seeds spoken of."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """I am here. `generation` is that of the seed that the sender serves, 0 for none. `keeps`: the sender would dial
    the receiver if this link were not there; one that neither end keeps is closed by who dialled it. `next_ms`: within
    so many ms the next one comes; 0 where the sender does not say."""

    tombstone_root: str
    generation: int
    state_sequence: int
    keeps: bool = False
    next_ms: int = 0


@dataclass(frozen=True, slots=True)
class TombstoneDigest:
    """The sender's tombstones by bucket: `hashes[i]` is the hash of bucket i, or "" for an empty one (256 of them)."""

    hashes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TombstoneRequest:
    """Send me your notices in these buckets."""

    buckets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Announce:
    """This is the seed that I serve."""

    manifest: Signed[SeedManifest]


@dataclass(frozen=True, slots=True)
class AnnounceRequest:
    """Your heartbeat names a generation that I have not seen: announce it again."""


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """The sealed payload is complete here: grant me its key."""

    generation: int
    payload_sha256: str
    state_sequence: int
    run_nonce: str


@dataclass(frozen=True, slots=True)
class Key:
    """The owner's answer to a `KeyRequest`; the key itself is outside the signature."""

    grant: Signed[KeyGrant]
    lease: Signed[LeaseRenewal] | None
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyRefused:
    """No key for this payload; `reason` is one word of `protocol.exchange`."""

    payload_sha256: str
    reason: str


@dataclass(frozen=True, slots=True)
class Renewal:
    """The owner prolongs a lease."""

    renewal: Signed[LeaseRenewal]


@dataclass(frozen=True, slots=True)
class Receipt:
    """An erasure receipt on its way to its owner, or to a mailbox."""

    receipt: Signed[ErasureReceipt]
    membership: Signed[Membership]


@dataclass(frozen=True, slots=True)
class ReceiptAck:
    """The receipt of `holder` for `owner` through `through` is durable here."""

    owner: PeerId
    holder: PeerId
    through: int


@dataclass(frozen=True, slots=True)
class Release:
    """A release on its way to its owner."""

    release: Signed[SeedRelease]


@dataclass(frozen=True, slots=True)
class ReleaseAck:
    """The release through `grant` is durable here."""

    grant: int


@dataclass(frozen=True, slots=True)
class InventoryItem:
    owner: PeerId
    generation: int
    payload_sha256: str


@dataclass(frozen=True, slots=True)
class Inventory:
    """The seeds that the sender holds: two payloads under one generation show equivocation."""

    items: tuple[InventoryItem, ...]


@dataclass(frozen=True, slots=True)
class ManifestRequest:
    """Your inventory names a payload of `owner` that I do not know under this generation: show me what it signed."""

    owner: PeerId
    generation: int


@dataclass(frozen=True, slots=True)
class HeldManifest:
    """The answer: the manifest as its owner signed it. It announces nothing: a seed comes from its owner alone."""

    manifest: Signed[SeedManifest]


@dataclass(frozen=True, slots=True)
class Equivocation:
    """Two manifests of one owner and generation with different payloads: the owner's own two signatures."""

    first: Signed[SeedManifest]
    second: Signed[SeedManifest]
    membership: Signed[Membership]


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The sender closes the link in order; `reason` is for people."""

    reason: str


Message = (
    Greeting
    | Notices
    | Merged
    | Heartbeat
    | TombstoneDigest
    | TombstoneRequest
    | Announce
    | AnnounceRequest
    | KeyRequest
    | Key
    | KeyRefused
    | Renewal
    | Receipt
    | ReceiptAck
    | Release
    | ReleaseAck
    | Inventory
    | ManifestRequest
    | HeldManifest
    | Equivocation
    | Goodbye
)
