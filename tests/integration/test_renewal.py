"""A certificate is renewed and the peer stays the same one: identity, seed, and what others hold of it."""

import shutil
from pathlib import Path

import pytest

from hdus_peer.admission import authority
from tests.integration.peers import Network

pytestmark = pytest.mark.slow


def test_a_renewed_peer_is_the_same_peer(peers: Network, tmp_path: Path) -> None:
    """It is renewed while it runs, and uses the later certificate from its next start on."""
    anna, bela = peers.meshed("anna", "bela")
    before, held = anna.status(), bela.seeds()["anna"].payload_sha256
    request, grant = tmp_path / "anna.request", tmp_path / "anna.grant"
    assert anna.typed("network request", "--renew", f"--out={request}").code == 0
    network = authority.open_network(peers.trained.root)
    asked = authority.read_request(network, request)
    authority.sign_request(network, asked, grant, authority.name_for(network, asked), days=1_000)
    assert anna.typed("network accept", str(grant)).answer["peer"] == before.peer
    assert anna.status().not_after_s == before.not_after_s
    anna.stop()

    older = anna.refused_start()
    assert (older.code, "is older than the credentials" in older.answer["error"]) == (4, True)
    shutil.copy(anna.state / "credentials", anna.credentials)
    since = anna.mark
    anna.start().wait_event("Started", since=since)
    anna.wait_serving("bela")
    bela.wait_serving("anna")
    after = anna.status()
    assert (after.peer, after.name, after.generation) == (before.peer, "anna", before.generation)
    assert after.not_after_s > before.not_after_s
    assert bela.seeds()["anna"].payload_sha256 == held
    assert not anna.saw("TrainingProgressed", since=since, stage="main")
