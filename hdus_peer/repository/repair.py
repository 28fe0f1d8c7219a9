"""Mends what a check found, where that is safe.

Rules
1. Rows first, in one transaction that counts as a Step; then files, by the same sweep as at a start; a crash in between
   leaves strays, which the next start sweeps.
2. Nothing is signed: what others are to be told (a receipt, a release) is left as an erasure, which the next start
   finishes and signs.
3. Keys, and whatever may hold one, are overwritten and synced before they are removed.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hdus_peer.protocol.records import SelfRow
from hdus_peer.protocol.step import Put, Write
from hdus_peer.repository.ballast import BALLAST_NAME
from hdus_peer.repository.check import Checked
from hdus_peer.repository.disk import Disk, LocalDisk
from hdus_peer.repository.durable import BALLAST_BYTES, DurableRepository
from hdus_peer.repository.findings import Amend, Discard, Finding, Kind, Opening, Protect, Sweep
from hdus_peer.repository.keys import KeyFiles
from hdus_peer.repository.lock import DirectoryLock


def repair(directory: Path, checked: Checked, lock: DirectoryLock, disk: Disk | None = None) -> None:
    """Carry out every mend; what came of it, another check says. `lock`: that of the directory, held by the caller.
    Raises StorageError where the disk refuses."""
    disk = LocalDisk() if disk is None else disk
    mends = [finding.mend for finding in checked.findings]
    for mend in mends:
        if isinstance(mend, Protect):
            disk.set_mode(mend.path, mend.mode)
        elif isinstance(mend, Discard):
            KeyFiles(mend.path.parent, disk).destroy([mend.path.name])
            disk.sync_directory(mend.path.parent)
    if any(isinstance(mend, Opening | Amend | Sweep) for mend in mends) and not _is_unusable(checked.findings):
        _mend_repository(directory, checked, lock, disk)


def _is_unusable(findings: Sequence[Finding]) -> bool:
    return any(finding.kind is Kind.LEDGER for finding in findings)


def _mend_repository(directory: Path, checked: Checked, lock: DirectoryLock, disk: Disk) -> None:
    """Opening it applies migrations and lays down ballast and tags."""
    ballast_bytes = disk.size(directory / BALLAST_NAME) or BALLAST_BYTES
    repository = DurableRepository(directory, disk, ballast_bytes, lock)
    try:
        amends = [finding.mend for finding in checked.findings if isinstance(finding.mend, Amend)]
        if amends and checked.me is not None:
            repository.commit(writes_of(amends, checked.me))
        if checked.can_sweep:
            repository.sweep()
    finally:
        repository.close()


def writes_of(amends: Sequence[Amend], me: SelfRow) -> list[Write]:
    """One commit: all rows, the erasures numbered, the counters raised, and the Step counted."""
    counters: dict[str, int] = {}
    for name, least in (counter for amend in amends for counter in amend.counters):
        counters[name] = max(least, counters.get(name, 0))
    raised = replace(me, **counters, state_sequence=me.state_sequence + 1)  # type: ignore[arg-type]
    erasures = [amend.erase for amend in amends if amend.erase is not None]
    numbered = [replace(row, erasure=raised.erasure_highest + 1 + place) for place, row in enumerate(erasures)]
    raised = replace(raised, erasure_highest=raised.erasure_highest + len(numbered))
    return [*(write for amend in amends for write in amend.writes), *map(Put, numbered), Put(raised)]
