"""What only a state directory can show: modes, locks, foreign and damaged files, full and read-only disks."""

import hashlib
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hdus_peer.errors import LocalError, StateError
from hdus_peer.protocol.records import ErasureRow, FloorRow
from hdus_peer.protocol.step import Put
from hdus_peer.repository.durable import DurableRepository
from tests.contracts.repository import fetch
from tests.repository import samples

IO_COUNTS = Path("/proc/self/io")
PAYLOAD = samples.payload_of(1)
SHA = samples.sha256(PAYLOAD)
KEY = samples.key_of_payload(1)
CACHE_SIGNATURE = "Signature: 8a477f597d28d172789f06886806bc55"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "a" / "state"


@pytest.fixture
def repository(directory: Path) -> Iterator[DurableRepository]:
    with closing(DurableRepository(directory)) as repository:
        yield repository


def test_nobody_else_may_read_it_and_caches_are_tagged(directory: Path, repository: DurableRepository) -> None:
    repository.put_key(fetch(repository, PAYLOAD), KEY)
    repository.begin("f" * 64, 10).write(b"half")
    repository.commit([Put(samples.held_seed(PAYLOAD))])
    found = [directory, *directory.rglob("*")]
    assert {"ledger.sqlite", "ledger.sqlite-wal", "lock", "ballast", SHA} <= {path.name for path in found}
    for path in found:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    for cache in ("seeds", "keys"):
        assert (
            (directory / cache / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")
        )


def test_the_location_is_where_the_files_are(repository: DurableRepository) -> None:
    repository.put_key(fetch(repository, PAYLOAD), KEY)
    location = repository.location(SHA)
    assert location.payload.is_absolute()
    assert location.payload.read_bytes() == PAYLOAD
    assert location.key.read_bytes() == KEY


def test_a_second_one_on_the_directory_is_refused_by_name(directory: Path, repository: DurableRepository) -> None:
    with pytest.raises(StateError, match=f"{directory} is in use: another daemon is using it"):
        DurableRepository(directory)
    repository.close()
    DurableRepository(directory).close()


def test_the_lock_dies_with_its_process(directory: Path) -> None:
    code = (
        "import sys, pathlib, hdus_peer.repository.durable as d; "
        "r = d.DurableRepository(pathlib.Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        with pytest.raises(StateError, match="in use"):
            DurableRepository(directory)
        holder.kill()
    DurableRepository(directory).close()


def test_a_lock_file_left_behind_means_nothing(directory: Path) -> None:
    directory.mkdir(parents=True)
    (directory / "lock").touch()
    DurableRepository(directory).close()


def test_a_directory_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="Choose another"):
        DurableRepository(tmp_path / "file" / "state")
    with pytest.raises(StateError, match="Choose another"):
        DurableRepository(tmp_path / "file")


@pytest.mark.parametrize("start", [0, 5000])
def test_a_damaged_ledger_is_refused_and_kept(directory: Path, start: int) -> None:
    with closing(DurableRepository(directory)) as repository:
        repository.commit([Put(row) for row in samples.one_of_each()])
    ledger = directory / "ledger.sqlite"
    damaged = ledger.read_bytes()[:start].ljust(20_000, b"\xa5")
    ledger.write_bytes(damaged)
    with pytest.raises(StateError, match=r"damaged.*backup"):
        DurableRepository(directory)
    assert ledger.read_bytes() == damaged


def test_a_later_schema_is_refused_and_the_lock_given_back(directory: Path) -> None:
    DurableRepository(directory).close()
    with sqlite3.connect(directory / "ledger.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    for _ in range(2):
        with pytest.raises(StateError, match="schema version 99"):
            DurableRepository(directory)


def test_a_reader_may_hold_the_ledger_open(directory: Path, repository: DurableRepository) -> None:
    row = FloorRow(samples.ME.peer_id, 1, "a")
    repository.commit([Put(row)])
    with closing(sqlite3.connect(f"file:{directory}/ledger.sqlite?mode=ro", uri=True)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM floor").fetchone() == (1,)
        repository.commit([Put(FloorRow(samples.OWNER.peer_id, 1, "b"))])
        assert reader.execute("SELECT count(*) FROM floor").fetchone() == (1,)
    assert len(repository.load().of(FloorRow)) == 2


def test_threads_may_commit_and_load_at_once(repository: DurableRepository) -> None:
    def commit(thread: int) -> None:
        for number in range(20):
            erasure = 100 * thread + number
            repository.commit([Put(samples.erasure(erasure)), Put(FloorRow(samples.ME.peer_id, erasure, "a"))])
            assert repository.load().of(ErasureRow)

    threads = [threading.Thread(target=commit, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(repository.load().of(ErasureRow)) == 80


def test_another_writer_is_named(
    directory: Path, repository: DurableRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository._ledger._connection.execute("PRAGMA busy_timeout = 1")
    with closing(sqlite3.connect(directory / "ledger.sqlite")) as intruder:
        intruder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateError, match="Another program is writing"):
            repository.commit([Put(FloorRow(samples.ME.peer_id, 1, "a"))])
    repository.commit([Put(FloorRow(samples.ME.peer_id, 1, "a"))])


def test_a_payload_damaged_on_the_disk_is_fetched_again(repository: DurableRepository) -> None:
    fetch(repository, PAYLOAD)
    repository.location(SHA).payload.write_bytes(PAYLOAD[::-1])
    assert repository.begin(SHA, len(PAYLOAD)).offset == 0
    assert repository.open_payload(SHA) is None
    assert fetch(repository, PAYLOAD) == SHA


def test_half_a_key_is_no_key_and_is_destroyed(directory: Path, repository: DurableRepository) -> None:
    half = directory / "keys" / f"{SHA}.new"
    half.write_bytes(KEY[:10])
    repository.destroy([SHA])
    assert not half.exists()
    (directory / "keys" / SHA).write_bytes(KEY[:10])
    assert repository.key(SHA) is None
    assert repository.sweep() == [SHA]


def test_sweep_leaves_the_files_of_others(directory: Path, repository: DurableRepository) -> None:
    for name in ("notes.txt", "A" * 64, "CACHEDIR.TAG.new"):
        (directory / "keys" / name).touch()
    (directory / "seeds" / ("a" * 64)).mkdir()
    assert repository.sweep() == []
    assert len(list((directory / "keys").iterdir())) == 4


def test_a_link_in_the_place_of_a_key_is_not_followed(directory: Path, repository: DurableRepository) -> None:
    victim = directory / "peer.toml"
    victim.write_text("important")
    (directory / "keys" / SHA).symlink_to(victim)
    with pytest.raises(LocalError):
        repository.key(SHA)
    repository.destroy([SHA])
    assert victim.read_text() == "important"


def test_an_adoption_is_continued_where_it_stopped(repository: DurableRepository, tmp_path: Path) -> None:
    """The crash came between the move of the key and the removal of the payload's source."""
    repository.put_key(fetch(repository, PAYLOAD), KEY)
    source = tmp_path / "sealed"
    source.write_bytes(PAYLOAD)
    assert repository.adopt(source, tmp_path / "key") == (SHA, len(PAYLOAD))
    assert not source.exists()


@pytest.mark.skipif(not IO_COUNTS.exists(), reason="this system does not count what a process reads")
def test_a_large_payload_is_hashed_as_it_comes(repository: DurableRepository) -> None:
    chunk, count = os.urandom(1 << 20), 10
    partial = repository.begin(hashlib.sha256(chunk * count).hexdigest(), count << 20)
    for _ in range(count):
        partial.write(chunk)
    before = _bytes_read()
    partial.finish()
    assert _bytes_read() - before < 1 << 20


def _bytes_read() -> int:
    return int(IO_COUNTS.read_text().split()[1])
