"""Leases: counted down by the holder, prolonged by the owner alone, over at `use_until`, erased at `hold_until`."""

from dataclasses import replace

import pytest

from hdus_peer.domain.envelope import Signed, sign
from hdus_peer.domain.seed import LeaseRenewal
from hdus_peer.protocol.messages import Key, Renewal
from hdus_peer.protocol.records import FloorRow, GrantRow, HeldSeedRow, SelfRow
from hdus_peer.protocol.state import Draft
from hdus_peer.protocol.step import Erase, UseSeeds
from tests.protocol.table import KEY, WALL_S, Seat, Table, sharing, tight
from tests.protocol.test_exchange import asking

LEASE = tight(lease_use_s=100, lease_hold_s=300, lease_renew_s=25.0, lease_note_s=40.0)


def shared() -> tuple[Table, Seat, Seat]:
    table = sharing(2, LEASE)
    owner, holder = table.seats
    holder.forget()
    return table, owner, holder


def in_use(seat: Seat) -> int:
    asked = seat.asked(UseSeeds)
    return len(asked[-1].seeds) if asked else 0


def cut_off() -> tuple[Table, Seat, Seat]:
    table, owner, holder = shared()
    table.unlink(owner, holder)
    return table, owner, holder


def renewal(owner: Seat, by: Seat | None = None, **changes: object) -> Signed[LeaseRenewal]:
    generation = owner.core.state.row.generation_highest
    base = LeaseRenewal(owner.peer, generation, 1000, int(WALL_S), int(WALL_S) + 100, int(WALL_S) + 300)
    return sign((by or owner).person.identity, replace(base, **changes))  # type: ignore[arg-type]


# --- the holder -------------------------------------------------------------------------------------------------------
def test_a_holder_that_is_cut_off_stops_using_and_then_forgets_by_itself() -> None:
    table, owner, holder = cut_off()
    table.wait(98.0)
    assert not holder.told("LeaseEnded")
    table.wait(4.0)
    assert [event.peer for event in holder.told("LeaseEnded")] == [owner.peer]
    assert in_use(holder) == 0
    assert holder.rows(HeldSeedRow)
    table.wait(200.0)
    assert holder.told("LeaseLapsed")
    assert not holder.rows(HeldSeedRow)
    assert holder.rows(FloorRow)
    assert [effect.payloads for effect in holder.asked(Erase)]


def test_while_the_link_is_up_a_lease_never_ends() -> None:
    table, owner, holder = shared()
    table.wait(1000.0)
    assert holder.rows(HeldSeedRow)
    assert not holder.told("LeaseEnded")
    assert owner.rows(GrantRow)[0].hold_until_s >= WALL_S + 1000


def test_the_owner_that_comes_back_prolongs_what_was_over() -> None:
    table, owner, holder = cut_off()
    table.wait(150.0)
    assert in_use(holder) == 0
    table.link(owner, holder)
    assert in_use(holder) == 1
    assert holder.told("LeaseRenewed")
    table.unlink(owner, holder)
    table.wait(95.0)
    assert in_use(holder) == 1


def test_after_a_lapse_the_same_generation_is_fetched_again_under_a_new_grant() -> None:
    table, owner, holder = cut_off()
    generation = holder.rows(HeldSeedRow)[0].generation
    table.wait(310.0)
    assert not holder.rows(HeldSeedRow)
    table.link(owner, holder)
    table.wait(5.0)
    (row,) = holder.rows(HeldSeedRow)
    assert (row.generation, row.grant.statement.grant) == (generation, 2)
    assert {grant.grant: grant.closed_by for grant in owner.rows(GrantRow)} == {1: "release", 2: ""}


@pytest.mark.parametrize("jump_s", [1e6, -1e6])
def test_a_jump_of_the_wall_clock_neither_ends_nor_prolongs_a_lease(jump_s: float) -> None:
    table, _, holder = cut_off()
    table.wait(50.0)
    holder.wall_skew_s = jump_s
    table.wait(48.0)
    assert not holder.told("LeaseEnded")
    table.wait(5.0)
    assert holder.told("LeaseEnded")


# --- over a restart ---------------------------------------------------------------------------------------------------
def test_time_switched_off_counts() -> None:
    table, _, holder = cut_off()
    holder.wall_skew_s = 150.0
    table.restart(holder)
    assert in_use(holder) == 0
    assert holder.rows(HeldSeedRow)
    table.wait(148.0)
    assert holder.rows(HeldSeedRow)
    table.wait(5.0)
    assert not holder.rows(HeldSeedRow)


def test_what_lapsed_while_switched_off_is_erased_by_the_first_step() -> None:
    _, _, holder = cut_off()
    holder.wall_skew_s = 400.0
    step = holder.restart()
    assert [type(effect) for effect in step.effects if isinstance(effect, Erase)] == [Erase]
    assert not holder.rows(HeldSeedRow)


def test_a_clock_set_back_over_a_restart_hides_no_more_than_the_time_since_the_last_note() -> None:
    table, _, holder = cut_off()
    table.wait(90.0)
    holder.wall_skew_s = -1e6
    table.restart(holder)
    table.wait(15.0)
    assert not holder.told("LeaseEnded")
    table.wait(40.0 + 5.0)
    assert holder.told("LeaseEnded")


# --- what is taken for a lease ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sequence": 1}, "older-lease"),
        ({"use_until_s": int(WALL_S)}, "wrong-lease"),
        ({"hold_until_s": int(WALL_S) + 99}, "wrong-lease"),
    ],
    ids=["replayed", "of zero seconds", "held shorter than used"],
)
def test_a_renewal_that_does_not_fit_is_refused(changes: dict[str, object], reason: str) -> None:
    _, owner, holder = shared()
    before = holder.rows(HeldSeedRow)
    holder.receive(owner, Renewal(renewal(owner, **changes)))
    assert holder.refusals() == [reason]
    assert holder.rows(HeldSeedRow) == before


def test_only_the_owner_renews_and_only_over_its_own_link() -> None:
    table = sharing(3, LEASE)
    owner, holder, stranger = table.seats
    held = holder.core.state.get(HeldSeedRow, owner.peer)
    holder.receive(stranger, Renewal(renewal(owner)))
    holder.receive(owner, Renewal(renewal(owner, by=stranger)))
    assert holder.core.state.get(HeldSeedRow, owner.peer) == held
    assert holder.refusals()[-1] == "not-owner"


def test_a_renewal_of_another_generation_changes_nothing() -> None:
    _, owner, holder = shared()
    step = holder.receive(owner, Renewal(renewal(owner, generation=5)))
    assert (step.writes, holder.refusals()) == ((), [])


def test_a_lease_of_a_century_is_cut() -> None:
    _, owner, holder = shared()
    century_s = int(WALL_S) + 100 * 365 * 86_400
    holder.receive(owner, Renewal(renewal(owner, use_until_s=century_s, hold_until_s=century_s)))
    (row,) = holder.rows(HeldSeedRow)
    assert row.use_left_s == row.hold_left_s == LEASE.lease_max_s


def test_a_key_with_a_lease_of_zero_seconds_is_refused_and_one_without_is_leased_for_the_longest() -> None:
    table, owner, holder, key = asking()
    short = renewal(owner, generation=key.grant.statement.generation, use_until_s=int(WALL_S))
    holder.receive(owner, Key(key.grant, short, KEY))
    assert holder.refusals() == ["wrong-lease"]
    table.withheld = set()
    holder.receive(owner, key)
    table.settle()
    (row,) = holder.rows(HeldSeedRow)
    assert row.lease is None
    assert row.hold_left_s == holder.limits.lease_max_s


def test_an_owner_never_forgets_until_when_it_may_be_held() -> None:
    table, owner, holder = shared()
    table.wait(60.0)
    latest_s = owner.rows(GrantRow)[0].hold_until_s
    sequence = owner.rows(SelfRow)[0].lease_sequence
    table.restart(owner)
    assert owner.rows(SelfRow)[0].hold_until_max_s == latest_s
    table.link(owner, holder)
    assert owner.rows(SelfRow)[0].lease_sequence > sequence
    assert holder.refusals() == []


def test_who_holds_an_older_generation_or_is_cloned_is_not_renewed() -> None:
    table, owner, holder = shared()
    member = next(row for row in owner.core.state._tables.values() if (holder.peer,) in row)[(holder.peer,)]
    owner.core.state.put(Draft(owner.core.state), replace(member, cloned=True))  # type: ignore[type-var]
    owner.forget()
    table.wait(60.0)
    assert not owner.messages(Renewal)


# --- announcements ----------------------------------------------------------------------------------------------------
def test_an_announcement_ends_with_the_lease_that_its_owner_could_have_given() -> None:
    """Otherwise the seed of somebody who never comes back would be wanted, in the place of another, until a restart."""
    table = sharing(3, replace(LEASE, neighbours_max=1))
    holder = table.seats[0]
    (held,) = holder.rows(HeldSeedRow)
    wanted = table.seat(held.owner)
    (other,) = [seat for seat in table.seats if seat not in (holder, wanted)]
    table.unlink(holder, wanted)
    table.wait(299.0)
    assert [row.owner for row in holder.rows(HeldSeedRow)] in ([], [wanted.peer])
    table.wait(10.0)
    assert [row.owner for row in holder.rows(HeldSeedRow)] == [other.peer]
    table.link(holder, wanted)
    table.wait(10.0)
    assert [row.owner for row in holder.rows(HeldSeedRow)] == [wanted.peer], "it is wanted more, and is there again"
