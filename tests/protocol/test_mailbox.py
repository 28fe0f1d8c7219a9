"""Receipts reach an owner whom their holder never meets, through somebody who meets both."""

from dataclasses import replace

from hdus_peer.domain.envelope import sign
from hdus_peer.protocol.messages import Receipt, ReceiptAck
from hdus_peer.protocol.records import OwedReceiptRow, Phase, ReceiptRow
from hdus_peer.protocol.step import Leave
from tests.protocol.table import WALL_S, Seat, Table, sharing, tight
from tests.protocol.test_unlearning import receipt


def never_up_together(seats: int = 3) -> tuple[Table, Seat, Seat, Seat]:
    """A leaver goes off line before `far` comes back; `near` meets both, one after the other."""
    table = sharing(seats)
    leaver, near, far, *others = table.seats
    for seat in (leaver, near, *others):
        table.unlink(seat, far)
    leaver.command(Leave())
    table.settle()
    for seat in (near, *others):
        table.unlink(leaver, seat)
    assert leaver.phase == Phase.LEAVING
    return table, leaver, near, far


def left_with(seat: Seat, owner: Seat) -> set[str]:
    return {row.holder for row in seat.rows(ReceiptRow) if row.owner == owner.peer}


def test_owner_and_holder_need_never_be_up_at_the_same_time() -> None:
    table, leaver, near, far = never_up_together()
    table.link(near, far)
    table.wait(6.0)
    assert left_with(near, leaver) == {far.peer}
    table.unlink(near, far)
    near.restart()
    table.link(near, leaver)
    assert leaver.phase == Phase.LEFT
    assert left_with(near, leaver) == set(), "the owner has it"
    assert far.rows(OwedReceiptRow), "a mailbox relieves nobody"


def test_an_owner_that_is_in_reach_of_the_mailbox_gets_it_at_once() -> None:
    """Only between the leaver and this holder there is no way."""
    table = sharing(3)
    leaver, near, far = table.seats
    table.unlink(leaver, far)
    leaver.command(Leave())
    table.settle()
    assert leaver.phase == Phase.LEAVING
    table.wait(6.0)
    assert leaver.phase == Phase.LEFT
    assert left_with(near, leaver) == set()


def test_a_receipt_is_left_once_with_each_and_with_few() -> None:
    table, leaver, near, far = never_up_together(5)
    far.limits = tight(mailboxes_max=2)
    table.restart(far)
    for seat in table.seats[3:]:
        table.link(seat, far)
    table.link(near, far)
    far.forget()
    table.wait(30.0)
    left = [message for message in far.messages(Receipt) if message.receipt.statement.owner == leaver.peer]
    assert len(left) == 2
    assert sum(bool(left_with(seat, leaver)) for seat in table.seats[1:]) == 2


def test_what_was_lost_on_the_way_to_a_mailbox_is_left_again_over_the_next_link() -> None:
    table, leaver, near, far = never_up_together()
    table.lost = lambda sender, to, message: isinstance(message, ReceiptAck)
    table.link(near, far)
    table.wait(6.0)
    table.lost = lambda sender, to, message: False
    table.unlink(near, far)
    table.link(near, far)
    far.forget()
    table.wait(12.0)
    assert len(far.messages(Receipt)) == 1
    assert left_with(near, leaver) == {far.peer}


def test_only_a_holder_leaves_its_own_receipt_and_only_for_a_known_notice() -> None:
    table, leaver, near, far = never_up_together(4)
    other, through = table.seats[3], leaver.core.state.row.through_highest
    of_far = sign(far.person.identity, receipt(far, leaver, through))
    early = sign(other.person.identity, receipt(other, leaver, through + 1))
    forged = sign(other.person.identity, receipt(far, leaver, through))
    near.receive(other, Receipt(of_far, far.person.membership))
    near.receive(other, Receipt(early, other.person.membership))
    near.receive(other, Receipt(forged, far.person.membership))
    assert near.refusals() == ["not-holder", "no-notice", "not-holder"]
    assert left_with(near, leaver) == set()


def test_a_leaver_keeps_nothing_for_others() -> None:
    table, leaver, near, far = never_up_together(4)
    keeper = table.seats[3]
    table.lost = lambda sender, to, message: to == keeper.peer
    near.command(Leave())
    table.settle()
    said = sign(keeper.person.identity, receipt(keeper, leaver, leaver.core.state.row.through_highest))
    near.receive(keeper, Receipt(said, keeper.person.membership))
    assert near.refusals()[-1] == "not-active"
    assert far.peer not in left_with(near, leaver)


def test_what_nobody_came_for_is_forgotten_after_its_time() -> None:
    table, leaver, near, far = never_up_together(4)
    other, through = table.seats[3], leaver.core.state.row.through_highest
    table.link(near, far)
    table.wait(6.0)
    assert left_with(near, leaver) == {far.peer}
    near.wall_skew_s = near.limits.mailbox_keep_s + 60.0
    said = replace(receipt(other, leaver, through), issued_at_s=int(WALL_S + near.wall_skew_s))
    near.receive(other, Receipt(sign(other.person.identity, said), other.person.membership))
    assert left_with(near, leaver) == {other.peer}
