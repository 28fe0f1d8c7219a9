"""A peer's directory that was damaged is repaired, and the peer goes on: the seed comes again, the books are closed.
On the way: who follows its log hears everything until it ends, and no secret."""

import base64
import json
import subprocess

import pytest

from tests.integration.peers import Entry, Network, Peer, command, environment

pytestmark = pytest.mark.slow


def test_a_repaired_peer_starts_and_fetches_the_seed_again(peers: Network) -> None:
    anna, bela = peers.meshed("anna", "bela")
    refused = bela.typed("check", "--repair")
    assert (refused.code, "another daemon is using it" in refused.answer["error"]) == (5, True)
    payload = bela.seeds()["anna"].payload_sha256
    told = _followed(bela)
    assert {"SeedAdopted", "Started"} <= {entry["event"] for entry in told}
    for secret in _secrets(anna, bela):
        assert secret not in json.dumps(told)
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


def _followed(peer: Peer) -> list[Entry]:
    """Everything that a follower of the log is told until the peer has stopped."""
    words = command("logs", "--follow", "--level=debug", "--lines=512", "--json", f"--state={peer.state}")
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment()) as follower:
        assert follower.stdout is not None
        entries = [json.loads(follower.stdout.readline())]
        peer.stop()
        entries += [json.loads(line) for line in follower.stdout]
    assert follower.returncode == 0
    return entries


def _secrets(*peers: Peer) -> list[str]:
    """Every key of these peers' disks, as text that could stand in a log."""
    files = [path for peer in peers for path in (peer.state / "keys").iterdir() if path.name != "CACHEDIR.TAG"]
    keys = [path.read_bytes() for path in files]
    assert keys
    return [form for key in keys for form in (key.hex(), base64.b64encode(key).decode(), repr(key)[2:-1])]
