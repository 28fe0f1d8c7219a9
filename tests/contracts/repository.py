"""What every repository does (see `hdus_peer.repository.port`): subclass, and give a `place` to open one in."""

from pathlib import Path
from typing import Protocol

import pytest

from hdus_peer.errors import RefusedError, StateError
from hdus_peer.protocol.records import TABLES, ErasureRow, FloorRow, GrantRow, HeldSeedRow, OwnSeedRow, SelfRow, key_of
from hdus_peer.protocol.step import Delete, Put
from hdus_peer.repository.port import Repository
from tests.repository import samples

PAYLOAD = samples.payload_of(1)
SHA = samples.sha256(PAYLOAD)
KEY = samples.key_of_payload(1)


class Place(Protocol):
    """Where a repository lives on while processes come and go; at most one is open."""

    def open(self) -> Repository: ...

    def close(self) -> None: ...


def fetch(repository: Repository, payload: bytes, chunk_bytes: int = 1000) -> str:
    partial = repository.begin(samples.sha256(payload), len(payload))
    for offset in range(partial.offset, len(payload), chunk_bytes):
        partial.write(payload[offset : offset + chunk_bytes])
    partial.finish()
    partial.close()
    return samples.sha256(payload)


def bytes_of(repository: Repository, payload_sha256: str) -> bytes | None:
    served = repository.open_payload(payload_sha256)
    if served is None:
        return None
    found = served.read(0, served.size)
    served.close()
    return found


class RepositoryContract:
    @pytest.fixture
    def repository(self, place: Place) -> Repository:
        return place.open()

    def test_a_new_one_is_empty(self, repository: Repository) -> None:
        recovered = repository.load()
        assert all(recovered.of(table) == [] for table in TABLES)
        assert repository.sweep() == []

    def test_rows_of_every_table_come_back_equal(self, place: Place, repository: Repository) -> None:
        rows = samples.one_of_each()
        repository.commit([Put(row) for row in rows])
        place.close()
        recovered = place.open().load()
        for table in TABLES:
            expected = sorted((row for row in rows if type(row) is table), key=key_of)
            assert expected
            assert recovered.of(table) == expected

    def test_a_put_replaces_the_row_of_its_key(self, repository: Repository) -> None:
        repository.commit([Put(FloorRow(samples.ME.peer_id, 1, "a")), Put(FloorRow(samples.OWNER.peer_id, 1, "b"))])
        repository.commit([Put(FloorRow(samples.ME.peer_id, 2, "c"))])
        assert {row.owner: row.generation for row in repository.load().of(FloorRow)} == {
            samples.ME.peer_id: 2,
            samples.OWNER.peer_id: 1,
        }

    def test_a_delete_removes_one_row_and_a_missing_one_is_no_error(self, place: Place, repository: Repository) -> None:
        grants = [GrantRow(number, samples.ME.peer_id, 1, 1, "n", 1, 1, "") for number in (1, 2)]
        repository.commit([Put(grant) for grant in grants])
        repository.commit([Delete(GrantRow, (1,)), Delete(GrantRow, (9,)), Delete(SelfRow, (samples.ME.peer_id,))])
        place.close()
        assert place.open().load().of(GrantRow) == grants[1:]

    def test_writes_of_one_commit_apply_in_order(self, repository: Repository) -> None:
        row = FloorRow(samples.ME.peer_id, 1, "a")
        repository.commit([Put(row), Delete(FloorRow, key_of(row))])
        assert repository.load().of(FloorRow) == []

    def test_a_commit_that_cannot_be_applied_changes_nothing(self, repository: Repository) -> None:
        with pytest.raises((KeyError, AttributeError)):
            repository.commit([Put(FloorRow(samples.ME.peer_id, 1, "a")), Put("no row")])  # type: ignore[arg-type]
        assert repository.load().of(FloorRow) == []

    def test_a_payload_is_served_only_when_complete(self, repository: Repository) -> None:
        partial = repository.begin(SHA, len(PAYLOAD))
        assert partial.offset == 0
        partial.write(PAYLOAD[:1000])
        assert partial.offset == 1000
        assert repository.open_payload(SHA) is None
        partial.write(PAYLOAD[1000:])
        assert repository.open_payload(SHA) is None
        partial.finish()
        assert bytes_of(repository, SHA) == PAYLOAD

    def test_a_served_payload_is_read_at_any_offset(self, repository: Repository) -> None:
        fetch(repository, PAYLOAD)
        served = repository.open_payload(SHA)
        assert served is not None
        assert served.size == len(PAYLOAD)
        assert served.read(10, 20) == PAYLOAD[10:30]
        assert served.read(len(PAYLOAD) - 5, 100) == PAYLOAD[-5:]
        assert served.read(len(PAYLOAD), 100) == b""
        served.close()
        served.close()

    def test_a_fetch_is_resumed_after_a_restart(self, place: Place, repository: Repository) -> None:
        partial = repository.begin(SHA, len(PAYLOAD))
        partial.write(PAYLOAD[:1234])
        partial.close()
        place.close()
        repository = place.open()
        partial = repository.begin(SHA, len(PAYLOAD))
        assert partial.offset == 1234
        partial.write(PAYLOAD[1234:])
        partial.finish()
        assert bytes_of(repository, SHA) == PAYLOAD

    def test_a_partial_longer_than_what_is_announced_starts_over(self, repository: Repository) -> None:
        longer = repository.begin(SHA, 2 * len(PAYLOAD))
        longer.write(PAYLOAD + b"x")
        longer.close()
        assert repository.begin(SHA, len(PAYLOAD)).offset == 0
        assert fetch(repository, PAYLOAD) == SHA

    def test_a_complete_payload_needs_nothing_more(self, place: Place, repository: Repository) -> None:
        fetch(repository, PAYLOAD)
        place.close()
        repository = place.open()
        again = repository.begin(SHA, len(PAYLOAD))
        assert again.offset == len(PAYLOAD)
        with pytest.raises(RefusedError, match="oversized"):
            again.write(b"x")
        again.finish()
        again.close()
        assert bytes_of(repository, SHA) == PAYLOAD

    def test_an_empty_payload_is_a_payload(self, repository: Repository) -> None:
        assert bytes_of(repository, fetch(repository, b"")) == b""

    def test_more_than_announced_is_refused(self, repository: Repository) -> None:
        partial = repository.begin(SHA, len(PAYLOAD))
        partial.write(PAYLOAD[:-1])
        with pytest.raises(RefusedError, match="oversized"):
            partial.write(b"xy")
        assert partial.offset == len(PAYLOAD) - 1
        partial.write(PAYLOAD[-1:])
        partial.finish()

    def test_a_truncated_payload_is_refused_and_destroyed(self, repository: Repository) -> None:
        partial = repository.begin(SHA, len(PAYLOAD))
        partial.write(PAYLOAD[:-1])
        with pytest.raises(RefusedError, match="truncated"):
            partial.finish()
        assert repository.open_payload(SHA) is None
        assert repository.begin(SHA, len(PAYLOAD)).offset == 0

    def test_a_wrong_hash_is_refused_and_destroyed(self, repository: Repository) -> None:
        partial = repository.begin(SHA, len(PAYLOAD))
        partial.write(PAYLOAD[:-1] + bytes([PAYLOAD[-1] ^ 1]))
        with pytest.raises(RefusedError, match="wrong-hash"):
            partial.finish()
        assert repository.open_payload(SHA) is None
        assert repository.begin(SHA, len(PAYLOAD)).offset == 0

    def test_a_resumed_payload_with_other_bytes_is_refused(self, place: Place, repository: Repository) -> None:
        partial = repository.begin(SHA, len(PAYLOAD))
        partial.write(b"other bytes")
        partial.close()
        place.close()
        partial = place.open().begin(SHA, len(PAYLOAD))
        partial.write(PAYLOAD[partial.offset :])
        with pytest.raises(RefusedError, match="wrong-hash"):
            partial.finish()

    def test_a_payload_destroyed_on_its_way_in_does_not_come_back(self, repository: Repository) -> None:
        partial = repository.begin(SHA, len(PAYLOAD))
        partial.write(PAYLOAD[:100])
        repository.destroy([SHA])
        partial.write(PAYLOAD[100:])
        with pytest.raises(RefusedError, match="destroyed"):
            partial.finish()
        assert repository.open_payload(SHA) is None

    def test_a_later_try_is_not_completed_by_a_destroyed_one(self, repository: Repository) -> None:
        destroyed = repository.begin(SHA, len(PAYLOAD))
        destroyed.write(PAYLOAD)
        repository.destroy([SHA])
        later = repository.begin(SHA, len(PAYLOAD))
        later.write(PAYLOAD[:10])
        with pytest.raises(RefusedError, match="destroyed"):
            destroyed.finish()
        assert repository.open_payload(SHA) is None
        later.write(PAYLOAD[10:])
        later.finish()
        assert bytes_of(repository, SHA) == PAYLOAD

    @pytest.mark.parametrize("name", ["", "../ledger.sqlite", "AB" * 32, "a" * 63, "a" * 64 + "\n", "a" * 64 + ".new"])
    def test_what_is_no_hash_names_nothing(self, repository: Repository, name: str) -> None:
        for refused in (lambda: repository.begin(name, 1), lambda: repository.put_key(name, KEY)):
            with pytest.raises(RefusedError):
                refused()
        with pytest.raises(RefusedError):
            repository.location(name)
        assert repository.open_payload(name) is None
        assert repository.key(name) is None
        repository.destroy([name])
        repository.commit([])

    def test_a_key_is_kept_beside_its_payload(self, place: Place, repository: Repository) -> None:
        assert repository.key(SHA) is None
        repository.put_key(SHA, KEY)
        repository.put_key(SHA, KEY)
        place.close()
        assert place.open().key(SHA) == KEY

    def test_another_key_replaces_it(self, repository: Repository) -> None:
        repository.put_key(SHA, samples.key_of_payload(2))
        repository.put_key(SHA, KEY)
        assert repository.key(SHA) == KEY

    @pytest.mark.parametrize("key", [b"", b"short", bytes(32), bytes([1]) * 33])
    def test_what_is_no_key_is_refused(self, repository: Repository, key: bytes) -> None:
        with pytest.raises(StateError, match="32"):
            repository.put_key(SHA, key)
        assert repository.key(SHA) is None

    def test_destroyed_is_gone_and_destroying_again_is_no_error(self, place: Place, repository: Repository) -> None:
        other = samples.payload_of(2)
        for payload in (PAYLOAD, other):
            repository.put_key(fetch(repository, payload), KEY)
        half = samples.payload_of(3)
        repository.begin(samples.sha256(half), len(half)).write(half[:10])
        for _ in range(2):
            repository.destroy([SHA, samples.sha256(half), "f" * 64])
        place.close()
        repository = place.open()
        assert repository.open_payload(SHA) is None
        assert repository.key(SHA) is None
        assert repository.begin(samples.sha256(half), len(half)).offset == 0
        assert bytes_of(repository, samples.sha256(other)) == other
        assert repository.key(samples.sha256(other)) == KEY

    def test_sweep_leaves_what_a_row_refers_to_and_nothing_else(self, place: Place, repository: Repository) -> None:
        mine, held, late, half, lone = (samples.payload_of(number) for number in range(5))
        for payload in (mine, held, late):
            repository.put_key(fetch(repository, payload), KEY)
        repository.put_key(samples.sha256(lone), KEY)
        repository.begin(samples.sha256(half), len(half)).write(half[:10])
        repository.commit([Put(samples.own_seed(mine)), Put(samples.held_seed(held))])
        place.close()
        repository = place.open()
        assert repository.sweep() == sorted(map(samples.sha256, (late, half, lone)))
        assert repository.sweep() == []
        for kept in (mine, held):
            assert bytes_of(repository, samples.sha256(kept)) == kept
            assert repository.key(samples.sha256(kept)) == KEY
        assert bytes_of(repository, samples.sha256(late)) is None
        assert repository.key(samples.sha256(lone)) is None
        assert repository.begin(samples.sha256(half), len(half)).offset == 0

    def test_a_sweep_follows_the_rows(self, repository: Repository) -> None:
        repository.put_key(fetch(repository, PAYLOAD), KEY)
        repository.commit([Put(samples.held_seed(PAYLOAD))])
        assert repository.sweep() == []
        repository.commit([Delete(HeldSeedRow, (samples.OWNER.peer_id,)), Put(samples.erasure(1, SHA))])
        assert repository.load().of(ErasureRow)[0].payloads == (SHA,)
        assert repository.sweep() == [SHA]

    def test_a_made_seed_is_adopted(self, place: Place, repository: Repository, tmp_path: Path) -> None:
        payload, key = tmp_path / "seed.sealed", tmp_path / "seed.key"
        payload.write_bytes(PAYLOAD)
        key.write_bytes(KEY)
        assert repository.adopt(payload, key) == (SHA, len(PAYLOAD))
        assert not payload.exists()
        assert not key.exists()
        repository.commit([Put(samples.own_seed(PAYLOAD))])
        place.close()
        repository = place.open()
        assert repository.sweep() == []
        assert repository.load().of(OwnSeedRow)[0].manifest.statement.payload_sha256 == SHA
        assert bytes_of(repository, SHA) == PAYLOAD
        assert repository.key(SHA) == KEY

    @pytest.mark.parametrize("missing", ["payload", "key"])
    def test_half_a_made_seed_is_no_seed(self, repository: Repository, tmp_path: Path, missing: str) -> None:
        payload, key = tmp_path / "seed.sealed", tmp_path / "seed.key"
        payload.write_bytes(PAYLOAD)
        key.write_bytes(KEY)
        {"payload": payload, "key": key}[missing].unlink()
        with pytest.raises(StateError, match="train"):
            repository.adopt(payload, key)
        assert repository.sweep() == []

    def test_a_location_names_both_files(self, repository: Repository) -> None:
        location = repository.location(SHA)
        assert location.payload.name == location.key.name == SHA
        assert location.payload != location.key

    def test_a_closed_one_takes_nothing(self, place: Place, repository: Repository) -> None:
        place.close()
        with pytest.raises(StateError, match="closed"):
            repository.commit([Put(FloorRow(samples.ME.peer_id, 1, "a"))])
        with pytest.raises(StateError, match="closed"):
            repository.load()
