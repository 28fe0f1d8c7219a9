"""A JSON file of ours, read with bounds: size, permissions, form, version. Each way to be wrong has its sentence.

Rule: a value of the file never gets into a sentence; it may be a key.
"""

import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hdus_peer.domain.envelope import from_text
from hdus_peer.domain.identity import Identity
from hdus_peer.errors import AdmissionError

VERSION = 1
FILE_BYTES_MAX = 2 << 20
_MIXED_UP = {
    "request": "The network's authority answers it: hdus-peer network sign",
    "grant": "The device that asked for it takes it: hdus-peer network accept",
    "revocation": "A peer of its network is told of it: hdus-peer network tell",
    "kept keys": "They wait for a grant: hdus-peer network accept",
}
"""What the `kind` of a file says, and what to do with such a file where another one was wanted."""


class FileFields(BaseModel):
    """What every file begins with. Byte strings are unpadded base64url, certificates and TLS keys PEM."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)
    version: Annotated[int, Field(ge=1)]


F = TypeVar("F", bound=FileFields)


@dataclass(frozen=True, slots=True)
class FileKind(Generic[F]):
    """`name`: "credentials file"; `advice`: what to do without one, as a sentence; `is_secret`: it holds keys; `kind`:
    what it says of itself under that key."""

    name: str
    fields: type[F]
    advice: str
    is_secret: bool
    kind: str = ""

    def read(self, path: Path) -> F:
        """Raises AdmissionError."""
        data = read_bounded(path, self.name, self.advice)
        try:
            plain = json.loads(data)
            if isinstance(plain, dict):
                self._check_kind(plain, path)
            if self.is_secret:
                check_private(path, self.name)
            return self.fields.model_validate(plain)
        except ValidationError as problem:
            first = problem.errors(include_input=False)[0]
            key = ".".join(map(str, first["loc"])) or "the whole"
            raise AdmissionError(f"{path} is no {self.name}: {key}: {first['msg'].lower()}. {self.advice}") from None
        except (ValueError, RecursionError):
            raise AdmissionError(f"{path} is no {self.name}: it is not JSON. {self.advice}") from None

    def _check_kind(self, plain: dict[str, Any], path: Path) -> None:
        kind, version = plain.get("kind"), plain.get("version")
        if isinstance(kind, str) and kind in _MIXED_UP and kind != self.kind:
            raise AdmissionError(f"{path} is a {kind}, not a {self.name}. {_MIXED_UP[kind]}.")
        if isinstance(version, int) and version > VERSION:
            raise AdmissionError(f"{path} was made for a later hdus-peer (version {version}). Upgrade this one.")


def read_bounded(path: Path, name: str, advice: str) -> bytes:
    """The bytes of a small file. Raises AdmissionError."""
    try:
        with path.open("rb") as stream:
            data = stream.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError as problem:
        raise AdmissionError(f"There is no {name} at {path}. {advice}") from problem
    except OSError as problem:
        raise AdmissionError(f"The {name} {path} cannot be read: {problem.strerror}.") from problem
    if len(data) > FILE_BYTES_MAX:
        raise AdmissionError(f"{path} is too big to be a {name}. {advice}")
    return data


def check_private(path: Path, name: str) -> None:
    """Raises AdmissionError where everybody on this machine may read or change a file that holds keys."""
    if path.stat().st_mode & stat.S_IRWXO:
        raise AdmissionError(f"Anybody on this machine may read the {name} {path}. Run: chmod 600 {path}")


def to_bytes(fields: FileFields) -> bytes:
    """The bytes of a file with these fields."""
    return fields.model_dump_json(indent=1).encode("utf-8") + b"\n"


def check_free(path: Path) -> None:
    """Raises AdmissionError where a file is in the way."""
    if os.path.lexists(path):
        raise AdmissionError(f"{path} exists already, and is never overwritten. Choose another file (--out).")


def identity_from(text: str) -> Identity:
    """The signing key in a file. Raises AdmissionError."""
    try:
        return Identity(from_text(text))
    except ValueError:
        raise AdmissionError("the signing key is damaged.") from None
