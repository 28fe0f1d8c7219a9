"""The authority puts a member out: told to one peer, obeyed by all, and by the member itself."""

import time
from pathlib import Path

import pytest

from hdus_peer.admission import authority
from hdus_peer.admission.revocation import revoke, save_revocation
from tests.integration.peers import Network

pytestmark = pytest.mark.slow


def test_a_revoked_member_is_out_everywhere_and_nothing_of_it_remains(peers: Network, tmp_path: Path) -> None:
    anna, bela, cleo = peers.meshed("anna", "bela", "cleo")
    payload, file = anna.seeds()["bela"].payload_sha256, tmp_path / "bela.revocation"
    root = authority.open_network(peers.trained.root)
    (*_, admission) = root.register.of("bela")
    save_revocation(file, revoke(root.root, admission.membership, int(time.time())))

    marks = {peer.name: peer.mark for peer in (anna, cleo)}
    assert anna.typed("network tell", str(file)).answer == {"peer": admission.peer}
    for peer in (anna, cleo):
        peer.wait_event("SeedErased", marks[peer.name], peer="bela")
        assert not [name for name in peer.files() if payload in name]
    assert bela.end() == 0, "it obeys, and ends"
    assert bela.files() == set()
    refused = bela.refused_start("--rejoin")
    assert (refused.code, "revoked this peer" in refused.answer["error"]) == (5, True)
    anna.wait_serving("cleo")
    cleo.wait_serving("anna")

    forged = tmp_path / "forged.revocation"
    forged.write_text(file.read_text().replace("revocation", "revocatiom", 1))
    told = anna.typed("network tell", str(forged))
    assert told.code == 4, told
