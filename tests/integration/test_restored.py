"""State directories that are put back from a copy, and devices that exist twice: nothing comes back, no generation is
used for two seeds, and no certificate says complete of what nobody can know."""

import shutil

import pytest

from tests.integration.peers import Network, Peer
from tests.integration.test_leave import assert_nothing_of, leave, standings

pytestmark = pytest.mark.slow


def backed_up(peers: Network, peer: Peer) -> None:
    """Stop the peer, copy its directory, and go on."""
    peer.stop()
    shutil.copytree(peer.state, peers.directory / "backup")
    mark = peer.mark
    peer.start().wait_event("Started", mark)


def restored(peers: Network, peer: Peer, *, with_caches: bool = True) -> int:
    """Put the copy back, as the peer is switched off. Without the folders that are marked as caches, where asked."""
    if peer.is_running:
        peer.stop()
    shutil.rmtree(peer.state)
    shutil.copytree(peers.directory / "backup", peer.state)
    if not with_caches:
        for name in ("seeds", "keys"):
            shutil.rmtree(peer.state / name)
    return peer.mark


@pytest.mark.parametrize("with_caches", [True, False], ids=["whole", "without caches"])
def test_an_owner_put_back_publishes_above_all_that_it_had_used(peers: Network, with_caches: bool) -> None:
    """To the others it looks like a second device, too: it is shown as cloned."""
    anna, bela = peers.meshed("anna", "bela")
    backed_up(peers, anna)
    anna.wait_serving("bela")
    mark = bela.mark
    assert anna.typed("train").code == 0
    later = bela.wait_event("SeedAdopted", mark, peer="anna")["generation"]

    mine = restored(peers, anna, with_caches=with_caches)
    mark = bela.mark
    anna.start().wait_event("RolledBack", mine)
    assert bela.wait_event("SeedAdopted", mark, peer="anna")["generation"] > later
    for peer in (anna, bela):
        assert not peer.saw("EquivocationProved"), peer.report("an honest owner")

    assert leave(anna, 60) == (0, {"bela": True}), anna.report("not erased") + bela.report("not erased")
    assert anna.end() == 0
    shown = anna.typed("certificate show").answer
    assert (shown["complete"], shown["broken_at_s"] > 0) == (True, True)
    assert anna.files() == set()


def test_an_owner_put_back_to_before_its_leave_leaves_again(peers: Network) -> None:
    anna, bela = peers.meshed("anna", "bela")
    backed_up(peers, anna)
    anna.wait_serving("bela")
    payload = bela.seeds()["anna"].payload_sha256
    assert leave(anna, 30)[0] == 0
    assert anna.end() == 0

    mine, mark = restored(peers, anna), bela.mark
    anna.start().wait_event("OwnNoticeObeyed", mine)
    assert anna.end() == 0, "it has left"
    assert anna.refused_start().code == 5
    assert not bela.saw("SeedAdopted", mark, peer="anna")
    assert_nothing_of(payload, anna, bela)


def test_a_holder_put_back_after_its_receipt_erases_what_came_back(peers: Network) -> None:
    anna, bela, _ = peers.meshed("anna", "bela", "cleo")
    backed_up(peers, bela)
    bela.wait_serving("anna", "cleo")
    payload = bela.seeds()["anna"].payload_sha256
    assert leave(anna, 30) == (0, {"bela": True, "cleo": True})
    assert anna.end() == 0
    assert_nothing_of(payload, bela)

    mark = restored(peers, bela)
    assert f"keys/{payload}" in bela.files(), "the copy has it"
    bela.start().wait_event("TombstoneWritten", mark, peer="anna")
    bela.wait_for(lambda: not [file for file in bela.files() if payload in file], "what came back is erased")
    assert not bela.saw("SeedAdopted", mark, peer="anna")
    assert standings(anna) == (0, {"bela": "receipt", "cleo": "receipt"})


def test_a_holder_that_exists_twice_is_shown_and_never_counted(peers: Network) -> None:
    anna, bela = peers.meshed("anna", "bela")
    bela.stop()
    shutil.copytree(bela.state, peers.directory / "clone")
    clone = peers.add(bela.copied(peers.directory / "clone", peers.address("clone")))
    mark = bela.mark
    bela.start().wait_event("Started", mark)
    bela.wait_serving("anna")
    clone.start()
    anna.wait_event("PeerCloned", peer="bela")
    clone.stop()
    assert leave(anna, 10)[0] == 3
    assert standings(anna) == (3, {"bela": "cloned"})
