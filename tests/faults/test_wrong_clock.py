"""Wall clocks that are set wrong, at real daemons.

What is expected
1. A clock far ahead (past every lease, within the credentials' dates) changes nothing: leases are counted, not dated.
2. Before the credentials' first day no peer starts; it says so, and asks whether its clock is right.
3. A peer whose clock is set there while it runs erases as ever, but no verifier could take its receipt, and so nobody
   does: the leave waits for it, and is complete once the clock is right.
4. An owner that comes back in the midst of its leave, with a clock past the leases, waits for nobody any more. Its
   certificate says of who did not answer that it is pending, and at a date past the lease that it lapsed: it never says
   complete. The holder is told by others.
"""

from datetime import UTC, datetime, timedelta

import pytest

from tests.faults.six import LEFT, Six
from tests.faults.wrong_clock import DAY_S, WrongClock

pytestmark = pytest.mark.slow

AHEAD_S, BEHIND_S = 100 * DAY_S, -400 * DAY_S
"""Leases are for 14 days, credentials from now for 365."""


def test_clocks_far_ahead_change_nothing(six: Six) -> None:
    for name in ("anna", "dina"):
        WrongClock(six.peers[name]).set(AHEAD_S)
    six.meet()
    left_s = {name: [seed.use_left_s for seed in six.peers[name].seeds().values()] for name in six.NAMES}
    assert max(map(max, left_s.values())) - min(map(min, left_s.values())) < 300, left_s
    leaver = six.leaver("anna")
    mark = six.peers["dina"].mark
    with six.leaving(leaver):
        pass
    assert leaver.peer.end() == 0
    erased = {name: six.peers[name].wait_event("SeedErased", peer="anna")["time"] for name in ("cleo", "dina")}
    assert erased["dina"] - erased["cleo"] > AHEAD_S - 300, "its clock was wrong"
    assert not six.peers["dina"].saw("LeaseEnded", mark)
    six.judge(leaver)


def test_a_clock_before_the_credentials(six: Six) -> None:
    bela = six.peers["bela"]
    clock = WrongClock(bela)
    clock.set(BEHIND_S)
    refused = bela.refused_start()
    assert refused.code == 4
    assert "is this device's clock right?" in refused.answer["error"]

    clock.set(0)
    six.meet()
    leaver = six.leaver("anna")
    clock.set(BEHIND_S)
    six.leave_without(leaver, "bela")
    dated_s = bela.wait_event("SeedErased", peer="anna")["time"] - leaver.peer.wait_event("LeaveBegun")["time"]
    assert dated_s < BEHIND_S / 2, "its clock was wrong"
    assert bela.seeds().keys() == set(six.NAMES) - {"anna", "bela"}, "nothing else was erased, nor brought back"
    clock.set(0)
    assert leaver.peer.end() == 0
    six.judge(leaver)


def test_an_owner_with_a_clock_past_the_leases_does_not_say_complete(six: Six) -> None:
    cleo = six.peers["cleo"]
    clock = WrongClock(six.peers["anna"])
    six.meet()
    leaver = six.leaver("anna")
    cleo.kill()
    six.leave_without(leaver, "cleo")
    leaver.peer.stop()
    clock.set(AHEAD_S)
    leaver.peer.start()
    assert leaver.peer.end() in LEFT, "by its clock nobody can hold anything any more"
    six.judge_certificate(leaver, ["cleo"])

    mark = cleo.mark
    cleo.start().wait_event("SeedErased", mark, peer="anna", cause="notice")
    cleo.wait_event("Started", mark)
    later = datetime.now(UTC) + timedelta(seconds=AHEAD_S)
    six.judge_certificate(leaver, ["cleo"], unanswered="lapsed", at=f"{later:%Y-%m-%d}")
    six.judge(leaver, ["cleo"])
