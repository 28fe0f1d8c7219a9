"""The statements of unlearning: notice, receipt, release, departure, and the ledger that a notice commits to.

These are v1 and frozen: later versions add optional fields only, because a notice must be understood by every
version that ever held a seed.
"""

import enum
import hashlib
from dataclasses import dataclass
from typing import ClassVar

from hdus_peer.domain.envelope import Statement
from hdus_peer.domain.identity import PeerId

THROUGH_MAX = 2**53


class UnlearnKind(enum.StrEnum):
    """Why a tombstone exists. `REVOKE` is the authority's and final."""

    LEAVE = "leave"
    FORGET = "forget"
    REVOKE = "revoke"
    EQUIVOCATION = "equivocation"


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One row of the holder ledger that a notice commits to: who was granted which generation, by which grant."""

    holder: PeerId
    generation: int
    grant: int


@dataclass(frozen=True, slots=True)
class UnlearnNotice(Statement):
    """Everything of `owner` up to and including generation `through` is to be erased. Signed by the owner, or by the
    authority for `revoke`. `ledger_sha256` commits to the holder ledger as it was when the notice was written."""

    TYPE: ClassVar[str] = "hdus/unlearn-notice/v1"
    owner: PeerId
    through: int
    kind: str
    ledger_sha256: str
    ledger_entries: int
    issued_at_s: int


@dataclass(frozen=True, slots=True)
class ErasureReceipt(Statement):
    """Signed by the holder: "my tombstone for `owner` through `through` is durable; I hold nothing up to it".
    `erased` lists the payload hashes that were destroyed; it may be empty."""

    TYPE: ClassVar[str] = "hdus/erasure-receipt/v1"
    holder: PeerId
    owner: PeerId
    through: int
    erased: tuple[str, ...]
    grant_highest: int
    state_sequence: int
    run_nonce: str
    issued_at_s: int


@dataclass(frozen=True, slots=True)
class SeedRelease(Statement):
    """Signed by the holder: "I stopped holding what was granted to me up to grant number `grant`", without a notice
    (a newer generation, a lapsed lease, a changed neighbourhood, a payload that was no seed)."""

    TYPE: ClassVar[str] = "hdus/seed-release/v1"
    holder: PeerId
    owner: PeerId
    grant: int
    reason: str
    state_sequence: int
    issued_at_s: int


@dataclass(frozen=True, slots=True)
class Departure(Statement):
    """Signed by a leaver in its role as a holder: "all that I asked for below this state_sequence of mine is erased".
    Whoever comes back asks under a higher one."""

    TYPE: ClassVar[str] = "hdus/departure/v1"
    holder: PeerId
    state_sequence: int
    issued_at_s: int


def ledger_digest(entries: tuple[LedgerEntry, ...]) -> str:
    """SHA-256 (hex) of the canonical list: lines `holder generation grant`, sorted."""
    lines = sorted(f"{entry.holder} {entry.generation} {entry.grant}\n" for entry in entries)
    return hashlib.sha256("".join(lines).encode("ascii")).hexdigest()
