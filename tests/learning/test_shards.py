"""Membership by content: forgetting a sample moves no other."""

import re

import numpy as np
import pytest

from hdus_peer.config.sections import SHARD_FORMS, SHARD_PATTERN
from hdus_peer.errors import ConfigurationError, DataError
from hdus_peer.learning.dirichlet import bounds
from hdus_peer.learning.shards import FORMS, Candidates, digests_of, fractions, parse_shard, ranks

X = np.random.default_rng(0).integers(0, 256, (400, 1, 4, 4), dtype=np.uint8)
Y = np.arange(400, dtype=np.int64) % 10
DIGESTS = digests_of(X)
WRITERS = np.array([f"w{number // 7}" for number in range(400)])
CANDIDATES = Candidates(DIGESTS, Y, 10, WRITERS)


def members(text: str, candidates: Candidates = CANDIDATES) -> np.ndarray:
    return parse_shard(text).members(candidates)


def among(rest: np.ndarray) -> Candidates:
    """Some of the samples, in another order."""
    return Candidates([DIGESTS[place] for place in rest], Y[rest], 10, WRITERS[rest])


@pytest.mark.parametrize("form", ["iid:{}/6", "dirichlet:0.1:{}/6", "dirichlet:10:{}/6", "by:writer:{}/6"])
def test_shards_share_all_samples_among_the_peers_without_overlap(form: str) -> None:
    assert np.array_equal(sum(members(form.format(peer)).astype(int) for peer in range(6)), np.ones(400))
    assert members("all").all()


@pytest.mark.parametrize(("text", "dropped"), [("drop-class:3/6", 3), ("drop-class:11/20", 1)])
def test_drop_class_lacks_its_class_and_nothing_else_of_its_share(text: str, dropped: int) -> None:
    share = members(text.replace("drop-class", "iid"))
    assert np.array_equal(members(text), share & (dropped != Y))


@pytest.mark.parametrize("text", ["iid:2/6", "drop-class:2/6", "dirichlet:0.5:2/6", "by:writer:2/6", "by:writer=w3"])
def test_neither_the_order_nor_a_forgotten_sample_moves_another(text: str) -> None:
    order = np.random.default_rng(1).permutation(400)
    rest = order[order != 17]
    assert np.array_equal(members(text, among(rest)), members(text)[rest])


def test_a_dirichlet_partition_is_skewed_as_its_alpha_says() -> None:
    """Mean and variance of a part of Dir(α, …, α) of n: 1/n and (1/n)(1 - 1/n) / (nα + 1)."""
    for alpha, peers in ((0.1, 5), (1.0, 5), (50.0, 5), (0.005, 3)):
        parts = np.array([np.diff(np.minimum(bounds(alpha, peers, label), 1.0)) for label in range(4000)])
        assert np.allclose(parts.sum(axis=1), 1.0)
        assert parts.mean(axis=0) == pytest.approx(np.full(peers, 1 / peers), abs=0.03)
        assert parts.var(axis=0).mean() == pytest.approx((1 / peers) * (1 - 1 / peers) / (peers * alpha + 1), rel=0.08)


def test_the_bounds_of_a_dirichlet_partition_never_change() -> None:
    """Peers with different libraries must agree on them."""
    assert bounds(0.5, 3, 7)[1:3] == pytest.approx([0.31078472288614406, 0.9779635471585086], rel=1e-12)


def test_the_shares_of_a_class_follow_the_bounds() -> None:
    labels = np.zeros(400, dtype=np.int64)
    found = [members(f"dirichlet:0.5:{peer}/4", Candidates(DIGESTS, labels, 10)).mean() for peer in range(4)]
    assert found == pytest.approx(np.diff(np.minimum(bounds(0.5, 4, 0), 1.0)), abs=0.1)


def test_shards_by_column_keep_a_value_together() -> None:
    for peer in range(6):
        mine = set(WRITERS[members(f"by:writer:{peer}/6")])
        assert not mine & set(WRITERS[~members(f"by:writer:{peer}/6")])
    assert np.array_equal(members("by:writer=w3"), WRITERS == "w3")
    assert parse_shard("by:ward:b=a=b").group == "ward:b"


def test_a_value_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(DataError, match=r"no sample has writer = 'w99'; the 58 values are: w0, w1, w10.*, …"):
        members("by:writer=w99")
    with pytest.raises(DataError, match="the data have no 'writer'"):
        members("by:writer=w1", Candidates(DIGESTS, Y, 10))


def test_roles_are_independent_of_one_another() -> None:
    assert abs(np.corrcoef(fractions(DIGESTS, "held-out"), fractions(DIGESTS, "local-test"))[0, 1]) < 0.15
    assert fractions(DIGESTS, "held-out").mean() == pytest.approx(0.5, abs=0.05)


def test_a_sample_of_another_type_or_shape_is_another_sample() -> None:
    assert digests_of(X) != digests_of(X.astype(np.int16))
    assert digests_of(X) != digests_of(X.reshape(400, 16))
    assert np.array_equal(ranks(digests_of(X), "a"), ranks(DIGESTS, "a"))


WRONG = ["", "drop-class", "iid:6/6", "iid:-1/6", "iid:1/0", "iid:1/200000", "dirichlet:0/2", "dirichlet:0:0/2",
         "dirichlet:0.0:0/2", "dirichlet:-1:0/2", "dirichlet:nan:0/2", "dirichlet:1e3:0/2", "by:", "by:writer",
         "by:writer=", "by:=w1", "by:writer:3/3", "by:writer:1"]  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_specification_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="drop-class:i/n, dirichlet:ALPHA:i/n"):
        parse_shard(text)


@pytest.mark.parametrize("text", ["all", "iid:0/2", "dirichlet:0.3:1/6", "dirichlet:10:1/6", "by:a b=c", "by:a:0/4"])
def test_what_is_a_shard_can_be_configured(text: str) -> None:
    parse_shard(text)
    assert re.fullmatch(SHARD_PATTERN, text)
    assert SHARD_FORMS == FORMS
