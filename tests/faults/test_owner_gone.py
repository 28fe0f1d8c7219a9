"""An owner that leaves and is gone for good, before one of its holders hears of it: somebody else tells that one."""

import pytest

from hdus_peer.control.port import PeerStatus
from tests.faults.six import Six

pytestmark = pytest.mark.slow


def keeps_mail_for_anna(now: PeerStatus) -> bool:
    return ("mail", "anna") in {(owed.kind, owed.name) for owed in now.owed}


def test_a_holder_that_comes_back_is_told_by_others(six: Six) -> None:
    six.meet()
    leaver = six.leaver("anna")
    anna, cleo = leaver.peer, six.peers["cleo"]
    cleo.kill()
    six.leave_without(leaver, "cleo")
    anna.kill()

    mark = cleo.mark
    cleo.start().wait_event("TombstoneWritten", mark, peer="anna")
    erased = cleo.wait_event("SeedErased", mark, peer="anna")
    assert erased["cause"] == "notice"
    assert not cleo.saw("LinkOpened", mark, peer="anna"), "nobody but the others can have told it"
    stay = [peer.name for peer in six.others("anna")]
    six.use_each_other(*stay)
    assert not cleo.saw("SeedAdopted", mark, peer="anna")
    for keeper in six.others("anna", "cleo"):
        keeper.wait(keeps_mail_for_anna, "it keeps what cleo signed")

    # it was not gone for good after all, and now the holder is: what was left for it completes its certificate
    cleo.stop()
    six.judge_disks(leaver, [cleo])
    anna.start()
    assert anna.end() == 0
    mark = cleo.mark
    cleo.start().wait_event("Started", mark)
    six.judge(leaver)
