"""The authority's register: one JSON line for everybody who was ever admitted, appended and never changed.

Rules
1. A line is durable before its credentials file exists: nobody can be a member without being listed, because the
   register is what a revocation's completeness is counted against.
2. A line counts once it ends in a newline. A torn last line (a crash while appending) was never acknowledged and is
   cut off by the next append.
3. Two appends exclude one another by a lock on the file. A name is given to another identity only once it expired; a
   renewal is one more line of the same identity.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hdus_peer.admission.envelope_text import envelope_from_fields, envelope_to_fields
from hdus_peer.domain.envelope import Signed, open_envelope
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.membership import Membership
from hdus_peer.durable import sync_directory
from hdus_peer.errors import AdmissionError, RemoteError, StorageError


@dataclass(frozen=True, slots=True)
class Admission:
    """Somebody was admitted at `issued_at_s` (Unix seconds) with this membership."""

    membership: Signed[Membership]
    issued_at_s: int

    @property
    def name(self) -> str:
        return self.membership.statement.name

    @property
    def peer(self) -> PeerId:
        return self.membership.statement.peer


class Register:
    """The register in one file, which need not exist yet."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def admissions(self) -> tuple[Admission, ...]:
        """Everybody, in the order of admission. Raises AdmissionError for a damaged line."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return ()
        except OSError as problem:
            raise AdmissionError(f"{self._path} cannot be read ({problem.strerror}).") from problem
        return self._parse(data)

    def name_of(self, peer: PeerId) -> str | None:
        """The name under which somebody was admitted last."""
        return next((entry.name for entry in reversed(self.admissions()) if entry.peer == peer), None)

    def of(self, member: str) -> tuple[Admission, ...]:
        """Every admission under this name, or of this PeerId, in their order."""
        return tuple(entry for entry in self.admissions() if member in (entry.name, entry.peer))

    def append(self, admission: Admission) -> None:
        """Admit, durably. Raises AdmissionError when the name is taken, StorageError when the disk refuses."""
        try:
            with self._locked() as stream:
                data = stream.read()
                self._check_name(admission, self._parse(data))
                stream.truncate(data.rfind(b"\n") + 1)
                stream.seek(0, os.SEEK_END)
                stream.write(_line(admission))
                stream.flush()
                os.fsync(stream.fileno())
            sync_directory(self._path.parent)
        except OSError as problem:
            sentence = f"{self._path} could not be written ({problem.strerror}), so nobody was admitted"
            raise StorageError(f"{sentence}: make room, or run this as the owner of the network directory.") from (
                problem
            )

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(handle, "r+b") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield stream

    def _check_name(self, wanted: Admission, admissions: tuple[Admission, ...]) -> None:
        for earlier in admissions:
            is_others = earlier.name == wanted.name and earlier.peer != wanted.peer
            if is_others and wanted.issued_at_s <= earlier.membership.statement.not_after_s:
                raise AdmissionError(f"There is a member named {wanted.name} already. Choose another name.")

    def _parse(self, data: bytes) -> tuple[Admission, ...]:
        complete = data[: data.rfind(b"\n") + 1].splitlines()
        return tuple(self._admission(line, number) for number, line in enumerate(complete, 1))

    def _admission(self, line: bytes, number: int) -> Admission:
        try:
            fields = json.loads(line)
            membership = open_envelope(envelope_from_fields(fields["membership"]), Membership)
            return Admission(membership, int(fields["issued_at_s"]))
        except (ValueError, KeyError, TypeError, RemoteError) as problem:
            sentence = f"Line {number} of {self._path} is damaged"
            raise AdmissionError(f"{sentence}: put back the file from a copy of the network directory.") from problem


def _line(admission: Admission) -> bytes:
    statement = admission.membership.statement
    fields = {
        "peer": admission.peer,
        "name": admission.name,
        "issued_at_s": admission.issued_at_s,
        "not_before_s": statement.not_before_s,
        "not_after_s": statement.not_after_s,
        "membership": envelope_to_fields(admission.membership.envelope),
    }
    return json.dumps(fields, separators=(",", ":")).encode("ascii") + b"\n"
