"""An interface that disappears as a leave begins, and returns with another name and address: then the leave is done."""

import pytest

from tests.faults.six import Six

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", ["anna", "dina"], ids=["the-owner", "a-holder"])
def test_an_interface_that_disappears_and_returns(six: Six, name: str) -> None:
    """`name`: whose; nobody has noticed yet when anna leaves."""
    six.meet()
    leaver = six.leaver("anna")
    unheard = {other for other in six.NAMES if name in ("anna", other)} - {"anna"}
    peer, (device,), others = six.peers[name], six.device(name), six.others(name)
    marks = {each.name: each.mark for each in six.peers.values()}
    six.lan.pull(device)
    six.leave_without(leaver, *sorted(unheard))
    peer.wait_event("NetworkChanged", marks[name])
    for other in others:
        other.wait_event("PeerGone", marks[other.name], peer=name)
    six.lan.plug(device, "10.77.0.77")
    assert leaver.peer.end() == 0
    six.judge(leaver)
