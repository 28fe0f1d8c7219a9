"""What is wrong with a state directory that no daemon runs on.

Rules
1. The caller holds the directory's lock. Nothing is changed here; `repair` carries out what the findings say.
2. Where the ledger cannot be read, files without a row cannot be told from others: they are not judged at all.
3. Without a ledger there is no peer yet: a directory that holds nothing of others either is sound.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from hdus_peer.protocol.records import SelfRow
from hdus_peer.repository.disk import Disk, LocalDisk
from hdus_peer.repository.file_check import CACHES, FileCheck
from hdus_peer.repository.findings import Amend, Finding, Kind, Owner
from hdus_peer.repository.ledger import LEDGER_NAME
from hdus_peer.repository.ledger_check import BACKUP, LedgerCheck, check_ledger
from hdus_peer.repository.state_check import check_state
from hdus_peer.repository.strays import strays

_WAITS = "It waits until the peer's own row can be read."


@dataclass(frozen=True, slots=True)
class Checked:
    """`me`: the peer's own row, where rows may be written; `can_sweep`: whether every row is known, so that a file
    without one is a stray."""

    findings: tuple[Finding, ...]
    me: SelfRow | None = None
    can_sweep: bool = False


def check(directory: Path, owner: Owner | None, disk: Disk | None = None) -> Checked:
    """Everything that is wrong, ledger first; where it is not known whose directory it is, only what needs no ledger.
    Raises StorageError where the disk fails."""
    disk = LocalDisk() if disk is None else disk
    files = FileCheck(directory, disk)
    findings = (*files.permissions(), *files.unfinished())
    if owner is None:
        return Checked(findings)
    if disk.size(directory / LEDGER_NAME) is None:
        return Checked((*_without_ledger(directory, disk), *findings))
    ledger = check_ledger(directory / LEDGER_NAME, disk, owner)
    checked = _with_rows(ledger, files, owner)
    return replace(checked, findings=(*checked.findings, *findings, *files.fixtures()))


def _without_ledger(directory: Path, disk: Disk) -> Iterator[Finding]:
    """A ledger that is missing beside its seeds was lost: what it knew, nobody here knows."""
    places = [directory / cache for cache in CACHES if disk.is_directory(directory / cache)]
    if any(strays(disk.names(place), frozenset()) for place in places):
        yield Finding(Kind.LEDGER, LEDGER_NAME, "it is missing, and seeds are there", BACKUP, None)


def _with_rows(ledger: LedgerCheck, files: FileCheck, owner: Owner) -> Checked:
    if ledger.rows is None:
        return Checked(ledger.findings)
    found = [*ledger.findings, *check_state(ledger.rows, owner)]
    resurrected = frozenset(finding.place for finding in found if finding.kind is Kind.RESURRECTED)
    found += files.seeds(ledger.rows, resurrected)
    me = next(iter(ledger.rows.of(SelfRow)), None)
    if me is None:
        found = [_waiting(finding) for finding in found]
    can_sweep = all(finding.mend for finding in found if finding.kind is Kind.CORRUPT)
    found += files.strays(ledger.rows, ledger.damaged_payloads, can_sweep)
    found += files.forgotten(ledger.rows)
    return Checked(tuple(found), me, can_sweep)


def _waiting(finding: Finding) -> Finding:
    """Rows are numbered from the peer's own row: without it none is written."""
    return replace(finding, mend=None, remedy=_WAITS) if isinstance(finding.mend, Amend) else finding
