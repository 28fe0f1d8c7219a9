"""A life of a repository as a list of acts, and what must be true of a directory that died somewhere in it.

The twin in memory is the oracle: after `done` acknowledged acts the directory must hold what the twin holds after
`done` acts or after one more, since the act under way may or may not have happened. The acts are those of a driver:
files before their row, destroyed after it.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hdus_peer.protocol.records import ErasureRow, HeldSeedRow, SelfRow
from hdus_peer.protocol.step import Delete, Put, Write
from hdus_peer.repository.durable import DurableRepository
from hdus_peer.repository.memory import MemoryRepository, MemoryState
from hdus_peer.repository.port import Recovered, Repository, referenced
from tests.repository import samples

BALLAST_BYTES = 512
TAG = "CACHEDIR.TAG"
WORKSHOP = "models"
Act = Callable[[Repository], None]


def acts(directory: Path, rounds: int = 1) -> list[Act]:
    """The life of the repository in `directory`, under which the trainer leaves its seeds too."""
    life: list[Act] = []
    for number in range(rounds):
        life += _round(directory / WORKSHOP / str(number), 10 * number, number)
    return life


def _round(workshop: Path, first: int, number: int) -> list[Act]:
    own, older, newer, half = (samples.payload_of(first + index) for index in range(4))
    older_sha, newer_sha, half_sha = map(samples.sha256, (older, newer, half))
    generation, last_own = 2 * number + 1, samples.sha256(samples.payload_of(first - 10))
    held = Delete(HeldSeedRow, (samples.OWNER.peer_id,))
    me = SelfRow(samples.ME.peer_id, state_sequence=number)
    return [
        _sweep,
        _adopt(workshop, first, own),
        _commit(Put(samples.own_seed(own, generation)), Put(me), Put(samples.erasure(1, last_own))),
        _destroy(last_own),
        _commit(Delete(ErasureRow, (1,))),
        _write(older, 0, 1100),
        _write(older, 1100, len(older)),
        _put_key(older_sha, first + 1),
        _commit(Put(samples.held_seed(older, generation))),
        _write(newer, 0, len(newer)),
        _put_key(newer_sha, first + 2),
        _commit(Put(samples.held_seed(newer, generation + 1)), Put(samples.erasure(2, older_sha))),
        _destroy(older_sha),
        _commit(Delete(ErasureRow, (2,))),
        _commit(Put(samples.tombstone(generation + 1)), held, Put(samples.erasure(3, newer_sha))),
        _destroy(newer_sha),
        _commit(Delete(ErasureRow, (3,))),
        _write(half, 0, 700),
        _put_key(half_sha, first + 3),
        _put_key(half_sha, first + 4),
        _sweep,
    ]


def _sweep(repository: Repository) -> None:
    repository.sweep()


def _commit(*writes: Write) -> Act:
    return lambda repository: repository.commit(writes)


def _destroy(*payloads: str) -> Act:
    return lambda repository: repository.destroy(payloads)


def _put_key(payload_sha256: str, number: int) -> Act:
    return lambda repository: repository.put_key(payload_sha256, samples.key_of_payload(number))


def _write(payload: bytes, start: int, end: int) -> Act:
    def act(repository: Repository) -> None:
        partial = repository.begin(samples.sha256(payload), len(payload))
        for offset in range(max(start, partial.offset), end, 1000):
            partial.write(payload[offset : min(offset + 1000, end)])
        if end == len(payload):
            partial.finish()
        partial.close()

    return act


def _adopt(workshop: Path, number: int, payload: bytes) -> Act:
    def act(repository: Repository) -> None:
        workshop.mkdir(parents=True, exist_ok=True)
        (workshop / "sealed").write_bytes(payload)
        (workshop / "key").write_bytes(samples.key_of_payload(number))
        repository.adopt(workshop / "sealed", workshop / "key")

    return act


@dataclass(frozen=True)
class Oracle:
    """What the twin holds before the first act and after each."""

    states: list[MemoryState]
    keys: dict[str, set[bytes]]

    @classmethod
    def of(cls, life: list[Act]) -> "Oracle":
        twin, states = MemoryRepository(), [MemoryState()]
        keys: dict[str, set[bytes]] = {}
        for act in life:
            act(twin)
            states.append(copy.deepcopy(twin.state))
            for payload_sha256, key in twin.state.keys.items():
                keys.setdefault(payload_sha256, set()).add(key)
        return cls(states, keys)

    def check(self, directory: Path, done: int) -> None:
        """The life ended after `done` acknowledged acts. Opens the directory like the next process would."""
        before, after = self.states[done], self.states[min(done + 1, len(self.states) - 1)]
        waiting = self._check_sources(directory)
        live = {*before.keys.values(), *after.keys.values(), *waiting}
        self._check_nowhere(directory, self._all_keys - live)
        repository = DurableRepository(directory, ballast_bytes=BALLAST_BYTES)
        try:
            rows = repository.load()
            assert rows.rows in (before.rows, after.rows), f"neither before nor after act {done}"
            if before.payloads == after.payloads:
                assert not list(directory.glob(f"{WORKSHOP}/*/*")), "an adopted seed is still where it was made"
            self._check_files(repository, before, after)
            self._check_referenced(repository, rows)
            repository.sweep()
            self._check_swept(directory, repository, rows, waiting)
        finally:
            repository.close()

    @property
    def _all_keys(self) -> set[bytes]:
        return {key for keys in self.keys.values() for key in keys}

    def check_freed(self, contents: list[bytes]) -> None:
        """No block that was given back to the disk still holds a key."""
        assert not [key for key in self._all_keys for content in contents if key in content]

    def _check_sources(self, directory: Path) -> set[bytes]:
        """A seed that was made is whole, there or in the repository; the keys of those that wait there."""
        waiting = set()
        for sealed in directory.glob(f"{WORKSHOP}/*/sealed"):
            payload_sha256 = samples.sha256(sealed.read_bytes())
            key = sealed.with_name("key")
            if key.exists():
                waiting.add(key.read_bytes())
            else:
                assert (directory / "seeds" / payload_sha256).read_bytes() == sealed.read_bytes()
                key = directory / "keys" / payload_sha256
            assert key.read_bytes() in self.keys[payload_sha256]
        assert len(waiting) == len(list(directory.glob(f"{WORKSHOP}/*/key")))
        return waiting

    def _check_files(self, repository: Repository, before: MemoryState, after: MemoryState) -> None:
        """What was there before and after is there; what was there neither before nor after is not."""
        for payload_sha256 in self.keys:
            served = repository.open_payload(payload_sha256)
            found = None if served is None else served.read(0, served.size)
            if served is not None:
                served.close()
            assert found in (before.payloads.get(payload_sha256), after.payloads.get(payload_sha256))
            allowed = {before.keys.get(payload_sha256), after.keys.get(payload_sha256)}
            assert repository.key(payload_sha256) in (allowed if len(allowed) == 1 else allowed | {None})

    def _check_referenced(self, repository: Repository, rows: Recovered) -> None:
        for payload_sha256 in referenced(rows):
            served = repository.open_payload(payload_sha256)
            assert served is not None
            assert samples.sha256(served.read(0, served.size)) == payload_sha256
            served.close()
            assert repository.key(payload_sha256) in self.keys[payload_sha256]

    def _check_swept(self, directory: Path, repository: Repository, rows: Recovered, waiting: set[bytes]) -> None:
        kept = referenced(rows)
        for cache in ("seeds", "keys"):
            assert {path.name for path in (directory / cache).iterdir()} == {TAG, *kept}
        live = {repository.key(payload_sha256) for payload_sha256 in kept}
        self._check_nowhere(directory, self._all_keys - live - waiting)

    def _check_nowhere(self, directory: Path, keys: set[bytes]) -> None:
        for path in directory.rglob("*"):
            content = path.read_bytes() if path.is_file() else b""
            assert not [key for key in keys if key in content], f"a destroyed key lies in {path}"
