"""Every kind of finding, planted in a sound state directory: it is found, and mended or refused with a reason."""

import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from hdus_peer.domain.envelope import sign
from hdus_peer.domain.unlearning import ErasureReceipt
from hdus_peer.protocol.erasure import Cause
from hdus_peer.protocol.records import (
    TABLES,
    ErasureRow,
    FloorRow,
    GrantRow,
    HeldSeedRow,
    MemberRow,
    OwedReceiptRow,
    OwnSeedRow,
    Phase,
    SelfRow,
    TombstoneRow,
)
from hdus_peer.repository import schema
from hdus_peer.repository.check import Checked, check
from hdus_peer.repository.durable import DurableRepository
from hdus_peer.repository.findings import Finding
from hdus_peer.repository.lock import DirectoryLock
from hdus_peer.repository.port import Recovered
from hdus_peer.repository.repair import repair
from tests.repository import samples, soundness
from tests.repository.crash import Crash, CrashingDisk
from tests.repository.soundness import GENERATION, GONE, GRANT, HELD, HELD_SHA, ME, OWN_SHA, SLOW, THROUGH

STRANGE = "ab" * 32
PARTIAL = "cd" * 32
KEY = samples.key_of_payload(2)
OTHER, MINE = samples.OWNER.peer_id, samples.ME.peer_id


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return soundness.build(tmp_path / "state")


def checked(directory: Path) -> Checked:
    return check(directory, soundness.OWNER)


def mended(directory: Path) -> list[Finding]:
    """What is left after a repair."""
    lock = DirectoryLock(directory)
    repair(directory, checked(directory), lock)
    lock.release()
    return list(checked(directory).findings)


def load(directory: Path) -> Recovered:
    with closing(DurableRepository(directory)) as repository:
        return repository.load()


def sql(directory: Path, *statements: str) -> None:
    with closing(sqlite3.connect(directory / "ledger.sqlite", isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_a_sound_directory_has_no_findings_and_is_not_changed(directory: Path) -> None:
    before = {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    found = checked(directory)
    assert (found.findings, found.can_sweep) == ((), True)
    assert {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()} == before


def test_the_sound_directory_has_a_row_of_every_table_that_is_checked() -> None:
    assert {type(row) for row in soundness.rows()} == set(TABLES)


# --- what can be mended ---------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Fault:
    """`plant` does the damage; then `kind` is found at `place`, in words that hold `said`."""

    plant: Callable[[Path], object]
    kind: str
    place: str
    said: str


def write(name: str, content: bytes = b"some bytes") -> Callable[[Path], object]:
    def plant(directory: Path) -> None:
        path = directory / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o600)

    return plant


def remove(name: str) -> Callable[[Path], object]:
    return lambda directory: (directory / name).unlink()


def expose(name: str, mode: int) -> Callable[[Path], object]:
    return lambda directory: (directory / name).chmod(mode)


def put(*rows: object) -> Callable[[Path], object]:
    return lambda directory: soundness.add(directory, *rows)  # type: ignore[arg-type]


def run(*statements: str) -> Callable[[Path], object]:
    return lambda directory: sql(directory, *statements)


def erased_but_there(directory: Path) -> None:
    """A restored backup: the receipt is signed, and the key is there again."""
    receipt = ErasureReceipt(MINE, GONE.peer_id, THROUGH, (STRANGE,), 2, 30, "nonce", 1_700_000_002)
    soundness.add(directory, OwedReceiptRow(GONE.peer_id, sign(samples.ME, receipt)))
    write(f"keys/{STRANGE}")(directory)


def adopted_by_half(directory: Path) -> None:
    sealed = b"a sealed seed"
    for name in (f"seeds/{samples.sha256(sealed)}", "models/outbox/seed.sealed"):
        write(name, sealed)(directory)
    write("models/outbox/seed.key")(directory)


ROW = f"held_seed {OTHER[:8]}"
MENDABLE = {
    "a payload without a row": Fault(write(f"seeds/{STRANGE}"), "orphan", f"seeds/{STRANGE}", "no row"),
    "a key without a row": Fault(write(f"keys/{STRANGE}"), "orphan", f"keys/{STRANGE}", "no row"),
    "a payload that was never finished": Fault(
        write(f"seeds/{PARTIAL}.partial"), "half-written", f"seeds/{PARTIAL}.partial", "never finished"
    ),
    "a key that was never finished": Fault(
        write(f"keys/{HELD_SHA}.new"), "half-written", f"keys/{HELD_SHA}.new", "never finished"
    ),
    "an erasure that was interrupted": Fault(
        write("keys/" + "bb" * 32), "half-written", "keys/" + "bb" * 32, "interrupted"
    ),
    "an adoption that was interrupted": Fault(
        adopted_by_half, "half-written", f"seeds/{samples.sha256(b'a sealed seed')}", "adoption"
    ),
    "credentials that were never finished": Fault(
        write(".credentials.ab12_xyz"), "half-written", ".credentials.ab12_xyz", "never finished"
    ),
    "a checkpoint that was never finished": Fault(
        write("models/.checkpoint.safetensors.ab12_xyz"), "half-written", "models/.checkpoint", "never finished"
    ),
    "a ballast that was never finished": Fault(write("ballast.new"), "half-written", "ballast.new", "never finished"),
    "half an outbox": Fault(
        write("models/outbox/seed.key"), "half-written", "models/outbox/seed.key", "without its seed.sealed"
    ),
    "the other half of an outbox": Fault(
        write("models/outbox/seed.sealed"), "half-written", "models/outbox/seed.sealed", "without its seed.key"
    ),
    "an empty ledger": Fault(
        lambda directory: (
            [path.unlink() for path in directory.rglob("*") if path.is_file()]
            and write("ledger.sqlite", b"")(directory)
        ),
        "half-written",
        "ledger.sqlite",
        "begun",
    ),
    "a key that was erased": Fault(erased_but_there, "resurrected", f"keys/{STRANGE}", "receipt"),
    "a seed that its tombstone covers": Fault(
        put(soundness.tombstone(samples.OWNER, GRANT)), "resurrected", ROW, f"through {GRANT}"
    ),
    "a seed whose erasure was decided": Fault(
        put(ErasureRow(5, OTHER, "displaced", 0, 1, (HELD_SHA,))), "resurrected", ROW, "decided"
    ),
    "a seed of a peer that has left": Fault(
        put(soundness.tombstone(samples.ME, 2), replace(ME, phase=Phase.LEFT)), "resurrected", ROW, "has left"
    ),
    "this peer's own seed after its leave": Fault(
        put(soundness.tombstone(samples.ME, GENERATION), replace(ME, through_highest=GENERATION)),
        "resurrected",
        f"own_seed {MINE[:8]}",
        "unlearned",
    ),
    "a payload that is gone": Fault(remove(f"seeds/{HELD_SHA}"), "missing", ROW, "payload"),
    "a key that is gone": Fault(remove(f"keys/{HELD_SHA}"), "missing", ROW, "key"),
    "both of them gone": Fault(
        lambda directory: [remove(f"{cache}/{HELD_SHA}")(directory) for cache in ("seeds", "keys")],
        "missing",
        ROW,
        "payload",
    ),
    "the own payload gone": Fault(remove(f"seeds/{OWN_SHA}"), "missing", f"own_seed {MINE[:8]}", "payload"),
    "no ballast": Fault(remove("ballast"), "missing", "ballast", "room"),
    "no tag": Fault(remove("keys/CACHEDIR.TAG"), "missing", "keys/CACHEDIR.TAG", "backup"),
    "a payload of another size": Fault(write(f"seeds/{HELD_SHA}", HELD[:-1]), "corrupt", ROW, "2999 bytes"),
    "a payload of other bytes": Fault(write(f"seeds/{HELD_SHA}", HELD[:-1] + b"?"), "corrupt", ROW, "SHA-256"),
    "a key of another size": Fault(write(f"keys/{HELD_SHA}", KEY[:-1]), "corrupt", ROW, "no key"),
    "a key of zeros": Fault(write(f"keys/{OWN_SHA}", bytes(32)), "corrupt", f"own_seed {MINE[:8]}", "no key"),
    "a held seed that does not decode": Fault(run("UPDATE held_seed SET manifest = x'00'"), "corrupt", ROW, "no blob"),
    "a held seed whose manifest is forged": Fault(
        run("UPDATE held_seed SET manifest = CAST(substr(manifest, 1, length(manifest) - 1) || x'00' AS BLOB)"),
        "corrupt",
        ROW,
        "signature",
    ),
    "a held seed without any sense": Fault(
        run("UPDATE held_seed SET generation = 'x', \"grant\" = 'x'"), "corrupt", ROW, "cannot be used"
    ),
    "a held seed under another generation": Fault(
        run("UPDATE held_seed SET generation = 99"), "corrupt", ROW, "contradict"
    ),
    "an own seed that does not decode": Fault(
        run("UPDATE own_seed SET manifest = 'x'"), "corrupt", f"own_seed {MINE[:8]}", "no blob"
    ),
    "a member whose Hello is forged": Fault(
        run(f"UPDATE member SET hello = x'00' WHERE peer = '{OTHER}'"), "corrupt", f"member {OTHER[:8]}", "no blob"
    ),
    "a member without a membership": Fault(
        run(f"UPDATE member SET membership = x'00' WHERE peer = '{OTHER}'"),
        "corrupt",
        f"member {OTHER[:8]}",
        "no blob",
    ),
    "a key that anybody may read": Fault(
        expose(f"keys/{HELD_SHA}", 0o644), "permissions", f"keys/{HELD_SHA}", "anybody"
    ),
    "keys that anybody may list": Fault(expose("keys", 0o755), "permissions", "keys", "anybody"),
    "a ledger that anybody may read": Fault(expose("ledger.sqlite", 0o604), "permissions", "ledger.sqlite", "anybody"),
    "a directory that anybody may write to": Fault(expose(".", 0o777), "permissions", ".", "replace"),
    "a generation behind the own seed": Fault(
        put(replace(ME, generation_highest=7)), "inconsistent", "self", "generation_highest is 7, and 8 was used"
    ),
    "a grant number that was used": Fault(put(replace(ME, grant_highest=2)), "inconsistent", "self", "grant_highest"),
    "an erasure number that was used": Fault(
        put(replace(ME, erasure_highest=5)), "inconsistent", "self", "erasure_highest"
    ),
    "a notice that is forgotten": Fault(
        put(soundness.tombstone(samples.ME, 3)), "inconsistent", "self", "through_highest"
    ),
}


@pytest.mark.parametrize("fault", MENDABLE.values(), ids=MENDABLE)
def test_what_can_be_mended_is_found_and_mended(directory: Path, fault: Fault) -> None:
    fault.plant(directory)
    found = checked(directory).findings
    assert any(
        (each.kind, fault.said in each.problem, fault.place in each.place) == (fault.kind, True, True) for each in found
    ), found
    assert all(each.mend and each.remedy for each in found), found
    assert checked(directory).findings == found, "a check changes nothing"
    assert mended(directory) == []


def test_an_older_schema_is_migrated(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    later = schema.Migration(schema.latest() + 1, "more", "CREATE TABLE more (one INTEGER)")
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, later))
    (found,) = checked(directory).findings
    assert (found.kind, str(schema.latest()) in found.problem) == ("migration", True)
    assert mended(directory) == []


# --- what only the operator can mend --------------------------------------------------------------------------------
def zero_a_page(directory: Path) -> None:
    path = directory / "ledger.sqlite"
    content = path.read_bytes()
    path.write_bytes(content[:4096] + bytes(4096) + content[8192:])


REFUSED = {
    "a ledger that is none": (write("ledger.sqlite", b"no database" * 999), "ledger", "not a database", "backup"),
    "a page of zeros": (zero_a_page, "ledger", "malformed", "backup"),
    "a later schema": (run("PRAGMA user_version = 99"), "ledger", "schema version 99", "Nothing of it is touched"),
    "tables of another version": (run("DROP TABLE floor"), "ledger", "tables are not those", "backup"),
    "no ledger beside seeds": (remove("ledger.sqlite"), "ledger", "missing", "backup"),
    "no counters": (run("DELETE FROM self"), "inconsistent", "counters are gone", "backup"),
    "counters of another peer": (run(f"UPDATE self SET peer = '{OTHER}'"), "corrupt", "contradict", "backup"),
    "a phase that is none": (run("UPDATE self SET phase = 'asleep'"), "corrupt", "contradict", "backup"),
    "a tombstone that does not decode": (run("UPDATE tombstone SET notice = x'00'"), "corrupt", "no blob", "backup"),
    "a tombstone that its owner did not sign": (
        put(replace(soundness.tombstone(SLOW, 5), owner=GONE.peer_id)),
        "corrupt",
        "contradict",
        "backup",
    ),
    "a receipt that does not decode": (run("UPDATE receipt SET receipt = x'00'"), "corrupt", "no blob", "backup"),
    "an erasure without a cause": (run("UPDATE erasure SET cause = 'whim'"), "corrupt", "contradict", "backup"),
    "a grant closed by nothing known": (run("UPDATE \"grant\" SET closed_by = '?'"), "corrupt", "contradict", "backup"),
    "what is owed, forged": (
        run("UPDATE owed_receipt SET receipt = CAST(substr(receipt, 1, length(receipt) - 1) || x'00' AS BLOB)"),
        "corrupt",
        "signature",
        "backup",
    ),
    "a member that exists twice": (
        run(f"UPDATE member SET membership = x'00' WHERE peer = '{SLOW.peer_id}'"),
        "corrupt",
        "no blob",
        "must not be forgotten",
    ),
    "a state that went backwards": (
        put(replace(ME, state_sequence=3)),
        "inconsistent",
        "state_sequence is 3, and 31 was told",
        "Start this peer",
    ),
    "a list of forgotten samples that is gone": (
        remove(f"forgotten/{samples.sha256(soundness.FORGOTTEN)}"),
        "missing",
        "2 forgotten samples",
        "hdus-peer forget",
    ),
    "a leave without its notice": (
        lambda directory: sql(directory, "UPDATE self SET phase = 'leaving'", "DELETE FROM held_seed"),
        "inconsistent",
        "the notice for it is gone",
        "backup",
    ),
}


def test_an_altered_list_of_forgotten_samples_is_refused(directory: Path) -> None:
    place = f"forgotten/{samples.sha256(soundness.FORGOTTEN)}"
    write(place, b"another list")(directory)
    (found,) = checked(directory).findings
    assert (found.kind, found.place, found.mend) == ("corrupt", place, None)
    assert "hdus-peer forget" in found.remedy


@pytest.mark.parametrize(("plant", "kind", "said", "remedy"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_mended_is_refused_with_a_reason(
    directory: Path, plant: Callable[[Path], object], kind: str, said: str, remedy: str
) -> None:
    plant(directory)
    before = (directory / "ledger.sqlite").read_bytes() if (directory / "ledger.sqlite").exists() else None
    (found,) = [each for each in checked(directory).findings if said in each.problem]
    assert (found.kind, found.mend, remedy in found.remedy) == (kind, None, True)
    write(f"keys/{STRANGE}")(directory)
    left = mended(directory)
    assert found in left
    if kind in ("ledger", "corrupt"):
        assert (directory / "keys" / STRANGE).exists(), "nothing is swept by a ledger that cannot be read"
    if kind == "ledger" and before is not None:
        assert (directory / "ledger.sqlite").read_bytes() == before


# --- what a repair leaves behind ------------------------------------------------------------------------------------
def test_a_seed_that_was_lost_is_released_at_the_next_start(directory: Path) -> None:
    remove(f"keys/{HELD_SHA}")(directory)
    assert mended(directory) == []
    rows = load(directory)
    assert rows.of(HeldSeedRow) == []
    assert FloorRow(OTHER, GRANT, HELD_SHA) in rows.of(FloorRow)
    assert rows.of(ErasureRow)[-1] == ErasureRow(7, OTHER, Cause.LOST, 0, GRANT, (HELD_SHA,))
    me = replace(ME, state_sequence=41, erasure_highest=7)
    assert rows.of(SelfRow) == [me]
    assert not (directory / "seeds" / HELD_SHA).exists()


@pytest.mark.parametrize("damage", ["generation = 99", "payload_sha256 = 'x'", "manifest = x'00'"])
def test_a_damaged_row_is_released_by_what_its_owner_signed(directory: Path, damage: str) -> None:
    """A floor of the row's own, wrong generation would refuse the seed for ever."""
    sql(directory, f"UPDATE held_seed SET {damage}")
    assert mended(directory) == []
    rows = load(directory)
    assert FloorRow(OTHER, GRANT, HELD_SHA) in rows.of(FloorRow)
    assert rows.of(ErasureRow)[-1] == ErasureRow(7, OTHER, Cause.LOST, 0, GRANT, (HELD_SHA,))


@pytest.mark.parametrize("damage", ["\"grant\" = x'00'", f"owner = '{SLOW.peer_id}'"])
def test_a_row_whose_grant_is_not_known_is_only_dropped(directory: Path, damage: str) -> None:
    sql(directory, f"UPDATE held_seed SET {damage}")
    assert mended(directory) == []
    rows = load(directory)
    assert rows.of(HeldSeedRow) == []
    assert [row.erasure for row in rows.of(ErasureRow)] == [6]
    assert [row.owner for row in rows.of(FloorRow)] == [SLOW.peer_id]


def test_a_seed_that_was_unlearned_is_owed_a_receipt_and_its_tombstone_stays(directory: Path) -> None:
    covering = soundness.tombstone(samples.OWNER, 9)
    soundness.add(directory, covering, ErasureRow(2, OTHER, "superseded", 0, 1, ("dd" * 32,)))
    assert mended(directory) == []
    rows = load(directory)
    assert covering in rows.of(TombstoneRow)
    expected = ErasureRow(7, OTHER, Cause.NOTICE, 9, GRANT, (HELD_SHA, "dd" * 32))
    assert rows.of(ErasureRow)[-1] == expected
    assert [row.owner for row in rows.of(FloorRow)] == [SLOW.peer_id]
    assert rows.of(OwedReceiptRow) == [row for row in soundness.rows() if isinstance(row, OwedReceiptRow)]


def test_a_generation_is_never_used_twice(directory: Path) -> None:
    """The own seed is dropped, and the counter of generations was behind it."""
    soundness.add(directory, replace(ME, generation_highest=1))
    remove(f"seeds/{OWN_SHA}")(directory)
    assert mended(directory) == []
    rows = load(directory)
    assert rows.of(OwnSeedRow) == []
    assert rows.of(SelfRow)[0].generation_highest == GENERATION


def test_several_repairs_are_one_commit_and_every_erasure_has_a_number(directory: Path) -> None:
    third = samples.payload_of(3)
    soundness.add(directory, samples.held_seed(third, 2, SLOW), replace(ME, erasure_highest=3))
    remove(f"seeds/{HELD_SHA}")(directory)
    assert mended(directory) == []
    rows = load(directory)
    numbers = {row.erasure: row.owner for row in rows.of(ErasureRow)}
    assert sorted(numbers) == [6, 7, 8]
    assert {numbers[7], numbers[8]} == {OTHER, SLOW.peer_id}
    assert rows.of(SelfRow)[0].erasure_highest == 8
    assert rows.of(SelfRow)[0].state_sequence == 41


def test_a_presumed_holder_is_no_contradiction(directory: Path) -> None:
    soundness.add(directory, GrantRow(2, SLOW.peer_id, 1_700_000_000, 0, "", 0, 0, ""))
    assert checked(directory).findings == ()


def test_a_member_keeps_its_row_where_only_its_hello_is_damaged(directory: Path) -> None:
    sql(directory, f"UPDATE member SET hello = x'00' WHERE peer = '{OTHER}'")
    assert mended(directory) == []
    assert [row.hello for row in load(directory).of(MemberRow)] == [None, None]


def test_permissions_become_the_owners_alone(directory: Path) -> None:
    (directory / "keys" / HELD_SHA).chmod(0o666)
    (directory / "keys").chmod(0o777)
    assert mended(directory) == []
    assert stat.S_IMODE((directory / "keys" / HELD_SHA).stat().st_mode) == 0o600
    assert stat.S_IMODE((directory / "keys").stat().st_mode) == 0o700


def test_what_is_not_ours_is_left_alone(directory: Path) -> None:
    for name in ("keys/README", "models/.hidden", "notes.txt", "models/outbox/other"):
        write(name)(directory)
    assert checked(directory).findings == ()
    assert mended(directory) == []
    assert (directory / "keys" / "README").exists()


def test_a_ballast_of_another_size_keeps_it(directory: Path) -> None:
    (directory / "ballast").write_bytes(bytes(2_000_000))
    write(f"keys/{STRANGE}")(directory)
    assert mended(directory) == []
    assert (directory / "ballast").stat().st_size == 2_000_000


@pytest.mark.slow
def test_a_crash_in_a_repair_leaves_what_the_next_one_mends(tmp_path: Path) -> None:
    """At any operation; and a key that was to be destroyed is found nowhere afterwards."""
    crash_at, is_done = 0, False
    while not is_done:
        directory = soundness.build(tmp_path / str(crash_at))
        write("seeds/" + STRANGE)(directory)
        write(f"seeds/{HELD_SHA}", b"damaged")(directory)
        (directory / "ballast").unlink()
        lock, disk = DirectoryLock(directory), CrashingDisk(crash_at)
        try:
            repair(directory, check(directory, soundness.OWNER), lock, disk)
            is_done = True
        except Crash:
            crash_at += 1
        finally:
            lock.release()
        assert mended(directory) == []
        assert load(directory).of(HeldSeedRow) == []
        assert [row.cause for row in load(directory).of(ErasureRow)] == ["superseded", "lost"]
        assert not [path for path in directory.rglob("*") if path.is_file() and KEY in path.read_bytes()]
    assert crash_at > 10
