"""Refusals by word and by peer, bounded."""

from hdus_peer.control.port import Offender
from hdus_peer.daemon.refusals import LATEST_SHOWN, PEERS_MAX, Refusals
from hdus_peer.domain.identity import PeerId


def test_the_latest_are_named_with_what_was_refused_of_them() -> None:
    refusals = Refusals()
    for peer, reason in ((PeerId("b"), "forged"), (PeerId("a"), "gone"), (PeerId("b"), "malformed"), (None, "forged")):
        refusals.count(peer, reason)
    assert refusals.by_reason == {"gone": 1, "forged": 2, "malformed": 1}
    assert refusals.latest(str.upper) == (
        Offender(PeerId("b"), "B", {"forged": 1, "malformed": 1}),
        Offender(PeerId("a"), "A", {"gone": 1}),
    )


def test_many_peers_are_bounded_and_who_goes_on_stays_among_them() -> None:
    refusals = Refusals()
    for number in range(2 * PEERS_MAX):
        refusals.count(PeerId(f"peer {number}"), "gone")
        refusals.count(PeerId("offender"), "flooding")
    latest = refusals.latest(str)
    assert latest[0] == Offender(PeerId("offender"), "offender", {"flooding": 2 * PEERS_MAX})
    assert len(latest) == LATEST_SHOWN
    assert refusals.by_reason.total() == 4 * PEERS_MAX
