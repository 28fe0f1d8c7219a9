"""What a network's authority says of a member, and what a member says of itself when a link opens.

Source of the fields: `docs/protocol.md`, "Hello" and "Membership". A membership is judged at the date of the
statement that it accompanies, not today: it outlives TLS certificates.
"""

from dataclasses import dataclass
from typing import ClassVar

from hdus_peer.domain.envelope import Signed, Statement
from hdus_peer.domain.identity import PeerId, peer_id_of

PROTOCOL_MIN = 1
PROTOCOL_MAX = 1


@dataclass(frozen=True, slots=True)
class Membership(Statement):
    """Signed by the network's root: this raw Ed25519 key is a member under `name` between two instants (Unix s).
    `network` is the SHA-256 (hex) of the root's SubjectPublicKeyInfo."""

    TYPE: ClassVar[str] = "hdus/membership/v1"
    network: str
    public_key: bytes
    name: str
    not_before_s: int
    not_after_s: int

    @property
    def peer(self) -> PeerId:
        return peer_id_of(self.public_key)

    def covers(self, instant_s: int) -> bool:
        return self.not_before_s <= instant_s <= self.not_after_s


@dataclass(frozen=True, slots=True)
class Hello(Statement):
    """Signed by the peer itself, first on every link. `state_sequence` counts committed Steps and is durable before
    this is sent; `run_nonce` (hex) is drawn once per start. `wall_ms` is for display only."""

    TYPE: ClassVar[str] = "hdus/hello/v1"
    protocol_min: int
    protocol_max: int
    network: str
    peer: PeerId
    tls_spki_sha256: str
    state_sequence: int
    run_nonce: str
    task: str
    architectures: tuple[str, ...]
    message_bytes_max: int
    chunk_bytes_max: int
    seed_bytes_max: int
    tombstone_root: str
    membership_root: str
    wall_ms: int


@dataclass(frozen=True, slots=True)
class Member:
    """A member as others know it: its name and the statement that proves it."""

    peer: PeerId
    name: str
    membership: Signed[Membership]
