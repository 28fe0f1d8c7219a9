"""A peer's directory that was damaged is repaired, and the peer goes on: the seed comes again, the books are closed."""

import pytest

from tests.integration.peers import Network

pytestmark = pytest.mark.slow


def test_a_repaired_peer_starts_and_fetches_the_seed_again(peers: Network) -> None:
    anna, bela = peers.meshed("anna", "bela")
    refused = bela.typed("check", "--repair")
    assert (refused.code, "another daemon is using it" in refused.answer["error"]) == (5, True)
    payload = bela.seeds()["anna"].payload_sha256
    bela.stop()
    assert bela.typed("check").answer["findings"] == []

    damaged = bela.state / "seeds" / payload
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    (bela.state / "keys" / ("ab" * 32)).write_bytes(b"k" * 32)
    (bela.state / "ballast").unlink()
    found = bela.typed("check")
    assert (found.code, len(found.answer["findings"])) == (5, 4)
    repaired = bela.typed("check", "--repair")
    assert (repaired.code, {each["outcome"] for each in repaired.answer["findings"]}) == (0, {"mended"})
    assert [file for file in bela.files() if payload in file] == []
    assert bela.typed("check").code == 0

    mark = bela.mark
    bela.start().wait_event("Started", mark)
    assert bela.saw("SeedErased", mark, cause="lost", peer="anna")
    bela.wait_serving("anna")
    assert {f"seeds/{payload}", f"keys/{payload}"} <= bela.files()
    anna.wait_for(lambda: [row.closed_by for row in anna.holders()] == ["release", ""], "the first grant is released")

    left = anna.typed("leave", "--yes", "--wait=30")
    assert left.code == 0, anna.report(str(left))
    assert anna.end() == 0
    bela.wait_serving()
    for peer in (anna, bela):
        if peer is bela:
            peer.stop()
        assert peer.typed("check").answer["findings"] == []
