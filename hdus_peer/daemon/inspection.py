"""`hdus-peer check`: is this state directory sound, and can it be made so?

Rules
1. The directory is locked for the whole time, so that no daemon runs on it meanwhile.
2. What was mended is not believed but looked for again: a finding counts as mended when it is no longer found.
3. Mending goes in rounds, since one mend may uncover the next (a migration, the rows behind it).
"""

import enum
from dataclasses import dataclass, replace
from pathlib import Path

from hdus_peer.admission.credentials import load_undated
from hdus_peer.errors import AdmissionError, StateError
from hdus_peer.repository.check import Checked, check
from hdus_peer.repository.findings import Finding, Kind, Owner
from hdus_peer.repository.lock import DirectoryLock
from hdus_peer.repository.repair import repair

ROUNDS_MAX = 4
CREDENTIALS_NAME = "credentials"


class Outcome(enum.StrEnum):
    """What became of a finding. FOUND: `--repair` would mend it; REMAINS: only the operator can."""

    FOUND = "found"
    MENDED = "mended"
    REMAINS = "remains"


@dataclass(frozen=True, slots=True)
class Inspected:
    kind: str
    place: str
    problem: str
    outcome: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """`is_sound`: nothing remains."""

    directory: str
    is_sound: bool
    findings: tuple[Inspected, ...]


def inspect(directory: Path, *, mend: bool) -> Inspection:
    """Check it; with `mend`, put right what can be. Raises StateError where there is no such directory or a daemon
    runs on it, StorageError where the disk refuses."""
    directory = directory.absolute()
    if not directory.is_dir():
        raise StateError(f"There is no state directory {directory}: name the peer's with --state DIR.")
    lock = DirectoryLock(directory)
    try:
        return _inspect(directory, lock, mend)
    finally:
        lock.release()


def _inspect(directory: Path, lock: DirectoryLock, mend: bool) -> Inspection:
    checked = _look(directory)
    seen = {_name(finding): finding for finding in checked.findings}
    for _ in range(ROUNDS_MAX if mend else 0):
        if not any(finding.mend for finding in checked.findings):
            break
        repair(directory, checked, lock)
        checked = _look(directory)
        seen |= {_name(finding): finding for finding in checked.findings}
    left = {_name(finding) for finding in checked.findings}
    found = tuple(_inspected(finding, name in left, mend) for name, finding in seen.items())
    return Inspection(str(directory), not left, found)


def _name(finding: Finding) -> tuple[str, str, str]:
    return finding.kind, finding.place, finding.problem


def _inspected(finding: Finding, is_left: bool, mend: bool) -> Inspected:
    outcome = Outcome.MENDED
    if is_left:
        outcome = Outcome.REMAINS if mend or finding.mend is None else Outcome.FOUND
    return Inspected(finding.kind, finding.place, finding.problem, outcome, finding.remedy)


def _look(directory: Path) -> Checked:
    """The credentials say whose directory it is (expired ones, too); without them, what others signed cannot be
    judged."""
    try:
        credentials = load_undated(directory / CREDENTIALS_NAME)
    except AdmissionError as problem:
        return _without_owner(check(directory, None), str(problem))
    return check(directory, Owner(credentials.peer_id, credentials.membership.signer))


def _without_owner(bare: Checked, problem: str) -> Checked:
    """Where only the permissions are in the way, a repair goes on to the rest."""
    mend = next((finding.mend for finding in bare.findings if finding.place == CREDENTIALS_NAME), None)
    unknown = Finding(Kind.CREDENTIALS, CREDENTIALS_NAME, problem, "Then the rest is checked as well.", mend)
    return replace(bare, findings=(unknown, *bare.findings))
