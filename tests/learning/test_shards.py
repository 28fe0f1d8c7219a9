"""Membership by content: forgetting a sample moves no other."""

import numpy as np
import pytest

from hdus_peer.errors import ConfigurationError
from hdus_peer.learning.shards import Shard, digests_of, fractions, ranks

X = np.random.default_rng(0).integers(0, 256, (400, 1, 4, 4), dtype=np.uint8)
Y = np.arange(400, dtype=np.int64) % 10
DIGESTS = digests_of(X)


def members(text: str) -> np.ndarray:
    return Shard.parse(text).members(DIGESTS, Y, 10)


def test_shards_share_all_samples_among_the_peers_without_overlap() -> None:
    assert np.array_equal(sum(members(f"iid:{peer}/6").astype(int) for peer in range(6)), np.ones(400))
    assert members("all").all()


@pytest.mark.parametrize(("text", "dropped"), [("drop-class:3/6", 3), ("drop-class:11/20", 1)])
def test_drop_class_lacks_its_class_and_nothing_else_of_its_share(text: str, dropped: int) -> None:
    share = members(text.replace("drop-class", "iid"))
    assert np.array_equal(members(text), share & (dropped != Y))


def test_forgetting_a_sample_moves_no_other() -> None:
    rest = np.delete(np.arange(400), 17)
    alone = Shard.parse("iid:2/6").members(digests_of(X[rest]), Y[rest], 10)
    assert np.array_equal(alone, members("iid:2/6")[rest])


def test_roles_are_independent_of_one_another() -> None:
    assert abs(np.corrcoef(fractions(DIGESTS, "held-out"), fractions(DIGESTS, "local-test"))[0, 1]) < 0.15
    assert fractions(DIGESTS, "held-out").mean() == pytest.approx(0.5, abs=0.05)


def test_a_sample_of_another_type_or_shape_is_another_sample() -> None:
    assert digests_of(X) != digests_of(X.astype(np.int16))
    assert digests_of(X) != digests_of(X.reshape(400, 16))
    assert np.array_equal(ranks(digests_of(X), "a"), ranks(DIGESTS, "a"))


@pytest.mark.parametrize("text", ["", "drop-class", "iid:6/6", "iid:-1/6", "iid:1/0", "iid:1/200000", "dirichlet:0/2"])
def test_a_wrong_specification_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="drop-class:i/n"):
        Shard.parse(text)
