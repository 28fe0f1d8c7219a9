"""`hdus-peer check`: what it says, what it changes, and how it ends."""

import json
from pathlib import Path

import pytest

from hdus_peer.admission import authority, credentials
from hdus_peer.repository.durable import DurableRepository
from hdus_peer.repository.lock import DirectoryLock
from tests.cli.conftest import Typed

STRANGE = "ab" * 32
LONG_AGO_S = 1_700_000_000


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("network")
    authority.create_network(place / "home", "home", "digits")
    authority.issue_file(place / "home", "mira", place / "mira.credentials")
    return place / "mira.credentials"


@pytest.fixture
def peer(state: Path, issued: Path) -> Path:
    """A state directory as a first start leaves it."""
    (state / "credentials").write_bytes(issued.read_bytes())
    (state / "credentials").chmod(0o600)
    DurableRepository(state).close()
    return state


def test_a_sound_directory(peer: Path, typed: Typed) -> None:
    shown = typed("check")
    assert (shown.exit_code, shown.stdout) == (0, f"{peer} is sound.\n")


def test_what_is_found_is_said_and_nothing_is_changed(peer: Path, typed: Typed) -> None:
    (peer / "keys" / STRANGE).write_bytes(b"k" * 32)
    (peer / "ballast").unlink()
    shown = typed("check")
    assert shown.exit_code == 5
    for part in (f"orphan: keys/{STRANGE}", "found: It is destroyed.", "3 found", "hdus-peer check --repair"):
        assert part in shown.stdout
    assert (peer / "keys" / STRANGE).exists()


def test_a_repair_says_what_was_done_and_ends_with_zero(peer: Path, typed: Typed) -> None:
    (peer / "keys" / STRANGE).write_bytes(b"k" * 32)
    (peer / "credentials").chmod(0o644)
    found = json.loads(typed("check", "--repair", "--json").stdout)
    assert found["is_sound"]
    assert {(each["kind"], each["outcome"]) for each in found["findings"]} >= {
        ("orphan", "mended"),
        ("permissions", "mended"),
    }
    assert typed("check").exit_code == 0


def test_what_remains_ends_with_five(peer: Path, typed: Typed) -> None:
    (peer / "ledger.sqlite").write_bytes(b"no database" * 400)
    (peer / "keys" / STRANGE).write_bytes(b"k" * 32)
    shown = typed("check", "--repair")
    assert shown.exit_code == 5
    assert "remains: Put the ledger's latest backup in its place" in shown.stdout
    assert (peer / "keys" / STRANGE).exists()


def test_without_credentials_nothing_is_judged(state: Path, typed: Typed) -> None:
    found = json.loads(typed("check", "--json").stdout)
    assert [each["kind"] for each in found["findings"]] == ["credentials"]


def test_expired_credentials_still_say_whose_directory_it_is(state: Path, typed: Typed, tmp_path: Path) -> None:
    authority.create_network(tmp_path / "old", "old", "digits", now_s=LONG_AGO_S)
    credentials.save(authority.issue(tmp_path / "old", "mira", days=1, now_s=LONG_AGO_S), state / "credentials")
    DurableRepository(state).close()
    assert typed("check").exit_code == 0


def test_credentials_that_anybody_may_read_are_closed_and_the_rest_is_checked(peer: Path, typed: Typed) -> None:
    (peer / "credentials").chmod(0o644)
    (peer / "ballast").unlink()
    found = json.loads(typed("check", "--json").stdout)["findings"]
    assert [(each["kind"], each["outcome"]) for each in found] == [("credentials", "found"), ("permissions", "found")]
    repaired = json.loads(typed("check", "--repair", "--json").stdout)
    assert [each["kind"] for each in repaired["findings"]] == ["credentials", "permissions", "missing"]
    assert repaired["is_sound"]


def test_a_running_daemon_is_a_refusal(peer: Path, typed: Typed) -> None:
    lock = DirectoryLock(peer)
    shown = typed("check", "--repair")
    lock.release()
    assert (shown.exit_code, shown.stdout) == (5, "")
    assert "another daemon is using it. Stop that one first" in shown.stderr


def test_no_state_directory(state: Path, typed: Typed) -> None:
    shown = typed("check", "--state", str(state / "nowhere"))
    assert shown.exit_code == 5
    assert "There is no state directory" in shown.stderr
    assert not (state / "nowhere").exists()
