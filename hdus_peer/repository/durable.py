"""The repository of a real peer: one locked state directory with a ledger, sealed payloads and their keys.

    lock  ledger.sqlite  ballast  seeds/<sha256>  seeds/<sha256>.partial  keys/<sha256>

Rules
1. Files come before their row and go after it: what a crash leaves is either referenced and complete, or unreferenced
   and swept.
2. A full disk stops the admission of seeds, never an erasure: see `ballast`.
3. `seeds/` and `keys/` are caches of what others own and carry CACHEDIR.TAG (bford.info/cachedir): a restored backup
   must not bring back what was erased since.

Thread-safe, as long as one payload hash is worked on by one thread at a time. Absent on purpose: when anything is
erased or adopted (`protocol`), and `models/` (the trainer's).
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from hdus_peer.errors import RefusedError, StateError, StorageError
from hdus_peer.protocol.payload import Readable
from hdus_peer.protocol.step import Write
from hdus_peer.repository.ballast import Ballast
from hdus_peer.repository.disk import Disk, LocalDisk, write_durably
from hdus_peer.repository.keys import KeyFiles, read_key
from hdus_peer.repository.ledger import LEDGER_NAME, Ledger
from hdus_peer.repository.lock import DirectoryLock
from hdus_peer.repository.payloads import PayloadFiles, digest_of
from hdus_peer.repository.port import NOT_A_HASH, Location, Partial, Recovered, is_payload_hash, referenced
from hdus_peer.repository.strays import strays

BALLAST_BYTES = 1024 * 1024
CACHE_TAG_NAME = "CACHEDIR.TAG"
CACHE_TAG = b"Signature: 8a477f597d28d172789f06886806bc55\n# Seeds of other peers and their keys: not for backups.\n"
T = TypeVar("T")


class DurableRepository:
    """See `port.Repository`. Opening takes the directory's lock and raises StateError where it cannot be used."""

    def __init__(
        self,
        directory: Path,
        disk: Disk | None = None,
        ballast_bytes: int = BALLAST_BYTES,
        lock: DirectoryLock | None = None,
    ) -> None:
        """`ballast_bytes`: how much room is kept for notices and erasures on a full disk; `lock`: that which
        the caller has taken already, and keeps."""
        self._disk = LocalDisk() if disk is None else disk
        directory = directory.absolute()
        self._keys = KeyFiles(directory / "keys", self._disk)
        self._payloads = PayloadFiles(directory / "seeds", self._disk)
        self._disk.make_directory(directory)
        with ExitStack() as undo:
            self._lock = DirectoryLock(directory) if lock is None else None
            undo.callback(self._unlock)
            for cache in (self._keys.directory, self._payloads.directory):
                self._make_cache(cache)
            self._ballast = Ballast(directory, self._disk, ballast_bytes)
            self._ledger = self._with_room(lambda: Ledger(directory / LEDGER_NAME, self._disk))
            self._ballast.fill()
            undo.pop_all()

    def load(self) -> Recovered:
        return self._ledger.load()

    def commit(self, writes: Sequence[Write]) -> None:
        self._with_room(lambda: self._ledger.commit(writes))

    def begin(self, payload_sha256: str, payload_bytes: int) -> Partial:
        _check(payload_sha256)
        self._ballast.require(payload_bytes)
        return self._payloads.begin(payload_sha256, payload_bytes)

    def open_payload(self, payload_sha256: str) -> Readable | None:
        return self._payloads.open(payload_sha256) if is_payload_hash(payload_sha256) else None

    def put_key(self, payload_sha256: str, key: bytes) -> None:
        _check(payload_sha256)
        self._keys.put(payload_sha256, key)

    def key(self, payload_sha256: str) -> bytes | None:
        return self._keys.get(payload_sha256) if is_payload_hash(payload_sha256) else None

    def adopt(self, payload: Path, key: Path) -> tuple[str, int]:
        """The payload is copied, then the key is moved, then the payload's source removed: until the move both sources
        are whole, from it on the pair is. Done again after a crash, it goes on where it was."""
        found = digest_of(self._disk, payload)
        if found is None:
            raise StateError(f"There is no sealed seed at {payload}. Run `hdus-peer train` again.")
        payload_sha256, payload_bytes = found
        if read_key(self._disk, key) is None and self._keys.get(payload_sha256) is None:
            raise StateError(f"The key of the sealed seed is missing at {key}. Run `hdus-peer train` again.")
        self._ballast.require(payload_bytes)
        self._payloads.copy(payload, payload_sha256, payload_bytes)
        if read_key(self._disk, key) is not None:
            self._keys.take(payload_sha256, key)
        self._disk.unlink(payload)
        self._disk.sync_directory(payload.parent)
        return found

    def location(self, payload_sha256: str) -> Location:
        _check(payload_sha256)
        return Location(self._payloads.path(payload_sha256), self._keys.path(payload_sha256))

    def destroy(self, payloads: Iterable[str]) -> None:
        hashes = [payload for payload in payloads if is_payload_hash(payload)]
        key_names = [name for payload in hashes for name in self._keys.names_of(payload)]
        payload_names = [name for payload in hashes for name in self._payloads.names_of(payload)]
        self._with_room(lambda: self._destroy(key_names, payload_names))

    def sweep(self) -> list[str]:
        kept = referenced(self.load())
        key_names = strays(self._keys.names(), kept)
        payload_names = strays(self._payloads.names(), kept)
        self._with_room(lambda: self._destroy(list(key_names), list(payload_names)))
        return sorted({*key_names.values(), *payload_names.values()})

    def close(self) -> None:
        self._ledger.close()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.release()

    def _destroy(self, key_names: list[str], payload_names: list[str]) -> None:
        """Every key's bytes are gone before the first payload's name is."""
        self._keys.destroy(key_names)
        self._payloads.destroy(payload_names)
        self._keys.sync()
        self._payloads.sync()

    def _make_cache(self, directory: Path) -> None:
        self._disk.make_directory(directory)
        tag = directory / CACHE_TAG_NAME
        if self._disk.size(tag) is None:
            write_durably(self._disk, tag, CACHE_TAG)

    def _with_room(self, action: Callable[[], T]) -> T:
        """Sinks the ballast where the disk refuses, and tries once more."""
        try:
            return action()
        except StorageError:
            if not self._ballast.sink():
                raise
            return action()


def _check(payload_sha256: str) -> None:
    if not is_payload_hash(payload_sha256):
        raise RefusedError(NOT_A_HASH)
