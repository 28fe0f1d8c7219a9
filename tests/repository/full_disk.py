"""What a repository does on a disk that is really full or read-only; run as a child process with that disk mounted.

Each function gets the mount's path, and fails by assertion. The mounts live in a name space of the child and are gone
with it.
"""

import os
import resource
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from hdus_peer.errors import StorageError
from hdus_peer.protocol.records import ErasureRow, TombstoneRow
from hdus_peer.protocol.step import Delete, Put
from hdus_peer.repository.durable import BALLAST_BYTES, DurableRepository
from tests.contracts.repository import bytes_of, fetch
from tests.repository import samples

MEBIBYTE = 1 << 20
PAYLOAD = samples.payload_of(1, MEBIBYTE)
SHA = samples.sha256(PAYLOAD)
KEY = samples.key_of_payload(1)
COMING = samples.payload_of(2, 2 * MEBIBYTE)


def fill(place: Path) -> Path:
    """Take every free byte of the disk."""
    filler = place / "filler"
    with filler.open("ab", buffering=0) as file:
        for size in (MEBIBYTE, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return filler


def commits_until_refused(repository: DurableRepository, ballast: Path) -> tuple[int, int]:
    """How many commits of about 14 KB went through, and how many of them while the ballast was there."""
    count = beside = 0
    while _is_taken(repository, count):
        count += 1
        beside += ballast.exists()
    with pytest.raises(StorageError, match="Free some space"):
        repository.commit([Put(_large(count))])
    return count, beside


def _is_taken(repository: DurableRepository, number: int) -> bool:
    try:
        repository.commit([Put(_large(number))])
    except StorageError:
        return False
    return True


def _large(number: int) -> ErasureRow:
    return samples.erasure(number, *[f"{payload:064x}" for payload in range(200)])


def full(place: Path) -> None:
    """Admission stops, notices and erasures do not; with room again, all goes on."""
    directory = place / "state"
    ballast = directory / "ballast"
    with closing(DurableRepository(directory)) as repository:
        repository.put_key(fetch(repository, PAYLOAD, MEBIBYTE), KEY)
        repository.commit([Put(samples.held_seed(PAYLOAD))])
        partial = repository.begin(samples.sha256(COMING), len(COMING))
        filler = fill(place)
        with pytest.raises(StorageError, match="Free some space"):
            partial.write(COMING)
        partial.close()
        with pytest.raises(StorageError, match="No seed is taken in"):
            repository.begin("f" * 64, 10)
        assert ballast.stat().st_size == BALLAST_BYTES

        count, beside = commits_until_refused(repository, ballast)
        assert count - beside > 20, "the ballast kept room for notices"
        assert not ballast.exists()
        assert len(repository.load().of(ErasureRow)) == count

        repository.destroy([SHA, samples.sha256(COMING)])
        assert bytes_of(repository, SHA) is None
        repository.commit([Put(samples.tombstone())])
        filler.unlink()
        assert fetch(repository, COMING, MEBIBYTE) == samples.sha256(COMING)
        assert ballast.stat().st_size == BALLAST_BYTES


def start(place: Path) -> None:
    """A peer starts on a full disk, erases, and takes in nothing."""
    directory = place / "state"
    with closing(DurableRepository(directory)) as repository:
        repository.put_key(fetch(repository, PAYLOAD, MEBIBYTE), KEY)
    fill(place)
    with closing(DurableRepository(directory)) as repository:
        repository.commit([Put(samples.tombstone())])
        assert repository.sweep() == [SHA]
        assert len(repository.load().of(TombstoneRow)) == 1


def larger(place: Path) -> None:
    """What cannot fit is refused before its first byte."""
    with closing(DurableRepository(place / "state")) as repository:
        with pytest.raises(StorageError, match="are to come"):
            repository.begin(SHA, 1 << 40)
        assert not list((place / "state" / "seeds").glob("*.partial"))


def first(place: Path) -> None:
    """No state directory is made on a full disk, and none half-made is in the way afterwards."""
    filler = fill(place)
    with pytest.raises(StorageError, match="Free some space"):
        DurableRepository(place / "state")
    filler.unlink()
    DurableRepository(place / "state").close()


def read_only(place: Path) -> None:
    DurableRepository(place / "state").close()
    subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
    with pytest.raises(StorageError, match="cannot be written"):
        DurableRepository(place / "state")
    with pytest.raises(StorageError, match="cannot be written"):
        DurableRepository(place / "another")


def limited(place: Path) -> None:
    """A limit on the size of files: every write beyond it is refused, and what was acknowledged stays."""
    with closing(DurableRepository(place / "state", ballast_bytes=4096)) as repository:
        resource.setrlimit(resource.RLIMIT_FSIZE, (MEBIBYTE, resource.RLIM_INFINITY))
        partial = repository.begin(samples.sha256(COMING), len(COMING))
        with pytest.raises(StorageError, match="Free some space"):
            partial.write(COMING)
        partial.close()
        count, _ = commits_until_refused(repository, place / "state" / "ballast")
        assert len(repository.load().of(ErasureRow)) == count > 0
        repository.destroy([samples.sha256(COMING)])
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        repository.commit([Delete(ErasureRow, (0,))])
        assert fetch(repository, COMING, MEBIBYTE) == samples.sha256(COMING)
    with closing(DurableRepository(place / "state")) as repository:
        assert len(repository.load().of(ErasureRow)) == count - 1


MOUNTED = {"full": full, "start": start, "larger": larger, "first": first, "read_only": read_only}
CASES = {**MOUNTED, "limited": limited}

if __name__ == "__main__":
    os.umask(0o022)
    CASES[sys.argv[1]](Path(sys.argv[2]))
