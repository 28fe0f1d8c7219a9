"""What a check of a state directory finds, and what would mend it: frozen values, nothing is done here.

Rule: a finding says everything that its reader needs: where, what is wrong, and what mends it (or, where `mend` is
None, what the operator is to do). The check decides the mend, the repair carries it out.
"""

import enum
from dataclasses import dataclass
from pathlib import Path

from hdus_peer.domain.identity import PeerId
from hdus_peer.protocol.records import ErasureRow
from hdus_peer.protocol.step import Write


class Kind(enum.StrEnum):
    """What is wrong. RESURRECTED: held although it was to be gone (I2); HALF_WRITTEN: what a crash cut short;
    INCONSISTENT: rows that contradict one another."""

    LEDGER = "ledger"
    CREDENTIALS = "credentials"
    MIGRATION = "migration"
    ORPHAN = "orphan"
    MISSING = "missing"
    CORRUPT = "corrupt"
    RESURRECTED = "resurrected"
    HALF_WRITTEN = "half-written"
    PERMISSIONS = "permissions"
    INCONSISTENT = "inconsistent"


@dataclass(frozen=True, slots=True)
class Opening:
    """What opening the repository puts right by itself: migrations, the ballast, tags of caches."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """The sweep destroys it: a file without a row."""


@dataclass(frozen=True, slots=True)
class Amend:
    """Rows to write in one commit. `erase`: an erasure to be reported at the next start, numbered when it is written;
    `counters`: fields of the peer's own row and what they must at least be."""

    writes: tuple[Write, ...] = ()
    erase: ErasureRow | None = None
    counters: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Protect:
    """Take away what others may do with this file or directory."""

    path: Path
    mode: int


@dataclass(frozen=True, slots=True)
class Discard:
    """Overwrite the file, and remove it: it may hold a key."""

    path: Path


Mend = Opening | Sweep | Amend | Protect | Discard


@dataclass(frozen=True, slots=True)
class Finding:
    """`place`: a path below the state directory, or a row of the ledger; `remedy`: what mends it, or what to do."""

    kind: Kind
    place: str
    problem: str
    remedy: str
    mend: Mend | None


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose directory it is, and the PeerId of the network's root: from the credentials."""

    peer: PeerId
    root: PeerId
