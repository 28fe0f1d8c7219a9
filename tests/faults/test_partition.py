"""A network that falls apart during a leave: who is out of reach goes on, and obeys once it is one network again."""

import pytest

from tests.faults.bad_cable import Weather, bad_cables
from tests.faults.six import SUBNET, Six

pytestmark = pytest.mark.slow

NEAR, FAR = ("anna", "bela", "cleo"), ("dina", "emil", "finn")
GOOD, SLOW = Weather(), Weather(delay_min_s=0.6, delay_max_s=0.8)


def part(six: Six) -> None:
    six.lan.part(six.device(*NEAR), six.device(*FAR))


def test_a_leave_that_half_of_the_network_does_not_hear_of(six: Six) -> None:
    six.meet()
    leaver = six.leaver("anna")
    part(six)
    six.leave_without(leaver, *FAR)
    for name in FAR:
        six.peers[name].wait_event("PeerGone", peer="anna")
        assert "anna" in six.peers[name].seeds(), "a network that is away is no leave"
    six.lan.heal()
    assert leaver.peer.end() == 0
    six.judge(leaver)


def test_a_network_that_falls_apart_in_the_midst_of_a_leave(six: Six) -> None:
    """The notice is under way to the far side, where messages are slow, when the first receipt is there: it arrives, or
    does not, and no answer comes back."""
    six.lan.pull(*six.lan.devices)
    with bad_cables(six.lan, SUBNET, GOOD, seed=1) as cables:
        six.meet()
        leaver = six.leaver("anna")
        for cable, name in zip(cables, six.NAMES, strict=True):
            cable.weather = SLOW if name in FAR else GOOD
        mark = leaver.peer.mark
        with six.leaving(leaver):
            leaver.peer.wait_event("GrantClosed", mark)
            part(six)
        for name in NEAR[1:]:
            six.peers[name].wait_event("SeedErased", peer="anna")
        for name in FAR:
            six.peers[name].wait_event("PeerGone", peer="anna")
        assert 1 <= len(leaver.peer.saw("GrantClosed", mark)) < len(NEAR), leaver.peer.report("it was not in the midst")
        for cable in cables:
            cable.weather = GOOD
        six.lan.heal()
        assert leaver.peer.end() == 0
        six.judge(leaver)
