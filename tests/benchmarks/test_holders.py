"""The rows of a leave with many holders divide what they say they do."""

import pytest

from benchmarks.holders import Round, leave_rows
from benchmarks.spending import Spending

ROUNDS = [
    Round(0.1, 0.2, 0.05, Spending(1.0, 0.5, 4096.0)),
    Round(0.3, 0.4, 0.05, Spending(1.0, 0.7, 8192.0)),
    Round(0.2, 0.3, 0.10, Spending(1.0, 0.6, 6144.0)),
]


def test_each_leave_is_compared_with_the_calls_beside_it_and_all_with_one_training():
    ratio, erased, complete, retraining, computing, sent = leave_rows(
        4, ROUNDS, Spending(10.0, 1.0, 20480.0), retraining_s=30.0
    )
    assert ratio.measured == pytest.approx(2.0)
    assert (ratio.details["low"], ratio.details["high"]) == pytest.approx((2.0, 6.0))
    assert (erased.measured, erased.unit, erased.is_met) == (pytest.approx(200), "ms", False)
    assert complete.measured == pytest.approx(4.0)
    assert retraining.measured == pytest.approx(0.01)
    assert computing.measured == pytest.approx(600)
    assert computing.details == pytest.approx({"ms_per_holder": 150, "ms_of_idle_ones": 100})
    assert (sent.measured, sent.unit, sent.details["KiB_per_holder"]) == (4.0, "KiB", 1.0)
