"""A seed model as others see it: the owner's signed manifest, the key grant, the lease.

The payload itself (safetensors, sealed once by its owner) is never a value here: the protocol decides by hashes.
"""

from dataclasses import dataclass
from typing import ClassVar

from hdus_peer.domain.envelope import Statement
from hdus_peer.domain.identity import PeerId

GENERATION_MAX = 2**53
LAPSE_SLACK_S = 2 * 3600
"""How long after its date a lease may still be counted by its holder: an hour that a clock set back over a restart
hides (`Limits.lease_note_s`), and another for the way of the last renewal and the drift of two clocks."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One bounded integer parameter of a registered architecture, for example `classes` = 10."""

    name: str
    value: int


@dataclass(frozen=True, slots=True)
class SeedManifest(Statement):
    """Signed by the owner. `payload_sha256` and `payload_bytes` are those of the *sealed* payload, the only form in
    which it travels and rests. `schema_sha256` names the tensor names, types and shapes (see `sealed.schema_digest`).
    `task` and `reference` are fingerprints (SHA-256, hex)."""

    TYPE: ClassVar[str] = "hdus/seed-manifest/v1"
    owner: PeerId
    generation: int
    task: str
    architecture: str
    parameters: tuple[Parameter, ...]
    schema_sha256: str
    payload_sha256: str
    payload_bytes: int
    reference: str


@dataclass(frozen=True, slots=True)
class KeyGrant(Statement):
    """Signed by the owner, without the key that travels beside it. `grant` numbers the owner's grants (1, 2, …);
    `run_nonce` and `holder_sequence` are those of the holder's request."""

    TYPE: ClassVar[str] = "hdus/key-grant/v1"
    owner: PeerId
    generation: int
    payload_sha256: str
    holder: PeerId
    grant: int
    run_nonce: str
    holder_sequence: int
    issued_at_s: int


@dataclass(frozen=True, slots=True)
class LeaseRenewal(Statement):
    """Signed by the owner, sent live to each holder, never gossiped. Out of the ensemble at `use_until_s`, erased at
    `hold_until_s` (Unix seconds of the owner's clock; the holder counts down the difference to `issued_at_s`)."""

    TYPE: ClassVar[str] = "hdus/lease-renewal/v1"
    owner: PeerId
    generation: int
    sequence: int
    issued_at_s: int
    use_until_s: int
    hold_until_s: int


def is_equivocation(first: SeedManifest, second: SeedManifest) -> bool:
    """Whether one owner says two things under one generation: another payload, or another schema."""
    is_one = (first.owner, first.generation) == (second.owner, second.generation)
    is_same = (first.payload_sha256, first.schema_sha256) == (second.payload_sha256, second.schema_sha256)
    return is_one and not is_same


def is_lapsed(hold_until_s: int, at_s: int, slack_s: int = LAPSE_SLACK_S) -> bool:
    """Whether a lease until `hold_until_s` (Unix s; 0: none is known, and it never ends) is over for sure at `at_s`."""
    return 0 < hold_until_s < at_s - slack_s
