"""Leave, notices, receipts, releases, departures, rejoin: who may say what, and in which Step what follows."""

from dataclasses import replace

import pytest

from hdus_peer.domain.envelope import Signed, sign
from hdus_peer.domain.membership import Membership
from hdus_peer.domain.seed import LAPSE_SLACK_S
from hdus_peer.domain.unlearning import Departure, ErasureReceipt, SeedRelease, UnlearnNotice, ledger_digest
from hdus_peer.protocol.messages import (
    Heartbeat,
    NoticeItem,
    Notices,
    Receipt,
    ReceiptAck,
    Release,
    ReleaseAck,
    TombstoneDigest,
    TombstoneRequest,
)
from hdus_peer.protocol.records import (
    ErasureRow,
    GrantRow,
    HeldSeedRow,
    OwedReceiptRow,
    OwedReleaseRow,
    OwnSeedRow,
    Phase,
    ReceiptRow,
    SelfRow,
    TombstoneRow,
)
from hdus_peer.protocol.state import Draft
from hdus_peer.protocol.step import Erase, Erased, HangUp, Leave, Obey, Publish, Put, Rejoin, StartFetch, UseSeeds
from hdus_peer.simulation import cast
from tests.protocol.table import WALL_S, Seat, Table, payload_of, sharing, tight

LATER_S = int(WALL_S) + 10**6


def notice(owner: Seat, through: int = LATER_S, kind: str = "leave", by: Seat | None = None) -> NoticeItem:
    """A notice about `owner`, signed by itself or by somebody else."""
    statement = UnlearnNotice(owner.peer, through, kind, "", 0, 0)
    return NoticeItem(sign((by or owner).person.identity, statement), owner.person.membership, None, ())


def by_root(owner: Seat, kind: str = "revoke") -> NoticeItem:
    statement = UnlearnNotice(owner.peer, 2**53, kind, "", 0, 0)
    return NoticeItem(sign(cast.root(), statement), owner.person.membership, None, ())


def tell(holder: Seat, sender: Seat, *items: NoticeItem) -> None:
    holder.receive(sender, Notices(items, last=False))


def leave(table: Table, leaver: Seat) -> None:
    leaver.command(Leave())
    table.settle()


# --- the whole way ----------------------------------------------------------------------------------------------------
def test_a_leaver_reaches_left_and_nothing_of_it_remains() -> None:
    table = sharing(4)
    leaver, others = table.seats[0], table.seats[1:]
    leave(table, leaver)
    assert leaver.phase == Phase.LEFT
    assert [event.name for event in leaver.events if event.name in ("LeaveBegun", "Left")] == ["LeaveBegun", "Left"]
    assert all(row.closed_by == "receipt" for row in leaver.rows(GrantRow))
    for other in others:
        assert leaver.peer not in {row.owner for row in other.rows(HeldSeedRow)}
        assert leaver.peer not in {row.owner for effect in other.asked(UseSeeds)[-1:] for row in effect.seeds}
        assert [row.closed_by for row in other.rows(GrantRow) if row.holder == leaver.peer] == ["departure"]
        assert not other.rows(OwedReceiptRow)
        assert not other.rows(ErasureRow)
    assert not leaver.rows(HeldSeedRow)
    assert not leaver.rows(OwnSeedRow)


def test_the_notice_commits_to_the_ledger_and_brings_it_to_those_who_are_in_it() -> None:
    table = sharing(3)
    leaver, holder, _ = table.seats
    leaver.command(Leave())
    statement = leaver.rows(TombstoneRow)[0].notice.statement
    items = [message.items[0] for to, message in leaver.sent if isinstance(message, Notices) and to == holder.peer]
    assert statement.ledger_sha256 == ledger_digest(items[0].ledger)
    assert statement.ledger_entries == len(items[0].ledger) == 2


def test_a_leave_is_said_again_with_the_same_notice() -> None:
    table = sharing(2)
    leaver = table.seats[0]
    table.lost = lambda sender, to, message: True
    leaver.command(Leave())
    leaver.command(Leave())
    said = [message.items[0].notice.envelope for message in leaver.messages(Notices)]
    assert len(said) == 2
    assert len(set(said)) == 1
    table.lost = lambda sender, to, message: False
    leave(table, leaver)
    assert leaver.phase == Phase.LEFT
    assert leaver.command(Leave()) == leaver.core.command(Leave(), leaver.now)


def test_a_leaver_waits_for_whoever_is_out_of_reach() -> None:
    table = sharing(3)
    leaver, near, far = table.seats
    table.unlink(leaver, far)
    table.unlink(near, far)
    leave(table, leaver)
    assert leaver.phase == Phase.LEAVING
    assert [row.holder for row in leaver.core.unlearning.open_grants()] == [far.peer]
    table.link(near, far)
    assert leaver.peer not in {row.owner for row in far.rows(HeldSeedRow)}
    assert far.rows(OwedReceiptRow)
    table.link(leaver, far)
    assert leaver.phase == Phase.LEFT
    assert not far.rows(OwedReceiptRow)


def test_a_leaver_that_nobody_holds_goes_only_once_somebody_knows() -> None:
    """It holds seeds of others: their owners learn of its departure from whoever heard of it."""
    table = sharing(2)
    leaver, owner = table.seats
    table.unlink(leaver, owner)
    for grant in leaver.rows(GrantRow):
        leaver.core.unlearning._close([grant], "receipt", draft := Draft(leaver.core.state))
        leaver.take(draft.step())
    leave(table, leaver)
    table.restart(leaver)
    table.settle()
    assert leaver.phase == Phase.LEAVING
    assert not leaver.core.unlearning.open_grants()
    table.link(leaver, owner)
    table.wait(2.5)
    assert leaver.phase == Phase.LEFT
    assert [row.closed_by for row in owner.rows(GrantRow)] == ["departure"]


def test_who_never_met_anybody_leaves_at_once() -> None:
    table = Table(1)
    table.seats[0].publish("first")
    leave(table, table.seats[0])
    assert table.seats[0].phase == Phase.LEFT


def test_a_leave_while_its_seed_is_being_fetched() -> None:
    table = Table(2)
    leaver, holder = table.seats
    table.withheld = {StartFetch}
    leaver.publish("first")
    table.link(leaver, holder)
    leave(table, leaver)
    assert [effect.payloads for effect in holder.asked(Erase)] == [(payload_of(leaver.peer, "first"),)]
    assert leaver.phase == Phase.LEFT


# --- I1: which Step says what -----------------------------------------------------------------------------------------
def test_the_tombstone_and_the_receipt_are_in_different_steps() -> None:
    table = sharing(2)
    leaver, holder = table.seats
    table.withheld = {Erase}
    leave(table, leaver)
    assert holder.rows(TombstoneRow)
    assert holder.rows(ErasureRow)
    assert not holder.messages(Receipt)
    assert not holder.rows(OwedReceiptRow)
    step = holder.done(Erased(holder.asked(Erase)[0].erasure))
    assert [type(send.message) for send in step.sends] == [Receipt]
    assert any(isinstance(write, Put) and isinstance(write.row, OwedReceiptRow) for write in step.writes)
    assert holder.asked(Erase)[0].at_once
    assert not holder.rows(ErasureRow)


def test_a_receipt_speaks_of_an_earlier_erasure_that_is_not_finished() -> None:
    table = sharing(2)
    leaver, holder = table.seats
    table.withheld = {Erase}
    leaver.publish("second")
    table.settle()
    leave(table, leaver)
    _, unlearned = holder.asked(Erase)
    assert set(unlearned.payloads) == {payload_of(leaver.peer, "first"), payload_of(leaver.peer, "second")}
    holder.done(Erased(unlearned.erasure))
    assert holder.messages(Receipt)


def test_a_departure_waits_for_every_erasure_and_so_do_receipts_meanwhile() -> None:
    table = sharing(3)
    one, two, _ = table.seats
    table.withheld = {Erase}
    leave(table, one)
    leave(table, two)
    of_departure, of_notice = (effect for effect in one.asked(Erase))
    assert payload_of(two.peer, "first") in of_departure.payloads
    one.done(Erased(of_notice.erasure))
    assert not one.messages(Receipt)
    one.done(Erased(of_departure.erasure))
    assert one.rows(TombstoneRow)[0].departure is not None
    assert one.asked(Erase)[-1] == of_notice
    one.done(Erased(of_notice.erasure))
    assert [message.receipt.statement.owner for message in one.messages(Receipt)] == [two.peer]


def test_a_restart_redoes_what_a_crash_interrupted() -> None:
    table = sharing(2)
    leaver, holder = table.seats
    table.withheld = {Erase}
    leave(table, leaver)
    begun = holder.asked(Erase)
    table.restart(holder)
    assert holder.asked(Erase) == begun
    table.withheld = set()
    table.settle()
    table.restart(leaver)
    table.settle()
    table.link(leaver, holder)
    assert leaver.phase == Phase.LEFT


def test_erased_is_heard_once() -> None:
    table = sharing(2)
    leaver, holder = table.seats
    leave(table, leaver)
    assert holder.done(Erased(holder.asked(Erase)[0].erasure)).writes == ()
    assert holder.done(Erased(999)).writes == ()


# --- notices: who may say them ----------------------------------------------------------------------------------------
def test_a_notice_signed_by_somebody_else_is_refused() -> None:
    table = sharing(3)
    victim, rogue, holder = table.seats
    for kind in ("leave", "forget", "revoke", "equivocation", "of a later version"):
        tell(holder, rogue, notice(victim, kind=kind, by=rogue))
    tell(holder, rogue, notice(victim, kind="revoke"))  # only the authority revokes
    assert holder.refusals() == ["not-owner"] * 6
    assert not holder.rows(TombstoneRow)
    assert len(holder.rows(HeldSeedRow)) == 2


def test_a_notice_needs_the_membership_of_its_owner() -> None:
    table = sharing(3)
    victim, rogue, holder = table.seats
    forged = sign(rogue.person.identity, victim.person.membership.statement)
    tell(holder, rogue, replace(notice(victim), membership=rogue.person.membership))
    tell(holder, rogue, replace(notice(victim), membership=forged))
    assert holder.refusals() == ["no-membership"] * 2


def test_a_departure_by_somebody_else_is_refused() -> None:
    table = sharing(3)
    victim, rogue, holder = table.seats
    departure = sign(rogue.person.identity, Departure(victim.peer, 10**6, 0))
    tell(holder, rogue, replace(notice(victim), departure=departure))
    assert holder.refusals() == ["not-owner"]


@pytest.mark.parametrize("kind", ["leave", "forget", "equivocation", "of a later version"])
def test_an_owner_is_obeyed_whatever_its_kind_clock_or_version(kind: str) -> None:
    table = sharing(2)
    owner, holder = table.seats
    tell(holder, owner, notice(owner, kind=kind, through=2**53))
    assert not holder.rows(HeldSeedRow)


@pytest.mark.parametrize(("ahead_s", "is_told"), [(10**6, True), (10, False), (-(10**6), False)])
def test_a_notice_from_the_future_is_obeyed_with_a_warning(ahead_s: int, is_told: bool) -> None:
    table = sharing(3)
    owner, holder, other = table.seats
    owner.wall_skew_s = ahead_s
    leave(table, owner)
    assert owner.phase == Phase.LEFT
    for seat in (holder, other):
        assert owner.peer not in {row.owner for row in seat.rows(HeldSeedRow)}
        assert bool(seat.told("NoticeFromTheFuture")) == is_told
    owner.command(Rejoin())
    owner.wall_skew_s = 0.0
    payload = owner.publish("with its clock set right")
    table.settle()
    table.wait(5.0)
    assert payload in {row.payload_sha256 for row in holder.rows(HeldSeedRow)}


def test_the_authority_revokes_and_that_is_final() -> None:
    table = sharing(3)
    revoked, messenger, holder = table.seats
    tell(holder, messenger, by_root(revoked))
    assert revoked.peer not in {row.owner for row in holder.rows(HeldSeedRow)}
    tell(revoked, messenger, by_root(revoked))
    table.settle()
    assert revoked.phase == Phase.LEFT
    revoked.command(Rejoin())
    assert revoked.phase == Phase.LEFT
    assert revoked.told("RejoinRefused")


def test_a_revocation_told_to_one_reaches_everybody_and_the_revoked_is_turned_away() -> None:
    table = sharing(3)
    revoked, first, other = table.seats
    step = first.command(Obey(by_root(revoked)))
    assert HangUp(revoked.peer) in step.effects
    table.settle()
    for seat in (first, other):
        assert [row.owner for row in seat.rows(TombstoneRow)] == [revoked.peer]
        assert revoked.peer not in {row.owner for row in seat.rows(HeldSeedRow)}
    assert revoked.phase == Phase.LEFT
    assert not revoked.rows(HeldSeedRow), "it erased what it held of others"


def test_who_was_revoked_while_away_hears_of_it_when_it_comes_back() -> None:
    table = sharing(3)
    revoked, first, other = table.seats
    table.unlink(revoked, first)
    table.unlink(revoked, other)
    first.command(Obey(by_root(revoked)))
    table.settle()
    assert revoked.rows(HeldSeedRow)
    table.link(revoked, other)
    assert "revoked" in other.refusals()
    assert revoked.phase == Phase.LEFT
    assert not revoked.rows(HeldSeedRow)


def test_a_revocation_by_anybody_else_is_refused_however_it_came() -> None:
    table = sharing(2)
    one, other = table.seats
    forged = by_root(other)
    forged = replace(forged, notice=sign(one.person.identity, forged.notice.statement))
    step = one.command(Obey(forged))
    assert (step.writes, step.effects, one.refusals()) == ((), (), ["not-owner"])


def test_a_notice_said_again_changes_nothing() -> None:
    table = sharing(3)
    leaver, messenger, holder = table.seats
    leave(table, leaver)
    row = holder.rows(TombstoneRow)[0]
    step = holder.receive(messenger, Notices((NoticeItem(row.notice, row.membership, row.departure, ()),), last=False))
    assert (step.writes, step.sends, step.effects) == ((), (), ())


def test_an_old_notice_does_not_touch_the_seed_of_who_came_back() -> None:
    table = sharing(3)
    owner, messenger, holder = table.seats
    leave(table, owner)
    old = owner.rows(TombstoneRow)[0]
    owner.command(Rejoin())
    payload = owner.publish("second")
    table.settle()
    tell(holder, messenger, NoticeItem(old.notice, old.membership, old.departure, ()))
    assert payload in [row.payload_sha256 for row in holder.rows(HeldSeedRow)]


def test_a_lower_notice_is_no_news_and_a_higher_one_is() -> None:
    table = sharing(2)
    owner, holder = table.seats
    for through in (LATER_S, LATER_S - 1, LATER_S + 1):
        tell(holder, owner, notice(owner, through=through))
    assert holder.rows(TombstoneRow)[0].through == LATER_S + 1
    assert len(holder.told("TombstoneWritten")) == 2


def test_a_notice_for_a_seed_that_was_never_held_is_answered_with_an_empty_receipt() -> None:
    table = Table(2)
    owner, holder = table.seats
    table.link(owner, holder)
    leave(table, owner)
    assert [message.receipt.statement.erased for message in holder.messages(Receipt)] == [()]
    assert owner.phase == Phase.LEFT


def test_a_notice_of_my_own_that_i_do_not_know_is_obeyed() -> None:
    """A restored backup: this directory is older than its owner's leave."""
    table = sharing(3)
    owner, messenger, _ = table.seats
    tell(owner, messenger, notice(owner))
    table.settle()
    assert owner.told("OwnNoticeObeyed")
    assert owner.phase in (Phase.LEAVING, Phase.LEFT)
    assert not owner.rows(HeldSeedRow)
    owner.command(Publish(0, "mlp", "", "ab" * 32, 100, ""))
    assert not owner.rows(OwnSeedRow)
    owner.command(Rejoin())
    owner.publish("after")
    assert owner.rows(OwnSeedRow)[0].manifest.statement.generation > LATER_S


def test_a_forgotten_forget_holds_the_peer_for_its_operator() -> None:
    table = sharing(2)
    owner, messenger = table.seats
    tell(owner, messenger, notice(owner, kind="forget"))
    table.settle()
    assert owner.phase == Phase.HELD


# --- how a notice spreads ---------------------------------------------------------------------------------------------
def test_a_notice_is_passed_on_once_and_what_follows_soon_is_coalesced() -> None:
    table = Table(3)
    owner, messenger, other = table.seats
    table.link(messenger, owner)
    table.link(messenger, other)
    messenger.forget()
    for step in range(5):
        tell(messenger, owner, notice(owner, through=LATER_S + step))
    passed = [message.items[0].notice.statement.through for message in messenger.messages(Notices)]
    assert passed == [LATER_S]
    table.lost = lambda sender, to, message: isinstance(message, TombstoneDigest)
    table.wait(11.0)
    passed = [message.items[0].notice.statement.through for message in messenger.messages(Notices)]
    assert passed == [LATER_S, LATER_S + 4]
    assert other.rows(TombstoneRow)[0].through == LATER_S + 4


def test_its_owner_tells_everybody_and_a_holder_a_few() -> None:
    table = sharing(7, tight(pass_on_max=1))
    leaver, *holders = table.seats
    leave(table, leaver)
    assert {to for to, message in leaver.sent if isinstance(message, Notices)} == {each.peer for each in holders}
    for holder in holders:
        told = {to for to, message in holder.sent if isinstance(message, Notices)}
        assert 1 <= len(told) <= 3, "one, and both neighbours on the ring"
        assert leaver.peer not in told
    assert leaver.phase == Phase.LEFT


def test_a_notice_that_was_lost_is_repaired_by_comparing_roots() -> None:
    table = sharing(3)
    leaver, holder, _ = table.seats
    table.lost = lambda sender, to, message: isinstance(message, Notices)
    leave(table, leaver)
    assert not holder.rows(TombstoneRow)
    table.lost = lambda sender, to, message: False
    table.wait(5.0)
    assert leaver.phase == Phase.LEFT
    assert holder.messages(TombstoneDigest) or leaver.messages(TombstoneDigest)
    roots = {seat.messages(Heartbeat)[-1].tombstone_root for seat in table.seats}
    table.wait(5.0)
    roots = {seat.messages(Heartbeat)[-1].tombstone_root for seat in table.seats}
    assert len(roots) == 1
    for seat in table.seats:
        seat.forget()
    table.wait(10.0)
    assert not any(seat.messages(TombstoneDigest) + seat.messages(TombstoneRequest) for seat in table.seats)


# --- receipts ---------------------------------------------------------------------------------------------------------
def waiting(table: Table) -> tuple[Seat, Seat, Seat]:
    """A leaver that waits for a holder out of reach, and somebody who is near."""
    leaver, near, far = table.seats
    table.unlink(leaver, far)
    table.unlink(near, far)
    leave(table, leaver)
    leaver.forget()
    return leaver, near, far


def receipt(holder: Seat, owner: Seat, through: int, **changes: object) -> ErasureReceipt:
    base = ErasureReceipt(holder.peer, owner.peer, through, (), 0, 1, "", int(WALL_S))
    return replace(base, **changes)  # type: ignore[arg-type]


def open_holders(owner: Seat) -> set[str]:
    return {row.holder for row in owner.rows(GrantRow) if not row.closed_by}


def test_a_receipt_signed_by_somebody_else_closes_nothing() -> None:
    table = sharing(3)
    leaver, near, far = waiting(table)
    said = receipt(far, leaver, leaver.core.state.row.through_highest)
    forged = sign(near.person.identity, said)
    leaver.receive(near, Receipt(forged, near.person.membership))
    leaver.receive(near, Receipt(forged, far.person.membership))
    leaver.receive(near, Receipt(sign(far.person.identity, said), near.person.membership))
    assert leaver.refusals() == ["not-holder"] * 3
    assert open_holders(leaver) == {far.peer}


def test_a_receipt_dated_by_a_wrong_clock_is_signed_anew_once_the_clock_is_right() -> None:
    table = sharing(2)
    leaver, holder = table.seats
    holder.wall_skew_s = 2.0**41
    leave(table, leaver)
    assert leaver.refusals() == ["no-membership"]
    holder.wall_skew_s = 0.0
    table.wait(6.0)
    assert not holder.rows(OwedReceiptRow)
    assert leaver.rows(ReceiptRow)[0].receipt.statement.issued_at_s < 2**40
    assert leaver.phase == Phase.LEFT


def test_a_receipt_needs_a_membership_that_covers_its_date() -> None:
    table = sharing(3)
    leaver, near, far = waiting(table)
    said = sign(far.person.identity, receipt(far, leaver, leaver.core.state.row.through_highest))
    own = far.person.membership.statement
    short: Signed[Membership] = sign(cast.root(), replace(own, not_after_s=1))
    homemade = sign(far.person.identity, own)
    for membership in (short, homemade):
        leaver.receive(near, Receipt(said, membership))
    assert leaver.refusals() == ["no-membership"] * 2
    leaver.receive(near, Receipt(said, far.person.membership))
    assert leaver.phase == Phase.LEFT, "a receipt may come over somebody else's link"


def test_a_receipt_for_another_owner_or_for_no_notice_is_refused() -> None:
    table = sharing(3)
    leaver, near, far = waiting(table)
    for said in (receipt(far, near, LATER_S), receipt(far, leaver, LATER_S)):
        leaver.receive(near, Receipt(sign(far.person.identity, said), far.person.membership))
    assert leaver.refusals() == ["not-holder", "no-notice"]


def test_a_receipt_for_an_older_notice_closes_no_later_grant() -> None:
    table = sharing(2)
    owner, holder = table.seats
    leave(table, owner)
    old = holder.messages(Receipt)[0]
    owner.command(Rejoin())
    owner.publish("second")
    table.settle()
    owner.receive(holder, old)
    assert open_holders(owner) == {holder.peer}


def test_a_receipt_is_owed_over_restarts_until_it_is_acknowledged() -> None:
    table = sharing(2)
    leaver, holder = table.seats
    table.lost = lambda sender, to, message: isinstance(message, Receipt | ReceiptAck)
    leave(table, leaver)
    assert holder.rows(OwedReceiptRow)
    table.wait(12.0)
    assert len(holder.messages(Receipt)) >= 3
    table.restart(holder)
    table.lost = lambda sender, to, message: False
    table.link(leaver, holder)
    assert not holder.rows(OwedReceiptRow)
    assert leaver.phase == Phase.LEFT
    assert [row.holder for row in leaver.rows(ReceiptRow)] == [holder.peer]


def test_nobody_else_can_acknowledge_a_receipt() -> None:
    table = sharing(3)
    leaver, rogue, holder = table.seats
    table.lost = lambda sender, to, message: isinstance(message, Receipt | ReceiptAck)
    leave(table, leaver)
    holder.receive(rogue, ReceiptAck(leaver.peer, holder.peer, 2**53))
    holder.receive(leaver, ReceiptAck(leaver.peer, rogue.peer, 2**53))
    assert holder.rows(OwedReceiptRow)


# --- holders that never answer ----------------------------------------------------------------------------------------
def past_its_lease(leaver: Seat) -> float:
    """For how long to wait until every lease that the leaver gave is over for sure."""
    until_s = max(row.hold_until_s for row in leaver.rows(GrantRow))
    return until_s + LAPSE_SLACK_S + 2 - leaver.now.unix_s


def test_a_leave_ends_once_the_lease_of_the_last_silent_holder_is_over() -> None:
    table = sharing(3, tight(lease_use_s=600, lease_hold_s=1200))
    leaver, _, far = waiting(table)
    table.wait(past_its_lease(leaver) - 60.0)
    assert leaver.phase == Phase.LEAVING
    assert not far.rows(HeldSeedRow), "it forgot by itself"
    table.wait(60.0)
    assert leaver.phase == Phase.LEFT
    assert open_holders(leaver) == {far.peer}, "which is not to be confirmed"
    assert [dict(event.details)["unanswered"] for event in leaver.told("Left")] == [1]


def test_a_leaver_that_is_alone_for_ever_ends_as_its_leases_do() -> None:
    table = sharing(2, tight(lease_use_s=600, lease_hold_s=1200))
    leaver, far = table.seats
    table.unlink(leaver, far)
    leave(table, leaver)
    table.restart(leaver)
    table.wait(past_its_lease(leaver) - 60.0)
    assert leaver.phase == Phase.LEAVING
    table.wait(60.0)
    assert leaver.phase == Phase.LEFT


def test_without_a_known_lease_it_waits_until_it_is_answered() -> None:
    table = sharing(3, tight(lease_use_s=600, lease_hold_s=1200))
    leaver, near, far = table.seats
    row = next(row for row in leaver.rows(GrantRow) if row.holder == far.peer)
    leaver.core.state._tables[GrantRow][(row.grant,)] = replace(row, hold_until_s=0)
    table.unlink(leaver, far)
    table.unlink(near, far)
    leave(table, leaver)
    table.wait(20_000.0)
    assert leaver.phase == Phase.LEAVING
    table.link(leaver, far)
    table.wait(5.0)
    assert leaver.phase == Phase.LEFT


def test_a_revoked_holder_is_not_waited_for() -> None:
    table = sharing(3)
    leaver, near, far = table.seats
    table.unlink(leaver, far)
    table.unlink(near, far)
    near.command(Obey(by_root(far)))
    table.settle()
    leave(table, leaver)
    table.wait(5.0)
    assert leaver.phase == Phase.LEFT
    assert open_holders(leaver) == {far.peer}


def test_a_revocation_that_comes_while_leaving_ends_the_waiting() -> None:
    table = sharing(3)
    leaver, near, far = waiting(table)
    near.command(Obey(by_root(far)))
    table.settle()
    table.wait(5.0)
    assert leaver.phase == Phase.LEFT


def test_a_network_of_two_where_the_other_was_revoked() -> None:
    table = sharing(2)
    leaver, far = table.seats
    leaver.command(Obey(by_root(far)))
    table.settle()
    leave(table, leaver)
    assert leaver.phase == Phase.LEFT


def test_a_receipt_that_comes_after_the_lease_still_counts() -> None:
    table = sharing(3, tight(lease_use_s=600, lease_hold_s=1200))
    leaver, _, far = waiting(table)
    table.wait(past_its_lease(leaver))
    assert leaver.phase == Phase.LEFT
    table.link(leaver, far)
    table.wait(5.0)
    assert not open_holders(leaver)


# --- releases ---------------------------------------------------------------------------------------------------------
def test_a_release_counts_only_from_its_holder_over_its_own_link() -> None:
    table = sharing(3)
    owner, rogue, holder = table.seats
    said = SeedRelease(holder.peer, owner.peer, 10**6, "superseded", 1, 0)
    mine = SeedRelease(rogue.peer, holder.peer, 10**6, "superseded", 1, 0)
    owner.receive(rogue, Release(sign(rogue.person.identity, said)))
    owner.receive(rogue, Release(sign(holder.person.identity, said)))
    owner.receive(rogue, Release(sign(rogue.person.identity, mine)))
    assert owner.refusals() == ["not-holder"] * 3
    assert open_holders(owner) == {rogue.peer, holder.peer}


def test_a_release_waits_until_everything_is_gone_where_its_holder_leaves() -> None:
    """It closes earlier grants, too, and what came by those is still being erased."""
    table = sharing(2)
    owner, holder = table.seats
    table.withheld = {Erase}
    owner.publish("second")
    table.settle()
    superseded = holder.asked(Erase)[0]
    holder.command(Leave())
    holder.done(Erased(superseded.erasure))
    assert not holder.rows(OwedReleaseRow)
    table.withheld = set()
    holder.done(Erased(holder.asked(Erase)[1].erasure))
    table.settle()
    assert {row.closed_by for row in owner.rows(GrantRow)} <= {"release", "departure"}
    assert holder.phase == Phase.LEFT


def test_a_release_is_owed_until_it_is_acknowledged() -> None:
    table = sharing(2)
    owner, holder = table.seats
    table.lost = lambda sender, to, message: isinstance(message, ReleaseAck)
    owner.publish("second")
    table.settle()
    assert holder.rows(OwedReleaseRow)
    table.lost = lambda sender, to, message: False
    table.wait(6.0)
    assert not holder.rows(OwedReleaseRow)
    assert holder.receive(owner, ReleaseAck(10**6)).writes == ()


# --- coming back ------------------------------------------------------------------------------------------------------
def test_who_comes_back_shares_again() -> None:
    table = sharing(3)
    leaver, others = table.seats[0], table.seats[1:]
    leave(table, leaver)
    leaver.command(Rejoin())
    payload = leaver.publish("second")
    table.settle()
    table.wait(5.0)
    assert all(payload in [row.payload_sha256 for row in other.rows(HeldSeedRow)] for other in others)
    assert len(leaver.rows(HeldSeedRow)) == 2
    leave(table, leaver)
    assert leaver.phase == Phase.LEFT
    assert all(payload not in [row.payload_sha256 for row in other.rows(HeldSeedRow)] for other in others)


def test_coming_back_while_holders_still_owe_receipts() -> None:
    table = sharing(3)
    leaver, _, far = waiting(table)
    leaver.command(Rejoin())
    payload = leaver.publish("second")
    table.settle()
    table.link(leaver, far)
    table.wait(5.0)
    assert [row.payload_sha256 for row in far.rows(HeldSeedRow) if row.owner == leaver.peer] == [payload]
    grants = {row.grant: row.closed_by for row in leaver.rows(GrantRow) if row.holder == far.peer}
    assert sorted(grants.values()) == ["", "receipt"]


def test_a_departure_that_is_signed_after_a_rejoin_closes_nothing_that_was_granted_since() -> None:
    table = sharing(2)
    owner, leaver = table.seats
    table.withheld = {Erase}
    leave(table, leaver)
    departing = leaver.asked(Erase)[0]
    leaver.command(Rejoin())
    table.withheld = {Erase}
    owner.publish("second")
    table.settle()
    assert leaver.rows(HeldSeedRow)
    leaver.done(Erased(departing.erasure))
    table.settle()
    assert owner.rows(TombstoneRow)[0].departure is not None
    closed = [row.closed_by for row in owner.rows(GrantRow) if row.holder == leaver.peer]
    assert closed == ["departure", ""]


def test_a_second_leave_does_not_take_the_first_departure_for_its_own() -> None:
    table = sharing(3)
    leaver, other, _ = table.seats
    leave(table, leaver)
    leaver.command(Rejoin())
    leaver.publish("second")
    table.settle()
    table.wait(5.0)
    table.withheld = {Erase}
    leave(table, leaver)
    for holder in table.seats[1:]:
        for effect in holder.asked(Erase):
            holder.done(Erased(effect.erasure))
    table.settle()
    table.wait(10.0)
    assert not leaver.core.unlearning.open_grants()
    assert leaver.phase == Phase.LEAVING, "it has not erased what it holds yet"
    leaver.done(Erased(leaver.asked(Erase)[-1].erasure))
    table.settle()
    assert leaver.phase == Phase.LEFT
    table.wait(5.0)
    mine, theirs = (seat.rows(TombstoneRow)[0].departure for seat in (leaver, other))
    assert mine == theirs


def test_a_leave_that_a_crash_interrupted_goes_on() -> None:
    table = sharing(2)
    leaver, holder = table.seats
    table.withheld = {Erase}
    table.lost = lambda sender, to, message: True
    leave(table, leaver)
    table.withheld, table.lost = set(), lambda sender, to, message: False
    table.restart(leaver)
    table.settle()
    assert leaver.phase == Phase.LEAVING
    table.link(leaver, holder)
    assert leaver.phase == Phase.LEFT


def test_every_step_that_writes_is_counted() -> None:
    table = sharing(2)
    leaver, _ = table.seats
    before = leaver.rows(SelfRow)[0].state_sequence
    step = leaver.command(Leave())
    assert leaver.rows(SelfRow)[0].state_sequence == before + 1
    assert sum(isinstance(write, Put) and isinstance(write.row, SelfRow) for write in step.writes) == 1
