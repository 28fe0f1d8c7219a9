"""A peer leaves: at once, with a holder that is off-line, and across a crash of its own."""

import pytest

from hdus_peer.protocol.records import Phase
from tests.integration.peers import Network, Peer, outliving

pytestmark = pytest.mark.slow


def leave(peer: Peer, wait_s: float) -> tuple[int, dict[str, bool]]:
    """The exit code of `hdus-peer leave`, and who has confirmed."""
    typed = peer.typed("leave", "--yes", f"--wait={wait_s}")
    assert "holders" in typed.answer, typed
    return typed.code, {holder["name"]: holder["confirmed"] for holder in typed.answer["holders"]}


def standings(peer: Peer) -> tuple[int, dict[str, str]]:
    """The exit code of `hdus-peer certificate show`, and how each holder stands."""
    typed = peer.typed("certificate show")
    return typed.code, {holder["name"]: holder["standing"] for holder in typed.answer["holders"]}


def assert_nothing_of(payload: str, *peers: Peer) -> None:
    for peer in peers:
        assert not [file for file in peer.files() if payload in file], peer.report(f"it still has {payload[:8]}")


def test_a_leave_erases_everywhere_and_ends_the_daemon(peers: Network) -> None:
    anna, bela, cleo = peers.meshed("anna", "bela", "cleo")
    seed = anna.seeds()["bela"]
    assert leave(bela, 30) == (0, {"anna": True, "cleo": True})
    assert bela.end() == 0
    assert standings(bela) == (0, {"anna": "receipt", "cleo": "receipt"})
    assert bela.files() == set()
    for peer, other in ((anna, "cleo"), (cleo, "anna")):
        peer.wait_serving(other)
        assert len(peer.files()) == 4
        assert peer.typed("health").answer["status"] == "SERVING"
    assert bela.typed("health").code == 8
    assert_nothing_of(seed.payload_sha256, anna, cleo)

    refused = bela.refused_start()
    assert refused.code == 5
    assert "hdus-peer start --rejoin" in refused.answer["error"]
    assert bela.refused_start("--unless-left").code == 0, "a supervisor need not start it again"

    mark = anna.mark
    bela.start("--rejoin").wait_event("SeedPublished")
    again = anna.wait_event("SeedAdopted", mark, peer="bela")
    assert again["generation"] > seed.generation
    bela.wait_serving("anna", "cleo")
    anna.wait_serving("bela", "cleo")


@pytest.mark.parametrize("crashes", [False, True], ids=["stays", "crashes"])
def test_a_holder_that_was_away_erases_when_it_comes_back(peers: Network, crashes: bool) -> None:
    anna, bela, cleo = peers.meshed("anna", "bela", "cleo")
    payload = anna.seeds()["bela"].payload_sha256
    cleo.kill()
    assert leave(bela, 2) == (3, {"anna": True, "cleo": False})
    if crashes:
        bela.kill()
        mark = bela.mark
        bela.start().wait_event("Started", mark)
    now = bela.status()
    assert (now.phase, now.holders, now.generation) == (Phase.LEAVING, 1, 0)
    (notice,) = now.notices
    assert (notice.kind, [holder.name for holder in notice.pending]) == ("leave", ["cleo"])
    assert notice.pending[0].hold_until_s > notice.issued_at_s
    assert now.training.state != "running"
    health = bela.typed("health")
    assert (health.code, health.answer["status"], health.answer["phase"]) == (1, "NOT_SERVING", "leaving")
    assert leave(bela, 0.2) == (3, {"anna": True, "cleo": False}), "typed again, it shows how far it is"
    assert standings(bela) == (3, {"anna": "receipt", "cleo": "pending"})
    assert_nothing_of(payload, anna, bela)

    assert [file for file in cleo.files() if payload in file]
    mark = cleo.mark
    cleo.start().wait_event("SeedErased", mark, peer="bela")
    assert bela.end() == 0
    assert standings(bela) == (0, {"anna": "receipt", "cleo": "receipt"})
    cleo.wait_serving("anna")
    assert_nothing_of(payload, cleo)
    assert not [entry for entry in cleo.saw("SeedAdopted", mark) if entry["peer"] == "bela"]
    assert bela.refused_start().code == 5


def test_a_leave_in_the_middle_of_the_first_training(peers: Network) -> None:
    """There is nothing to erase anywhere; the trainer ends, and nothing is published afterwards."""
    anna = peers.peer("anna", fresh=True, train__epochs_max=200, train__patience=200).start()
    anna.wait_event("TrainingProgressed", stage="main")
    trainer = anna.child("learning")
    assert leave(anna, 30) == (0, {})
    assert anna.end() == 0
    assert outliving([trainer], 0) == []
    assert not anna.saw("SeedPublished")
    assert anna.files() == set()
