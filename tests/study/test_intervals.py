"""Spreads and paired intervals against scipy's own t-test."""

import pytest
from scipy.stats import ttest_rel

from hdus_peer.study.intervals import paired, spread


def test_the_interval_is_that_of_a_paired_t_test() -> None:
    ours, theirs = {0: 0.91, 1: 0.93, 2: 0.90, 3: 0.95}, {0: 0.90, 1: 0.90, 2: 0.91, 3: 0.93}
    found = paired(ours, theirs)
    expected = ttest_rel(list(ours.values()), list(theirs.values())).confidence_interval(0.95)
    assert found is not None
    assert found.half_width is not None
    assert (found.mean - found.half_width, found.mean + found.half_width) == pytest.approx(tuple(expected))


def test_only_seeds_that_both_have_are_compared() -> None:
    found = paired({0: 0.5, 1: 0.7}, {1: 0.6, 2: 0.1})
    assert found is not None
    assert found.mean == pytest.approx(0.1)
    assert found.half_width is None
    assert paired({0: 1.0}, {1: 1.0}) is None


def test_a_single_value_has_no_deviation() -> None:
    assert spread([0.5]).deviation is None
    assert spread([1.0, 3.0]).deviation == pytest.approx(2**0.5)
