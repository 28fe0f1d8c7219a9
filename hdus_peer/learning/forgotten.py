"""Lists of forgotten samples: one file each, the samples' digests (hex) sorted, one a line, called by its own SHA-256.

Rule: a list that is missing or altered ends the job: without it nobody knows what may not be learned from.
"""

import hashlib
import re
from collections.abc import Collection
from pathlib import Path

from hdus_peer.durable import write_durably
from hdus_peer.errors import StorageError
from hdus_peer.workers.job import TrainingJob

REMEDY = "choose the same samples again with hdus-peer forget, which writes the same list"
_LINES = re.compile(rb"([0-9a-f]{64}\n)*")


def read_lists(job: TrainingJob) -> frozenset[bytes]:
    """The digests of all samples that `job` forgets. Raises StorageError."""
    return frozenset(digest for name in job.forgotten for digest in _read(job.forgotten_in / name, name))


def write_list(digests: Collection[bytes], into: Path) -> str:
    """Make the list durable; its name. Raises StorageError."""
    content = b"".join(digest.hex().encode() + b"\n" for digest in sorted(set(digests)))
    name = hashlib.sha256(content).hexdigest()
    write_durably(into / name, content)
    return name


def _read(path: Path, name: str) -> list[bytes]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise StorageError(f"the list of forgotten samples {path} is missing; {REMEDY}") from None
    except OSError as problem:
        raise StorageError(
            f"the list of forgotten samples {path} cannot be read ({problem.strerror}); {REMEDY}"
        ) from problem
    if hashlib.sha256(content).hexdigest() != name or not _LINES.fullmatch(content):
        raise StorageError(f"the list of forgotten samples {path} was altered; {REMEDY}")
    return [bytes.fromhex(line.decode()) for line in content.split()]
