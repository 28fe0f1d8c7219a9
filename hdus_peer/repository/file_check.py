"""The files of a state directory against the rows that refer to them.

Rule: a file is judged by its bytes: a payload by size and SHA-256, a key by being one. Absent on purpose: whether a key
opens its payload. That would have the seed in plaintext here, which only the predictor child may; it looks at the next
use, and a key that does not fit is refused there.
"""

import re
import stat
from collections.abc import Iterator
from pathlib import Path

from hdus_peer.protocol.records import ErasureRow, ForgottenRow, HeldSeedRow, OwedReceiptRow, OwnSeedRow
from hdus_peer.protocol.step import Delete
from hdus_peer.repository.ballast import BALLAST_NAME
from hdus_peer.repository.disk import DIRECTORY_MODE, FILE_MODE, TEMPORARY_SUFFIX, Disk
from hdus_peer.repository.durable import CACHE_TAG_NAME
from hdus_peer.repository.findings import Amend, Discard, Finding, Kind, Mend, Opening, Protect, Sweep
from hdus_peer.repository.forgotten import FOLDER
from hdus_peer.repository.keys import read_key
from hdus_peer.repository.ledger import LEDGER_NAME
from hdus_peer.repository.ledger_check import place_of
from hdus_peer.repository.payloads import digest_of
from hdus_peer.repository.port import Recovered, referenced
from hdus_peer.repository.state_check import without
from hdus_peer.repository.strays import strays

CACHES = ("seeds", "keys")
OUTBOX = Path("models", "outbox")
SEALED, KEY = OUTBOX / "seed.sealed", OUTBOX / "seed.key"
WORKPLACES = (Path(), Path("models"), Path("models", "templates"), OUTBOX)
SECRETS = ("credentials", "requested.keys", LEDGER_NAME, f"{LEDGER_NAME}-wal", "keys", "models")
_UNFINISHED = re.compile(r"\.[a-z].*\.[a-z0-9_]{8}")
"""How `hdus_peer.durable` calls a file until it is whole."""


class FileCheck:
    """One look at the files of `directory`."""

    def __init__(self, directory: Path, disk: Disk) -> None:
        self._directory, self._disk = directory, disk

    # --- what rows refer to -----------------------------------------------------------------------------------------
    def seeds(self, rows: Recovered, resurrected: frozenset[str]) -> Iterator[Finding]:
        """Rows whose payload or key is missing or damaged. `resurrected`: places of rows that go anyway."""
        for held in rows.of(HeldSeedRow):
            place, remedy = place_of("held_seed", held.owner), "The seed is dropped, and fetched again."
            size = held.manifest.statement.payload_bytes
            if place not in resurrected:
                yield from self._seed(place, held.payload_sha256, size, remedy, without(held, rows))
        for own in rows.of(OwnSeedRow):
            seed, place = own.manifest.statement, place_of("own_seed", own.owner)
            remedy = "The row is dropped; the next start publishes the seed as a new generation."
            if place not in resurrected:
                amend = Amend((Delete(OwnSeedRow, (own.owner,)),))
                yield from self._seed(place, seed.payload_sha256, seed.payload_bytes, remedy, amend)

    def _seed(self, place: str, payload: str, size: int, remedy: str, amend: Amend) -> Iterator[Finding]:
        problems = [self._payload_problem(payload, size), self._key_problem(payload)]
        for kind in (Kind.MISSING, Kind.CORRUPT):
            found = [problem for problem in problems if problem and problem[0] is kind]
            if found:
                what = " and ".join(text for _, text in found)
                yield Finding(kind, place, what, remedy, amend)
                return

    def _payload_problem(self, payload: str, size: int) -> tuple[Kind, str] | None:
        found = digest_of(self._disk, self._directory / "seeds" / payload)
        if found is None:
            return Kind.MISSING, f"its payload seeds/{payload} is missing"
        if found[1] != size:
            return Kind.CORRUPT, f"its payload seeds/{payload} has {found[1]} bytes instead of {size}"
        return None if found[0] == payload else (Kind.CORRUPT, f"its payload seeds/{payload} has another SHA-256")

    def _key_problem(self, payload: str) -> tuple[Kind, str] | None:
        path = self._directory / "keys" / payload
        if self._disk.size(path) is None:
            return Kind.MISSING, f"its key keys/{payload} is missing"
        return None if read_key(self._disk, path) else (Kind.CORRUPT, f"its key keys/{payload} is no key")

    def forgotten(self, rows: Recovered) -> Iterator[Finding]:
        """Lists of forgotten samples: without them nobody knows what may not be learned from."""
        remedy = "Choose the same samples again with hdus-peer forget: that writes the same list."
        for row in rows.of(ForgottenRow):
            place = Path(FOLDER, row.samples_sha256)
            found = digest_of(self._disk, self._directory / place)
            if found is None:
                what = f"the list of {row.samples} forgotten samples is missing"
                yield Finding(Kind.MISSING, str(place), what, remedy, None)
            elif found[0] != row.samples_sha256:
                yield Finding(Kind.CORRUPT, str(place), "the list of forgotten samples was altered", remedy, None)

    # --- what no row refers to --------------------------------------------------------------------------------------
    def strays(self, rows: Recovered, damaged: frozenset[str], can_sweep: bool) -> Iterator[Finding]:
        """`damaged`: payloads of rows that cannot be used; `can_sweep`: whether all rows are known."""
        kept = referenced(rows) | damaged
        origins = self._origins(rows)
        mend: Mend | None = Sweep() if can_sweep else None
        remedy = "It is destroyed." if can_sweep else "It waits until every row of the ledger can be read."
        for cache in CACHES:
            for name, payload in strays(self._names(Path(cache)), kept).items():
                kind, problem = origins.get(payload, (Kind.ORPHAN, "no row of the ledger refers to it"))
                if name != payload and payload not in origins:
                    kind, problem = Kind.HALF_WRITTEN, "it was never finished"
                yield Finding(kind, f"{cache}/{name}", problem, remedy, mend)

    def _origins(self, rows: Recovered) -> dict[str, tuple[Kind, str]]:
        """What is known of payloads that nobody holds."""
        signed = {payload for row in rows.of(OwedReceiptRow) for payload in row.receipt.statement.erased}
        erasing = {payload for row in rows.of(ErasureRow) for payload in row.payloads}
        waiting = digest_of(self._disk, self._directory / SEALED) if self._names(OUTBOX) else None
        adopted = {waiting[0]} if waiting else set()
        found = dict.fromkeys(adopted, (Kind.HALF_WRITTEN, "this peer's own seed, whose adoption was interrupted"))
        found |= dict.fromkeys(erasing, (Kind.HALF_WRITTEN, "its erasure was decided, and interrupted"))
        return found | dict.fromkeys(signed, (Kind.RESURRECTED, "a receipt says that it is erased"))

    def unfinished(self) -> Iterator[Finding]:
        """What a crash left of writes outside of the caches."""
        for place in WORKPLACES:
            for name in self._names(place):
                if _UNFINISHED.fullmatch(name):
                    yield self._half(place / name, "it was never finished", "It is overwritten and removed.")
        if BALLAST_NAME + TEMPORARY_SUFFIX in self._names(Path()):
            left = Path(BALLAST_NAME + TEMPORARY_SUFFIX)
            yield self._half(left, "it was never finished", "It is removed.")
        halves = [path for path in (SEALED, KEY) if path.name in self._names(OUTBOX)]
        if len(halves) == 1:
            what = f"it lies there without its {KEY.name if halves == [SEALED] else SEALED.name}"
            yield self._half(halves[0], what, "It is overwritten and removed; the next start seals the seed again.")

    def _half(self, path: Path, problem: str, remedy: str) -> Finding:
        return Finding(Kind.HALF_WRITTEN, str(path), problem, remedy, Discard(self._directory / path))

    # --- what every directory has -----------------------------------------------------------------------------------
    def fixtures(self) -> Iterator[Finding]:
        """Ballast and tags, which opening the repository lays down."""
        if self._disk.size(self._directory / BALLAST_NAME) is None:
            what = "the room kept for notices on a full disk is not kept"
            yield Finding(Kind.MISSING, BALLAST_NAME, what, "It is laid down, where the disk has room.", Opening())
        for cache in CACHES:
            if CACHE_TAG_NAME not in self._names(Path(cache)):
                what = "without it a backup may bring back what was erased"
                yield Finding(Kind.MISSING, f"{cache}/{CACHE_TAG_NAME}", what, "It is written.", Opening())

    def permissions(self) -> Iterator[Finding]:
        """Secrets that anybody on this machine may read, and a directory that anybody may write to."""
        if (self._disk.mode(self._directory) or 0) & stat.S_IWOTH:
            yield self._open(Path(), "anybody on this machine may replace what is in it", DIRECTORY_MODE)
        keys = [Path("keys") / name for name in self._names(Path("keys")) if name != CACHE_TAG_NAME]
        for path in [*map(Path, SECRETS), *keys, KEY]:
            if (self._disk.mode(self._directory / path) or 0) & stat.S_IRWXO:
                mode = DIRECTORY_MODE if self._disk.is_directory(self._directory / path) else FILE_MODE
                yield self._open(path, "anybody on this machine may use it", mode)

    def _open(self, path: Path, problem: str, mode: int) -> Finding:
        mend = Protect(self._directory / path, mode)
        return Finding(Kind.PERMISSIONS, str(path), problem, f"It becomes its owner's alone ({mode:04o}).", mend)

    def _names(self, place: Path) -> list[str]:
        directory = self._directory / place
        return self._disk.names(directory) if self._disk.is_directory(directory) else []
