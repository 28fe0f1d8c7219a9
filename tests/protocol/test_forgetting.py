"""Forgetting samples: one Step for notice, list and epoch; the old seed gone everywhere; the next one without them."""

from hdus_peer.domain.certificate import Standing, Verdict, to_file, verify_file
from hdus_peer.domain.unlearning import UnlearnKind
from hdus_peer.protocol.certificate import certificate_of
from hdus_peer.protocol.erasure import Cause
from hdus_peer.protocol.messages import Heartbeat, Notices
from hdus_peer.protocol.records import (
    ErasureRow,
    ForgottenRow,
    GrantRow,
    HeldSeedRow,
    OwnSeedRow,
    Phase,
    ReceiptRow,
    SelfRow,
    TombstoneRow,
)
from hdus_peer.protocol.step import Admit, Erase, Erased, Fetched, Forget, Leave, Put, Rejoin, StartFetch
from hdus_peer.simulation import cast
from tests.protocol.table import Seat, Table, sharing
from tests.protocol.test_unlearning import notice, tell

SAMPLES = Forget("ab" * 32, 3)
OTHERS = Forget("cd" * 32, 1)


def forgetting(table: Table, seat: Seat, samples: Forget = SAMPLES) -> None:
    seat.command(samples)
    table.settle()


def verdict(seat: Seat) -> Verdict:
    made = certificate_of(seat.core.state)
    assert made is not None
    return verify_file(to_file(seat.me.sign(made)), cast.root().public_key)


def held_of(holder: Seat, owner: Seat) -> list[int]:
    return [row.generation for row in holder.rows(HeldSeedRow) if row.owner == owner.peer]


def test_notice_list_and_epoch_are_one_step() -> None:
    table = sharing(2)
    owner = table.seats[0]
    epoch = owner.core.state.row.job_epoch
    step = owner.command(SAMPLES)
    written = {type(write.row): write.row for write in step.writes if isinstance(write, Put)}
    assert written[ForgottenRow].samples_sha256 == SAMPLES.samples_sha256
    assert written[TombstoneRow].kind == UnlearnKind.FORGET
    assert written[SelfRow].job_epoch == epoch + 1
    assert written[SelfRow].phase == Phase.ACTIVE
    (erase,) = [effect for effect in step.effects if isinstance(effect, Erase)]
    assert erase.learned
    assert erase.at_once
    assert len(erase.payloads) == 1


def test_the_old_seed_is_gone_everywhere_and_the_next_one_is_taken() -> None:
    table = sharing(3)
    owner, *others = table.seats
    old = owner.core.state.row.generation_highest
    forgetting(table, owner)
    assert all(held_of(other, owner) == [] for other in others)
    assert not owner.rows(OwnSeedRow)
    assert {row.closed_by for row in owner.rows(GrantRow)} == {"receipt"}
    owner.publish("without")
    table.settle()
    assert [held_of(other, owner)[0] > old for other in others] == [True, True]


def test_what_others_gave_stays_in_use() -> None:
    table = sharing(3)
    owner, *others = table.seats
    forgetting(table, owner)
    assert sorted(row.owner for row in owner.rows(HeldSeedRow)) == [other.peer for other in others]
    assert owner.phase == Phase.ACTIVE


def test_a_training_of_before_cannot_publish() -> None:
    table = sharing(2)
    owner = table.seats[0]
    epoch = owner.core.state.row.job_epoch
    forgetting(table, owner)
    owner.publish("late", epoch)
    table.settle()
    assert not owner.rows(OwnSeedRow)
    assert owner.told("PublishRefused")


def test_my_own_receipt_comes_only_after_my_own_erasure() -> None:
    table = sharing(2)
    owner = table.seats[0]
    table.withheld = {Erase}
    forgetting(table, owner)
    assert not [row for row in owner.rows(ReceiptRow) if row.holder == owner.peer]
    assert not owner.told("Forgotten")
    (row,) = [row for row in owner.rows(ErasureRow) if row.cause == Cause.FORGOTTEN]
    owner.done(Erased(row.erasure))
    assert owner.told("Forgotten")
    (receipt,) = [row.receipt.statement for row in owner.rows(ReceiptRow) if row.holder == owner.peer]
    assert receipt.through == owner.core.state.through(owner.peer)


def test_a_crash_before_the_own_erasure_is_done_redoes_it_at_start() -> None:
    table = sharing(2)
    owner = table.seats[0]
    table.withheld = {Erase}
    forgetting(table, owner)
    table.restart(owner)
    assert [effect.learned for effect in owner.asked(Erase)] == [True]
    table.withheld = set()
    table.settle()
    assert owner.told("Forgotten")


def test_the_certificate_is_complete_once_holders_and_owner_have_answered() -> None:
    table = sharing(3)
    owner, _, far = table.seats
    table.unlink(owner, far)
    table.unlink(table.seats[1], far)
    forgetting(table, owner)
    standings = {each.holder: each.standing for each in verdict(owner).holders}
    assert standings[owner.peer] == Standing.RECEIPT
    assert standings[far.peer] == Standing.PENDING
    table.link(owner, far)
    assert verdict(owner).is_complete
    assert verdict(owner).kind == UnlearnKind.FORGET


def test_without_the_own_receipt_no_certificate_is_complete() -> None:
    table = sharing(2)
    owner = table.seats[0]
    table.withheld = {Erase}
    forgetting(table, owner)
    (row,) = [row for row in owner.rows(ErasureRow) if row.cause == Cause.FORGOTTEN]
    pending = {each.holder: each.standing for each in verdict(owner).holders}
    assert pending[owner.peer] == Standing.PENDING
    owner.done(Erased(row.erasure))
    assert {each.holder: each.standing for each in verdict(owner).holders}[owner.peer] == Standing.RECEIPT


def test_an_earlier_receipt_of_mine_says_nothing_of_a_later_notice() -> None:
    table = sharing(2)
    owner = table.seats[0]
    forgetting(table, owner)
    table.wait(5.0)
    table.withheld = {Erase}
    forgetting(table, owner, OTHERS)
    assert {each.holder: each.standing for each in verdict(owner).holders}[owner.peer] == Standing.PENDING


def test_the_same_samples_are_forgotten_once() -> None:
    table = sharing(2)
    owner = table.seats[0]
    forgetting(table, owner)
    through = owner.core.state.through(owner.peer)
    table.wait(5.0)
    forgetting(table, owner)
    assert owner.core.state.through(owner.peer) == through
    assert [dict(event.details)["reason"] for event in owner.told("ForgetRefused")] == ["known"]


def test_who_is_leaving_forgets_no_samples() -> None:
    table = sharing(2)
    owner = table.seats[0]
    owner.command(Leave())
    forgetting(table, owner)
    assert not owner.rows(ForgottenRow)
    assert owner.told("ForgetRefused")


def test_a_leave_after_a_forget_covers_both_generations() -> None:
    table = sharing(2)
    owner, other = table.seats
    forgetting(table, owner)
    owner.publish("without")
    table.settle()
    owner.command(Leave())
    table.settle()
    assert owner.phase == Phase.LEFT
    assert held_of(other, owner) == []
    assert verdict(owner).is_complete
    assert [each.grants for each in verdict(owner).holders] == [2]


def test_a_heartbeat_names_no_generation_while_there_is_no_seed() -> None:
    table = sharing(2)
    owner = table.seats[0]
    forgetting(table, owner)
    owner.forget()
    table.wait(30.0)
    assert {beat.generation for beat in owner.messages(Heartbeat)} == {0}


def test_an_older_copy_that_hears_of_its_own_forget_is_held_and_keeps_nothing_learned() -> None:
    """The list of the samples is in the newer copy: nobody here knows what may not be learned from."""
    table = sharing(2)
    owner, other = table.seats
    tell(owner, other, notice(owner, kind="forget"))
    assert owner.phase == Phase.HELD
    assert [effect.learned for effect in owner.asked(Erase)] == [True, False]
    table.settle()
    assert not owner.rows(OwnSeedRow)
    assert not owner.rows(HeldSeedRow)
    owner.command(Rejoin())
    assert owner.phase == Phase.ACTIVE


def test_a_holder_takes_a_notice_to_forget_from_its_owner_alone() -> None:
    table = sharing(3)
    owner, holder, other = table.seats
    tell(holder, other, notice(owner, kind="forget", by=other))
    assert held_of(holder, owner)
    assert holder.refusals() == ["not-owner"]
    assert not holder.messages(Notices)


def test_no_release_speaks_of_a_seed_that_a_notice_is_still_erasing() -> None:
    """The notice came while the first seed was being checked, and destroying its key takes its time; meanwhile the
    second one is adopted, superseded and erased. Its release would close the grant of the first."""
    table = Table(2)
    owner, holder = table.seats
    table.withheld = {Admit}
    owner.publish("first")
    table.link_all()
    table.withheld = {Erase}
    forgetting(table, owner)
    (notice,) = [row for row in holder.rows(ErasureRow) if row.cause == Cause.NOTICE]
    assert notice.payloads
    assert notice.grant == 1
    for name in ("second", "third"):
        owner.publish(name)
        table.settle()
    (superseded,) = [row for row in holder.rows(ErasureRow) if row.cause == Cause.SUPERSEDED]
    holder.done(Erased(superseded.erasure))
    table.settle()
    first = next(row for row in owner.rows(GrantRow) if row.grant == 1)
    assert first.closed_by == "", "its key is still there"
    holder.done(Erased(notice.erasure))
    table.settle()
    assert next(row for row in owner.rows(GrantRow) if row.grant == 1).closed_by == "receipt"


def test_who_was_just_fetching_gets_no_key_and_the_forgetter_goes_on_adopting() -> None:
    table = Table(2)
    owner, other = table.seats
    table.withheld = {StartFetch}
    for seat in table.seats:
        seat.publish("first")
    table.link_all()
    (mine,), (theirs,) = other.asked(StartFetch), owner.asked(StartFetch)
    forgetting(table, owner)
    other.done(Fetched(owner.peer, mine.payload_sha256))
    owner.done(Fetched(other.peer, theirs.payload_sha256))
    table.settle()
    assert held_of(other, owner) == []
    assert not [row for row in owner.rows(GrantRow) if row.generation <= owner.core.state.through(owner.peer)]
    assert held_of(owner, other), "what others give is taken as before"
    assert verdict(owner).is_complete
