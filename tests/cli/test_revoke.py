"""`hdus-peer network revoke` writes one file; `network tell` hands it to a running peer."""

import json
from pathlib import Path

import pytest

from hdus_peer.admission.authority import create_network, issue_file, open_network
from hdus_peer.admission.revocation import load_revocation
from tests.cli.conftest import Typed
from tests.control.memory_daemon import BELA, MemoryDaemon


@pytest.fixture
def network(tmp_path: Path) -> Path:
    directory = tmp_path / "home"
    create_network(directory, "home", "digits")
    issue_file(directory, "anna", tmp_path / "anna.credentials")
    return directory


def test_a_member_is_revoked_by_its_name_or_id_and_for_good(network: Path, typed: Typed, tmp_path: Path) -> None:
    out = tmp_path / "anna.revocation"
    done = typed("network", "revoke", "anna", "--network", str(network), "--out", str(out), "--yes", "--json")
    answer = json.loads(done.stdout)
    assert (done.exit_code, answer["name"]) == (0, "anna")
    root = open_network(network).root.peer_id
    assert load_revocation(out, root).peer == answer["peer"]
    again = tmp_path / "again.revocation"
    typed("network", "revoke", answer["peer"], "--network", str(network), "--out", str(again), "--yes")
    assert again.read_bytes() == out.read_bytes()


def test_it_is_asked_for_first_and_no_file_is_in_the_way(network: Path, typed: Typed, tmp_path: Path) -> None:
    asked = typed("network", "revoke", "anna", "--network", str(network))
    assert (asked.exit_code, "--yes" in asked.output) == (2, True)
    (tmp_path / "there").touch()
    refused = typed("network", "revoke", "anna", "--network", str(network), "--out", str(tmp_path / "there"), "--yes")
    assert (refused.exit_code, "exists already" in refused.output) == (4, True)
    assert not (network / "revoked").exists()


def test_nobody_is_revoked_who_is_no_member(network: Path, typed: Typed) -> None:
    refused = typed("network", "revoke", "zoe", "--network", str(network), "--yes")
    assert (refused.exit_code, "no member 'zoe'" in refused.output) == (4, True)


def test_a_running_peer_is_told(daemon: MemoryDaemon, typed: Typed, tmp_path: Path) -> None:
    told = typed("network", "tell", str(tmp_path / "anna.revocation"), "--json")
    assert (told.exit_code, json.loads(told.stdout)) == (0, {"peer": BELA})
    assert daemon.told == [str(tmp_path / "anna.revocation")]
    assert BELA[:8] in typed("network", "tell", "x.revocation").output
