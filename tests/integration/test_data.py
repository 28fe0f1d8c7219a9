"""Data that cannot be learned from: the training fails with a sentence, and the peer goes on being a peer."""

from pathlib import Path

import numpy as np
import pytest

from hdus_peer.control.port import TrainingState
from tests.integration.peers import Network, Peer

pytestmark = pytest.mark.slow

PICTURES = np.zeros((40, 8, 8), dtype=np.uint8) + np.arange(40, dtype=np.uint8)[:, None, None] % 16


def bad_data(directory: Path) -> dict[str, tuple[Path, str]]:
    """Files by member, and what is said of them."""
    files = {name: directory / f"{name}.npz" for name in ("dora", "emil", "finn")}
    np.savez(files["dora"], x=PICTURES)
    np.savez(files["emil"], x=PICTURES, y=np.full(40, 7))
    mixed = np.empty(40, dtype=object)
    mixed[:] = [picture if number % 2 else picture[:4] for number, picture in enumerate(PICTURES)]
    np.savez(files["finn"], x=mixed, y=np.arange(40) % 10)
    said = ("has no labels: array 'y' is missing", "train one class only", "samples of mixed shapes")
    return dict(zip(files, zip(files.values(), said, strict=True), strict=True))


def test_unusable_data_fails_the_training_and_nothing_else(peers: Network, tmp_path: Path) -> None:
    """Those peers still take part: they fetch anna's seed, tell what is wrong, and erase the seed when anna leaves."""
    peers.trained.prepare("anna")
    anna = peers.peer("anna").start()
    anna.wait_event("TrainingDone")
    found = bad_data(tmp_path)
    others = {
        name: peers.peer(name, fresh=True, knows=("anna",), data__source=f"npz:{file}").start()
        for name, (file, _) in found.items()
    }
    for name, peer in others.items():
        check_failed(peer, *found[name])
    anna.wait_for(lambda: {row.name for row in anna.holders()} == set(others), "three holders")
    payload = next(file for file in anna.files("seeds"))
    left = anna.typed("leave", "--yes", "--wait=30")
    assert left.code == 0, anna.report(str(left))
    assert anna.end() == 0
    for peer in others.values():
        assert payload not in peer.files()
        assert peer.files() == set()
        peer.stop()


def check_failed(peer: Peer, file: Path, said: str) -> None:
    failed = peer.wait_event("TrainingFailed")
    assert said in failed["problem"]
    assert str(file) in failed["problem"] or str(file) in repr(peer.settings)
    status = peer.status()
    assert status.training.state == TrainingState.FAILED
    assert said in status.training.detail
    refused = peer.typed("evaluate")
    assert refused.code == 2
    assert said in refused.answer["error"]
    again = peer.typed("train")
    assert again.code == 7
    assert said in again.answer["error"]
