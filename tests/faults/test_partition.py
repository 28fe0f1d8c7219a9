"""A network that falls apart during a leave: who is out of reach goes on, and obeys once it is one network again."""

import pytest

from tests.faults.six import Six
from tests.integration.test_leave import leave

pytestmark = pytest.mark.slow

NEAR, FAR = ("anna", "bela", "cleo"), ("dina", "emil", "finn")


def part(six: Six) -> None:
    six.lan.part(six.device(*NEAR), six.device(*FAR))


def test_a_leave_that_half_of_the_network_does_not_hear_of(six: Six) -> None:
    six.meet()
    leaver = six.leaver("anna")
    part(six)
    confirmed = {name: name in NEAR for name in six.NAMES if name != "anna"}
    assert leave(leaver.peer, 5) == (3, confirmed)
    six.judge_pending(leaver, FAR)
    for name in FAR:
        six.peers[name].wait_event("PeerGone", peer="anna")
        assert "anna" in six.peers[name].seeds(), "a network that is away is no leave"
    six.lan.heal()
    assert leaver.peer.end() == 0
    six.judge(leaver)


def test_a_network_that_falls_apart_in_the_midst_of_a_leave(six: Six) -> None:
    six.meet()
    leaver = six.leaver("anna")
    with six.leaving(leaver):
        part(six)
        for name in NEAR[1:]:
            six.peers[name].wait_event("SeedErased", peer="anna")
    away = [name for name in FAR if six.peers[name].wait_event("PeerGone", peer="anna")]
    assert away == list(FAR)
    six.lan.heal()
    assert leaver.peer.end() == 0
    six.judge(leaver)
