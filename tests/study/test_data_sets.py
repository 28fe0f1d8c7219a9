"""The plans over real data, where HDUS_DATA_DIR says that there are any: who has what, and what nobody shares."""

import os
from pathlib import Path

import numpy as np
import pytest

from hdus_peer.learning.data import PeerData
from hdus_peer.study.files import needed_files
from hdus_peer.study.plan_file import read_plan
from hdus_peer.study.setting import Place, Setting

FOLDER = Path(os.environ.get("HDUS_DATA_DIR", "nowhere"))
FEW = {"data.samples": "200", "data.reference_samples": "100", "data.test_samples": "100"}

pytestmark = pytest.mark.slow


def data_of(plan: str, settings: dict[str, str]) -> tuple[PeerData, ...]:
    found = read_plan(plan, FEW | settings)
    for name in needed_files(found):
        if not (FOLDER / name).exists():
            pytest.skip(f"HDUS_DATA_DIR names no directory with {name}")
    return Setting(found, found.partitions[0], 0).data(Place(FOLDER, Path("models"), "cpu"))


@pytest.mark.parametrize(
    ("plan", "source", "shape"),
    [
        ("paper-mnist", "npz:mnist.npz", (1, 28, 28)),
        ("paper-fashion-mnist", "npz:fashion_mnist.npz", (1, 28, 28)),
        ("paper-cifar10", "npz:cifar10_small.npz", (3, 32, 32)),
    ],
)
def test_the_papers_plans_divide_real_data(plan: str, source: str, shape: tuple[int, ...]) -> None:
    peers = data_of(plan, {"data.source": source})
    assert all(peer.train.x.shape[1:] == shape for peer in peers)
    for number, peer in enumerate(peers):
        assert number not in np.unique(np.concatenate([peer.train.y, peer.local_test.y]))
        assert len(peer.train) + len(peer.holdout) + len(peer.local_test) == 200
        assert len(peer.reference) == len(peer.global_test) == 100
        assert np.array_equal(peer.reference, peers[0].reference)
    digests = [
        digest for peer in peers for part in (peer.train, peer.holdout, peer.local_test) for digest in part.digests
    ]
    assert len(set(digests)) == len(digests)


def test_a_partition_by_writer_keeps_writers_together() -> None:
    settings = {"partitions": '["by:writer_train"]', "data.groups": "mnist_writers.npz", "data.samples": "0"}
    peers = data_of("paper-mnist", settings)
    with np.load(FOLDER / "mnist_writers.npz", allow_pickle=False) as arrays:
        writers = len(np.unique(arrays["writer_train"]))
    sizes = [len(peer.train) + len(peer.holdout) + len(peer.local_test) for peer in peers]
    assert sum(sizes) == 60_000
    assert min(sizes) > 60_000 / len(peers) / 2
    assert writers > len(peers)
