"""A network that loses, delays, repeats and reorders: slower, and nothing else."""

import pytest

from tests.faults.bad_cable import Weather, bad_cables
from tests.faults.six import SUBNET, Six

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

WEATHER = Weather(loss=0.05, twice=0.02, delay_min_s=0.01, delay_max_s=0.06)
"""Of each cable and direction: a message and its answer cross four of them, so one in five is sent again."""
PATIENCE_S = 120.0


def test_a_leave_over_a_network_that_loses_and_delays(six: Six) -> None:
    six.lan.pull(*six.lan.devices)
    with bad_cables(six.lan, SUBNET, WEATHER, seed=7) as cables:
        six.meet(PATIENCE_S)
        leaver = six.leaver("cleo")
        with six.leaving(leaver):
            pass
        assert leaver.peer.ended(PATIENCE_S) == 0
        for cable in cables:
            carried = cable.carried
            assert min(carried.passed, carried.lost, carried.twice, carried.overtaken) > 0, carried
        six.judge(leaver)
