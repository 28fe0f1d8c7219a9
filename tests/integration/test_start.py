"""What cannot be: every start that is refused says why in a sentence, ends with its code, and harms nobody."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hdus_peer.admission import authority, credentials
from tests.integration.peers import Network, Peer

pytestmark = pytest.mark.slow

LONG_AGO_S = 1_700_000_000


@pytest.fixture
def bela(peers: Network) -> Peer:
    """A peer with an empty state directory that does not train."""
    return peers.peer("bela", fresh=True, train__auto=False)


def test_a_second_daemon_on_the_same_state_directory_is_refused(peers: Network, bela: Peer) -> None:
    bela.start().wait_event("Started")
    second = peers.add(bela.copied(bela.state, peers.address("second")))
    refused = second.refused_start()
    assert refused.code == 5
    assert "is in use: another daemon is using it" in refused.answer["error"]
    assert bela.status().phase == "active"
    bela.stop()


def test_a_taken_port_is_said(peers: Network, bela: Peer) -> None:
    bela.start().wait_event("Started")
    anna = peers.peer("anna", fresh=True, train__auto=False)
    refused = anna.refused_start(network__listen=peers.address("bela"))
    assert refused.code == 2
    assert f"cannot listen at {peers.address('bela')}" in refused.answer["error"]
    mark = anna.mark
    anna.start().wait_event("Started", mark)


def test_a_wrong_value_names_key_value_and_range(bela: Peer) -> None:
    refused = bela.refused_start(network__links_max=0)
    assert refused.code == 2
    assert "network.links_max" in refused.answer["error"]
    assert not bela.state.exists()


def test_credentials_that_are_missing_expired_or_of_another_member_are_refused(
    peers: Network, bela: Peer, tmp_path: Path
) -> None:
    good = bela.credentials.read_bytes()
    bela.credentials.unlink()
    missing = bela.refused_start()
    assert (missing.code, "There is no credentials file at" in missing.answer["error"]) == (4, True)

    authority.create_network(tmp_path / "old", "old", "digits", now_s=LONG_AGO_S)
    credentials.save(authority.issue(tmp_path / "old", "bela", days=1, now_s=LONG_AGO_S), bela.credentials)
    expired = bela.refused_start()
    assert (expired.code, "they expired on 2023-11-15" in expired.answer["error"]) == (4, True)
    assert not (bela.state / "credentials").exists()

    bela.credentials.write_bytes(good)
    bela.start().wait_event("Started")
    bela.stop()
    bela.credentials.write_bytes(peers.trained.credentials("anna").read_bytes())
    another = bela.refused_start()
    assert (another.code, "belongs to bela" in another.answer["error"]) == (4, True)


def test_a_member_of_another_network_gets_no_link(peers: Network, bela: Peer, tmp_path: Path) -> None:
    authority.create_network(tmp_path / "elsewhere", "elsewhere", "digits")
    bela.start().wait_event("Started")
    stranger = peers.peer("stranger", fresh=True, knows=("bela",), train__auto=False)
    stranger.credentials.unlink()
    authority.issue_file(tmp_path / "elsewhere", "stranger", stranger.credentials)
    stranger.start()
    stranger.wait_event("Unreached", what="identify")
    assert stranger.peers() == {}
    assert bela.peers() == {}
    assert not bela.saw("Refused")


def test_a_place_that_is_no_directory_is_refused(bela: Peer) -> None:
    file = bela.state
    file.write_text("a file")
    assert bela.refused_start().code == 2
    bela.state = file / "below"
    refused = bela.refused_start()
    assert refused.code == 5
    assert "choose another with --state" in refused.answer["error"]
    assert file.read_text() == "a file"


def test_a_read_only_place_is_refused(bela: Peer, tmpfs: Callable[[str], Path]) -> None:
    read_only = tmpfs("ro,size=64k")
    for place in (read_only, read_only / "bela"):
        bela.state = place
        refused = bela.refused_start()
        assert refused.code in (5, 6), bela.report("no refusal")
        assert "Read-only file system" in refused.answer["error"]


def test_a_damaged_ledger_is_refused(bela: Peer) -> None:
    bela.state.mkdir()
    (bela.state / "ledger.sqlite").write_bytes(b"no database at all " * 400)
    refused = bela.refused_start()
    assert refused.code == 5, bela.report("no refusal")
    assert "ledger.sqlite" in refused.answer["error"]


def test_an_identity_on_two_devices_is_shown_and_gets_no_key(peers: Network) -> None:
    """The clone is a copy of everything. Once it is seen, neither device is granted a key: what they fetched before
    was granted to one of them alone."""
    anna, bela = peers.meshed("anna", "bela", timing__dial_timeout_s=1.0)
    bela.stop()
    shutil.copytree(bela.state, peers.directory / "clone")
    clone = peers.add(bela.copied(peers.directory / "clone", peers.address("clone")))
    mark = anna.mark
    bela.start()
    anna.wait_event("LinkOpened", mark, peer="bela")
    clone.start()
    anna.wait_event("PeerCloned", mark, peer="bela")
    assert anna.peers()["bela"].cloned
    listed = anna.typed("peers").answer["peers"]
    assert [(view["name"], view["cloned"]) for view in listed] == [("bela", True)]

    clone.kill()
    bela.stop()
    granted = len(anna.holders())
    shutil.rmtree(bela.state)
    mark = anna.mark
    bela.start(train__auto=False)
    anna.wait_event("Refused", mark, reason="cloned")
    assert len(anna.holders()) == granted
    assert anna.status().refusals["cloned"] >= 1
