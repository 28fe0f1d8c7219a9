"""The splits: disjoint, the same at every peer, and moved by nothing but the sample itself."""

import os
from pathlib import Path

import numpy as np
import pytest

from hdus_peer.domain.task import Task
from hdus_peer.errors import DataError
from hdus_peer.formats.standardise import standardised
from hdus_peer.learning.data import PeerData, assemble
from hdus_peer.learning.sources import load
from tests.learning.conftest import DIGITS, MakeJob, SaveNpz

RAW = load("digits", DIGITS).samples


def rows(x: np.ndarray) -> set[bytes]:
    return {row.tobytes() for row in x}


def parts(data: PeerData) -> list[np.ndarray]:
    return [data.train.x, data.holdout.x, data.local_test.x, data.global_test.x, data.reference]


def test_digits_are_divided_without_overlap_and_without_loss(make_job: MakeJob) -> None:
    peers = [assemble(make_job(shard=f"iid:{peer}/3")) for peer in range(3)]
    own = [part for data in peers for part in parts(data)[:3]]
    common = parts(peers[0])[3:]
    assert sum(map(len, own)) + sum(map(len, common)) == 1797
    assert len(set().union(*map(rows, own + common))) == sum(len(rows(part)) for part in own + common)


def test_every_peer_has_the_same_reference_and_global_test(make_job: MakeJob) -> None:
    first, second = (assemble(make_job(shard=f"drop-class:{peer}/6")) for peer in (0, 4))
    assert first.reference_sha256 == second.reference_sha256
    assert np.array_equal(first.reference, second.reference)
    assert np.array_equal(first.global_test.x, second.global_test.x)
    assert set(second.global_test.y) == set(range(10))


def test_local_test_lacks_the_dropped_class_too(make_job: MakeJob) -> None:
    data = assemble(make_job(shard="drop-class:4/6"))
    for part in (data.train, data.holdout, data.local_test):
        assert len(part)
        assert 4 not in part.y


def test_the_order_of_a_file_changes_nothing(make_job: MakeJob, save_npz: SaveNpz) -> None:
    order = np.random.default_rng(0).permutation(1797)
    there = assemble(make_job(data=f"npz:{save_npz('a.npz', x=RAW.x, y=RAW.y)}"))
    back = assemble(make_job(data=f"npz:{save_npz('b.npz', x=RAW.x[order], y=RAW.y[order])}"))
    assert there.own_sha256 == back.own_sha256
    assert there.reference_sha256 == back.reference_sha256
    for one, other in zip(parts(there), parts(back), strict=True):
        assert np.array_equal(one, other)


def test_forgetting_a_sample_moves_no_other(make_job: MakeJob, save_npz: SaveNpz) -> None:
    whole = assemble(make_job())
    forgotten = whole.train.x[3].tobytes()
    rest = [sample.tobytes() != forgotten for sample in standardised(RAW.x, DIGITS)]
    data = assemble(make_job(data=f"npz:{save_npz(x=RAW.x[rest], y=RAW.y[rest])}"))
    assert rows(data.train.x) == rows(whole.train.x) - {forgotten}
    assert data.own_sha256 != whole.own_sha256
    for one, other in zip(parts(data)[1:], parts(whole)[1:], strict=True):
        assert np.array_equal(one, other)


def test_a_test_set_of_its_own_is_halved_into_reference_and_global_test(make_job: MakeJob, save_npz: SaveNpz) -> None:
    path = save_npz(x_train=RAW.x[:1000], y_train=RAW.y[:1000], x_test=RAW.x[1000:], y_test=RAW.y[1000:])
    data = assemble(make_job(data=f"npz:{path}", shard="all"))
    assert len(data.train) + len(data.holdout) + len(data.local_test) == 1000
    assert len(data.reference) + len(data.global_test) == 797
    assert abs(len(data.reference) - len(data.global_test)) < 100
    assert not rows(data.reference) & rows(data.global_test.x)


def test_named_reference_and_test_share_no_sample_with_the_rest(make_job: MakeJob, save_npz: SaveNpz) -> None:
    data = f"npz:{save_npz('own.npz', x=RAW.x[:1000], y=RAW.y[:1000])}"
    reference = f"npz:{save_npz('reference.npz', x=RAW.x[500:1500])}"
    test = f"npz:{save_npz('test.npz', x=RAW.x[900:], y=RAW.y[900:])}"
    assembled = assemble(make_job(data=data, shard="all", reference=reference, test=test))
    own = rows(assembled.train.x) | rows(assembled.holdout.x) | rows(assembled.local_test.x)
    assert not own & rows(assembled.global_test.x)
    assert not own & rows(assembled.reference)
    assert not rows(assembled.reference) & rows(assembled.global_test.x)
    assert len(assembled.global_test) > 700


def test_limits_keep_those_of_the_smallest_hash(make_job: MakeJob) -> None:
    whole = assemble(make_job())
    few = assemble(make_job(samples=80, reference_samples=50, test_samples=20))
    assert len(few.train) + len(few.holdout) + len(few.local_test) == 80
    assert np.array_equal(few.reference, whole.reference[:50])
    assert np.array_equal(few.global_test.x, whole.global_test.x[:20])
    assert rows(few.holdout.x) < rows(whole.holdout.x)


def test_normalisation_is_per_channel_and_float32() -> None:
    task = Task("colours", ("a", "b"), (2, 1, 1), 255.0, (0.5, 0.25), (0.5, 0.125), ())
    x = standardised(np.array([[[[255]], [[0]]]], dtype=np.uint8), task)
    assert x.dtype == np.float32
    assert x.reshape(-1).tolist() == [1.0, -2.0]


@pytest.mark.parametrize(
    ("fields", "chosen", "sentence"),
    [
        ({}, RAW.y == 3, "train one class only"),
        ({"shard": "drop-class:3/6"}, RAW.y == 3, "is empty"),
        ({"samples": 3}, RAW.y < 10, "too few|one class only"),
        ({}, np.arange(1797) < 0, "is empty"),
    ],
)
def test_too_little_data_is_refused(
    make_job: MakeJob, save_npz: SaveNpz, fields: dict[str, str], chosen: np.ndarray, sentence: str
) -> None:
    with pytest.raises(DataError, match=sentence):
        assemble(make_job(data=f"npz:{save_npz(x=RAW.x[chosen], y=RAW.y[chosen])}", **fields))


@pytest.mark.parametrize("role", ["reference", "test"])
def test_a_common_source_that_is_only_own_data_is_refused(make_job: MakeJob, save_npz: SaveNpz, role: str) -> None:
    data = f"npz:{save_npz('own.npz', x=RAW.x, y=RAW.y)}"
    own = assemble(make_job(data=data, shard="all")).train
    x = np.rint((own.x * DIGITS.std[0] + DIGITS.mean[0]) * DIGITS.scale).astype(np.uint8)
    other = f"npz:{save_npz('other.npz', x=x, y=own.y)}"
    with pytest.raises(DataError, match=role):
        assemble(make_job(data=data, shard="all", **{role: other}))


@pytest.mark.slow
def test_mnist_as_published(make_job: MakeJob) -> None:
    folder = os.environ.get("HDUS_DATA_DIR")
    if not folder:
        pytest.skip("HDUS_DATA_DIR names no folder with mnist.npz")
    task = Task("mnist", tuple("0123456789"), (1, 28, 28), 255.0, (0.1307,), (0.3081,), ("mobilenet-s",))
    data = assemble(make_job(task=task, data=f"npz:{Path(folder) / 'mnist.npz'}", samples=1500))
    assert len(data.train) + len(data.holdout) + len(data.local_test) == 1500
    assert len(data.reference) + len(data.global_test) == 10_000
    assert set(data.train.y) == set(range(1, 10))
    assert abs(float(data.train.x.mean())) < 0.1
