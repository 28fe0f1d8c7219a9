"""What the ledger certifies: everybody who was granted a key, and how each answered."""

from hdus_peer.domain.certificate import Standing, Verdict, to_file, verify_file
from hdus_peer.domain.seed import LAPSE_SLACK_S
from hdus_peer.protocol.certificate import certificate_of
from hdus_peer.protocol.records import Phase
from hdus_peer.protocol.step import Leave, Rejoin
from hdus_peer.simulation import cast
from tests.protocol.table import Seat, sharing


def verdict(seat: Seat, at_s: int | None = None) -> Verdict:
    made = certificate_of(seat.core.state)
    assert made is not None
    at_s = seat.now.unix_s if at_s is None else at_s
    return verify_file(to_file(seat.me.sign(made)), cast.root().public_key, at_s)


def standings(seat: Seat, at_s: int | None = None) -> dict[str, Standing]:
    return {each.name: each.standing for each in verdict(seat, at_s).holders}


def test_who_never_left_has_none() -> None:
    table = sharing(2)
    assert certificate_of(table.seats[0].core.state) is None


def test_a_leave_that_everybody_answered_is_complete() -> None:
    table = sharing(3)
    leaver = table.seats[0]
    leaver.command(Leave())
    table.settle()
    assert leaver.phase == Phase.LEFT
    assert standings(leaver) == {"peer-1": Standing.RECEIPT, "peer-2": Standing.RECEIPT}
    leaver.restart()
    assert verdict(leaver).is_complete


def test_who_is_out_of_reach_is_pending_until_it_answers() -> None:
    table = sharing(3)
    leaver, near, far = table.seats
    table.unlink(leaver, far)
    table.unlink(near, far)
    leaver.command(Leave())
    table.settle()
    assert standings(leaver) == {"peer-1": Standing.RECEIPT, "peer-2": Standing.PENDING}
    table.link(leaver, far)
    assert verdict(leaver).is_complete


def test_a_holder_that_left_before_is_certified_by_its_departure() -> None:
    table = sharing(3)
    leaver, gone, _ = table.seats
    gone.command(Leave())
    table.settle()
    table.unlink(leaver, gone)
    leaver.command(Leave())
    table.settle()
    assert standings(leaver) == {"peer-1": Standing.DEPARTURE, "peer-2": Standing.RECEIPT}


def test_a_superseded_seed_is_certified_by_its_release_until_a_receipt_comes() -> None:
    table = sharing(2)
    owner, holder = table.seats
    owner.publish("second")
    table.settle()
    table.lost = lambda sender, to, message: sender == holder.peer
    owner.command(Leave())
    table.settle()
    (found,) = verdict(owner).holders
    assert (found.standing, found.grants) == (Standing.PENDING, 2)
    table.lost = lambda sender, to, message: False
    table.wait(12.0)
    assert standings(owner) == {"peer-1": Standing.RECEIPT}


def test_the_certificate_of_a_leave_stays_after_a_return() -> None:
    table = sharing(2)
    owner = table.seats[0]
    owner.command(Leave())
    table.settle()
    before = verdict(owner)
    owner.command(Rejoin())
    owner.publish("again")
    table.settle()
    assert verdict(owner) == before


def test_a_silent_holder_is_pending_while_leased_and_lapsed_after() -> None:
    table = sharing(3)
    leaver, near, far = table.seats
    table.unlink(leaver, far)
    table.unlink(near, far)
    leaver.command(Leave())
    table.settle()
    until_s = max(each.hold_until_s for each in verdict(leaver).holders)
    assert standings(leaver, until_s)["peer-2"] == Standing.PENDING
    assert standings(leaver, until_s + LAPSE_SLACK_S + 1) == {"peer-1": Standing.RECEIPT, "peer-2": Standing.LAPSED}
