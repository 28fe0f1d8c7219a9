"""A disk that is full (a small tmpfs, not a patched error): no seed is taken in, and whatever is to go still goes."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.peers import Network, Peer

pytestmark = pytest.mark.slow

DISK_BYTES = 8 * 1024 * 1024
BALLAST_BYTES = 256 * 1024


@pytest.fixture
def small_disk(tmpfs: Callable[[str], Path]) -> Path:
    """A directory on a file system of its own, with 8 MiB."""
    return tmpfs(f"size={DISK_BYTES}")


def fill(directory: Path) -> Path:
    """Take all the room that is left."""
    filler = directory / f"filler-{len(list(directory.iterdir()))}"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(b"\xff" * 4096):
                pass
        except OSError:
            return filler
    raise AssertionError("a small disk never became full")


def test_a_full_disk_stops_seeds_and_never_an_erasure(peers: Network, small_disk: Path) -> None:
    peers.trained.prepare("anna", "bela", "cleo")
    anna = peers.peer("anna").start()
    bela = on(small_disk, peers.peer("bela", knows=("anna",), limits__ballast_bytes=BALLAST_BYTES)).start()
    anna.wait_event("Started")
    bela.wait_event("Started")
    bela.wait_serving("anna")
    filler = fill(small_disk)

    cleo = peers.peer("cleo", knows=("bela", "anna")).start()
    stopped = bela.wait_event("FetchStopped", peer="cleo")
    assert "No seed is taken in" in stopped["problem"]
    assert "Free some space on that disk" in stopped["problem"]
    assert bela.status().refusals["no-room"] >= 1
    cleo.wait_serving("anna", "bela")
    assert sorted(bela.seeds()) == ["anna"]

    payload = bela.seeds()["anna"].payload_sha256
    left = anna.typed("leave", "--yes", "--wait=30")
    assert left.code == 0, bela.report(str(left))
    bela.wait_serving()
    assert not [file for file in bela.files() if payload in file]

    filler.unlink()
    cleo.stop()
    cleo.start()
    bela.wait_serving("cleo")


def test_a_peer_on_a_full_disk_leaves_and_starts_again_once_there_is_room(peers: Network, small_disk: Path) -> None:
    """It leaves with a holder away, and is killed. Somebody else took what room its ballast gave: it says so, and
    goes on as soon as there is room."""
    peers.trained.prepare("anna", "bela")
    anna = peers.peer("anna").start()
    bela = on(small_disk, peers.peer("bela", knows=("anna",), limits__ballast_bytes=BALLAST_BYTES)).start()
    anna.wait_event("Started")
    bela.wait_event("Started")
    anna.wait_serving("bela")
    bela.wait_serving("anna")
    fill(small_disk)
    anna.kill()
    left = bela.typed("leave", "--yes", "--wait=2")
    assert left.code == 3, bela.report(str(left))
    assert bela.files() == set()
    bela.kill()

    fill(small_disk)
    assert "Free some space on that disk" in problem_at_start(bela)
    for filler in small_disk.glob("filler-*"):
        filler.unlink()
    if not bela.is_running:
        bela.start()
    anna.start()
    assert bela.end() == 0


def problem_at_start(peer: Peer) -> str:
    """What it says at a start on a full disk: it ends with 6, or waits for room where it came as far as that."""
    mark = peer.mark
    waiting = peer.start().wait_event_or_end("CommitRefused", mark)
    if waiting is None:
        refused = peer.refusal()
        assert refused.code == 6, peer.report("not refused")
    problem: str = refused.answer["error"] if waiting is None else waiting["problem"]
    return problem


def on(disk: Path, peer: Peer) -> Peer:
    """`peer` with its state directory moved there."""
    state = disk / peer.name
    shutil.move(peer.state, state)
    peer.state = state
    return peer
