"""Peers with static addresses: seeds arrive, are used, and are replaced without a gap."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdus_peer.protocol.records import Phase
from tests.integration.asking import asking
from tests.integration.peers import Network, Peer

pytestmark = pytest.mark.slow


def test_one_known_address_is_enough_for_both(peers: Network, tmp_path: Path) -> None:
    """Only bela knows where anna is; seeds travel both ways all the same, and both predict with them."""
    peers.trained.prepare("anna", "bela")
    anna = peers.peer("anna").start()
    bela = peers.peer("bela", knows=("anna",)).start()
    anna.wait_event("Started")
    bela.wait_event("Started")
    anna.wait_serving("bela")
    bela.wait_serving("anna")
    assert anna.peers()["bela"].holds_mine
    np.save(tmp_path / "rows.npy", np.zeros((2, 8, 8), dtype=np.uint8))
    found = anna.typed("predict", str(tmp_path / "rows.npy"))
    assert found.code == 0, found
    assert len(found.answer["samples"]) == 2
    assert found.answer["ensemble"]["owners"] == [bela.status().peer]
    assert not found.answer["ensemble"]["pending"]


def evaluation(peer: Peer) -> dict[str, Any]:
    """What `hdus-peer evaluate` says of the global test set."""
    found: dict[str, Any] = peer.typed("evaluate", "--dataset=global").answer["evaluations"][0]
    return found


def test_three_peers_hold_each_others_seeds_and_start_again_as_they_were(peers: Network) -> None:
    started = peers.meshed("anna", "bela", "cleo")
    anna = started[0]
    before = evaluation(anna)
    generation, files = anna.status().generation, anna.files()
    assert before["samples"] > 0
    assert len(before["state"]["owners"]) == 2
    assert anna.typed("stop").code == 0
    assert anna.end() == 0
    mark = anna.mark
    anna.start().wait_event("Started", mark)
    anna.wait_serving("bela", "cleo")
    assert (
        anna.typed("evaluate", "--dataset=global").answer["evaluations"][0]["logits_sha256"] == before["logits_sha256"]
    )
    assert (anna.status().generation, anna.files(), anna.status().phase) == (generation, files, Phase.ACTIVE)
    assert not anna.saw("SeedPublished", mark)
    assert [peer.status().refusals for peer in started] == [{}, {}, {}], "what is in order is not refused"
    assert not any(view.cloned for view in started[1].peers().values())


def test_a_retrained_seed_replaces_the_older_one_without_a_gap(peers: Network) -> None:
    anna, bela = peers.meshed("anna", "bela")
    first, old_files = bela.seeds()["anna"], bela.files()
    with asking(anna) as of_anna, asking(bela) as of_bela:
        trained = anna.typed("train")
        assert trained.code == 0, trained
        second = trained.answer["generation"]
        assert second > first.generation
        bela.wait(lambda _: bela.seeds()["anna"].generation == second, "the next generation of anna")
        old = {f"seeds/{first.payload_sha256}", f"keys/{first.payload_sha256}"}
        bela.wait_event("SeedErased", cause="superseded")
        anna.wait_for(lambda: {row.closed_by for row in anna.holders()} == {"", "release"}, "the release of the old")
    assert not of_anna.pending
    assert not of_bela.pending
    assert not bela.files() & old
    assert len(bela.files()) == len(old_files)
    assert not anna.files() & old
    assert [(row.generation, row.closed_by) for row in anna.holders()] == [(first.generation, "release"), (second, "")]
