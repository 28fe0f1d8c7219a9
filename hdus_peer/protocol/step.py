"""What the core answers to every input: a Step. The order of its fields is the contract.

1. `writes` are committed in one durable transaction;
2. `sends` leave;
3. `effects` are carried out, retried until done, and what came of them returns through `PeerCore.done`;
4. `events` are published (log, metrics, progress).

Nothing of a later stage may happen before the earlier stage is finished.
"""

from dataclasses import dataclass, field

from hdus_peer.domain.envelope import Signed
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.seed import KeyGrant, LeaseRenewal, SeedManifest
from hdus_peer.protocol.messages import Message, NoticeItem
from hdus_peer.protocol.records import HeldSeedRow, Row


# --- writes ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Put:
    """Insert the row, or replace the one of its key."""

    row: Row


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the row of `table` under `key`, if there is one."""

    table: type[Row]
    key: tuple[str | int, ...]


Write = Put | Delete


# --- sends ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Send:
    """Queue `message` on the link to `to`. A link that is gone drops it: the protocol repairs by itself."""

    to: PeerId
    message: Message


# --- effects --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Identify:
    """Ask who listens at `address`; answer `Identified` or `DialFailed`."""

    address: str


@dataclass(frozen=True, slots=True)
class Dial:
    """Open a link to `peer` at `address`; answer a `LinkUp` neighbour change, or `DialFailed`."""

    peer: PeerId
    address: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """Close the link to `peer`."""

    peer: PeerId


@dataclass(frozen=True, slots=True)
class StartFetch:
    """Bring a sealed payload from its owner, resuming what is there; answer `Fetched` or `FetchFailed`."""

    owner: PeerId
    payload_sha256: str
    payload_bytes: int


@dataclass(frozen=True, slots=True)
class SendKey:
    """Send the key of the payload with its grant, whose row this very Step has made durable (I3)."""

    to: PeerId
    grant: Signed[KeyGrant]
    lease: Signed[LeaseRenewal] | None
    payload_sha256: str


@dataclass(frozen=True, slots=True)
class Admit:
    """Make the key file durable, then have the payload decrypted and checked (schema, finite values) in the
    predictor child; answer `Admitted` or `AdmitRefused`."""

    manifest: Signed[SeedManifest]
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Erase:
    """No process may compute with these payloads any more: stop fetching, checking and serving them, end the predictor
    that holds one, destroy key and payload files, sync the directories; answer `Erased`. Idempotent; done again at
    start for every `ErasureRow`. `at_once`: the predictor is killed first (an unlearning); otherwise it may be swapped
    for one without them first, so that nobody notices (a newer generation). `learned`: so is whatever was learned from
    own samples that are forgotten (training ended, main model, seed, checkpoints, exports)."""

    erasure: int
    payloads: tuple[str, ...]
    at_once: bool
    learned: bool = False


@dataclass(frozen=True, slots=True)
class UseSeeds:
    """The ensemble is to be made of exactly these seeds (in the order of PeerIds), and of nothing else."""

    seeds: tuple[HeldSeedRow, ...]


Effect = Identify | Dial | HangUp | StartFetch | SendKey | Admit | Erase | UseSeeds


# --- what came of effects -------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Identified:
    address: str
    peer: PeerId


@dataclass(frozen=True, slots=True)
class DialFailed:
    """`peer` is None where an `Identify` failed."""

    peer: PeerId | None
    address: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """The payload is complete, durable, and has the hash that was asked for."""

    owner: PeerId
    payload_sha256: str


@dataclass(frozen=True, slots=True)
class FetchFailed:
    """`gone`: the owner no longer serves it. `reason` is one of the refusal words of `protocol.exchange`."""

    owner: PeerId
    payload_sha256: str
    gone: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Admitted:
    owner: PeerId
    payload_sha256: str


@dataclass(frozen=True, slots=True)
class AdmitRefused:
    """The payload is no seed of its manifest; key and payload files are destroyed already."""

    owner: PeerId
    payload_sha256: str
    reason: str


@dataclass(frozen=True, slots=True)
class Erased:
    erasure: int


Done = Identified | DialFailed | Fetched | FetchFailed | Admitted | AdmitRefused | Erased


# --- neighbour changes ----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class AddressFound:
    """Discovery found an address; `peer` is what it claims to be, or None where only the address is known."""

    peer: PeerId | None
    address: str


@dataclass(frozen=True, slots=True)
class LinkUp:
    """A link is open and mutual TLS proved that the other end is `peer`. `dialled`: by this side."""

    peer: PeerId
    dialled: bool


@dataclass(frozen=True, slots=True)
class LinkDown:
    peer: PeerId
    reason: str


@dataclass(frozen=True, slots=True)
class NetworkChanged:
    """This device woke up, or its own addresses are others now: whether a link still carries anything, and whether an
    address that did not answer would answer now, has to be found out anew. `cause`: in words."""

    cause: str


NeighbourChange = AddressFound | LinkUp | LinkDown | NetworkChanged


# --- commands -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Publish:
    """A sealed payload lies in the repository: make it the next generation. Taken only under the current epoch."""

    job_epoch: int
    architecture: str
    schema_sha256: str
    payload_sha256: str
    payload_bytes: int
    reference: str


@dataclass(frozen=True, slots=True)
class Leave:
    """Unlearn me everywhere."""


@dataclass(frozen=True, slots=True)
class Rejoin:
    """Come back after a leave, by an explicit act."""


@dataclass(frozen=True, slots=True)
class Forget:
    """Unlearn these samples of mine: `samples_sha256` names the list of their digests, which is durable already."""

    samples_sha256: str
    samples: int


@dataclass(frozen=True, slots=True)
class Retrain:
    """Train again on the data as it is now: begins a new job epoch, so that an older job cannot publish."""


@dataclass(frozen=True, slots=True)
class Obey:
    """A notice that came by another way than a link, for example the authority's by hand."""

    item: NoticeItem


Command = Publish | Leave | Rejoin | Forget | Retrain | Obey


# --- the step -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Event:
    """A past-tense fact for logs, metrics and people: `name` (for example "SeedAdopted"), the peer that it is about,
    and small public details. Never a key, a payload or a sample."""

    name: str
    peer: PeerId | None = None
    details: tuple[tuple[str, str | int], ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    writes: tuple[Write, ...] = ()
    sends: tuple[Send, ...] = ()
    effects: tuple[Effect, ...] = ()
    events: tuple[Event, ...] = ()


NOTHING = Step()
"""The answer to most inputs."""
