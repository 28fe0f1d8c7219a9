"""Two payloads under one generation: found by comparing, proved by the owner's own signatures, refused by everybody."""

from dataclasses import replace

import pytest

from hdus_peer.domain.envelope import Signed, sign
from hdus_peer.domain.membership import Membership
from hdus_peer.domain.seed import GENERATION_MAX, SeedManifest
from hdus_peer.domain.unlearning import SeedRelease
from hdus_peer.protocol.erasure import Cause
from hdus_peer.protocol.messages import (
    Announce,
    Equivocation,
    HeldManifest,
    Inventory,
    InventoryItem,
    ManifestRequest,
    Receipt,
    Release,
)
from hdus_peer.protocol.records import EquivocationRow, GrantRow, HeldSeedRow, MemberRow, OwnSeedRow, SelfRow
from hdus_peer.protocol.state import Draft
from hdus_peer.protocol.step import Leave
from hdus_peer.simulation import cast
from tests.protocol.table import WALL_S, Seat, Table, payload_of, sharing

TWO = "another payload"


def manifest_of(owner: Seat) -> Signed[SeedManifest]:
    return owner.rows(OwnSeedRow)[0].manifest


def second(owner: Seat, **changes: object) -> Signed[SeedManifest]:
    """What `owner` signs beside the seed that it serves, under the same generation."""
    changes = {"payload_sha256": payload_of(owner.peer, TWO), **changes}
    return sign(owner.person.identity, replace(manifest_of(owner).statement, **changes))  # type: ignore[arg-type]


def proof(owner: Seat, **changes: object) -> Equivocation:
    return Equivocation(manifest_of(owner), second(owner, **changes), owner.person.membership)


def two_faced() -> tuple[Table, Seat, Seat, Seat]:
    """An owner that gave one payload to one peer and another, under the same generation, to the other. The two have
    not met yet."""
    table = Table(3)
    owner, one, other = table.seats
    owner.publish("first")
    table.link(owner, one)
    table.unlink(owner, one)
    row = owner.core.state.own_seed()
    assert row is not None
    owner.core.state._tables[OwnSeedRow][(owner.peer,)] = replace(row, manifest=second(owner))
    table.link(owner, other)
    return table, owner, one, other


def held_of(seat: Seat, owner: Seat) -> list[str]:
    return [row.payload_sha256 for row in seat.rows(HeldSeedRow) if row.owner == owner.peer]


def test_two_holders_that_meet_find_it_out_erase_both_and_owe_their_receipts() -> None:
    table, owner, one, other = two_faced()
    assert (len(held_of(one, owner)), len(held_of(other, owner))) == (1, 1)
    assert held_of(one, owner) != held_of(other, owner)
    generation = manifest_of(owner).statement.generation
    table.link(one, other)
    for seat in (one, other):
        assert held_of(seat, owner) == []
        assert [row.generation for row in seat.rows(EquivocationRow)] == [generation]
        assert seat.told("EquivocationProved")
    table.link(owner, one)
    assert [message.receipt.statement.through for message in one.messages(Receipt)] == [generation]
    assert {row.closed_by for row in owner.rows(GrantRow)} == {"receipt"}


def test_a_change_of_what_is_held_is_told_to_those_who_are_linked_already() -> None:
    table = Table(3)
    owner, one, other = table.seats
    table.link(one, other)
    owner.publish("first")
    table.link(owner, one)
    table.wait(0.1)
    assert [message.items[0].owner for message in one.messages(Inventory)] == [owner.peer] * len(
        one.messages(Inventory)
    )
    assert one.messages(Inventory)


def test_of_what_was_told_before_nothing_is_told_again_on_the_same_link() -> None:
    table = Table(4)
    first, later, one, other = table.seats
    table.link(one, other)
    for owner in (first, later):
        owner.publish("first")
        table.link(owner, one)
        table.wait(table.seats[0].limits.pass_on_interval_s + 0.1)
    told = [message for to, message in one.sent if to == other.peer and isinstance(message, Inventory)]
    assert [[item.owner for item in message.items] for message in told] == [[first.peer], [later.peer]]
    one.forget()
    first.command(Leave())
    table.settle()
    table.wait(table.seats[0].limits.pass_on_interval_s + 0.1)
    assert held_of(one, first) == []
    assert one.messages(Inventory) == [], "what is held no more is no news"


def test_what_was_given_up_and_is_held_again_is_told_to_whoever_came_meanwhile() -> None:
    table = Table(3)
    owner, one, other = table.seats
    owner.publish("first")
    table.link(owner, one)
    table.wait(0.1)
    (row,) = one.rows(HeldSeedRow)
    one.core.exchange.give_up(row, Cause.LAPSED, draft := Draft(one.core.state))
    one.take(draft.step())
    table.link(one, other)
    assert not [message for to, message in one.sent if to == other.peer and isinstance(message, Inventory)]
    table.settle()
    table.wait(one.limits.pass_on_interval_s + one.limits.key_retry_s)
    assert one.rows(HeldSeedRow)
    told = [message for to, message in one.sent if to == other.peer and isinstance(message, Inventory)]
    assert [item.owner for item in told[-1].items] == [owner.peer]


def test_a_second_announcement_under_one_generation_proves_it_at_once() -> None:
    table = sharing(3)
    owner, holder, third = table.seats
    holder.receive(owner, Announce(second(owner)))
    table.settle()
    assert holder.refusals() == ["equivocation"]
    for seat in table.seats:
        assert [row.owner for row in seat.rows(EquivocationRow)] == [owner.peer], "it was passed on"
    assert held_of(holder, owner) == held_of(third, owner) == []


def test_it_is_no_ban_the_owners_next_generation_is_taken() -> None:
    table = sharing(3)
    owner, holder, third = table.seats
    holder.receive(owner, Announce(second(owner)))
    table.settle()
    assert not owner.rows(OwnSeedRow), "its own seed is withdrawn"
    payload = owner.publish("next")
    table.settle()
    table.wait(3.0)
    assert held_of(holder, owner) == held_of(third, owner) == [payload]


def test_a_proof_outlives_restarts_and_reaches_whoever_comes_later() -> None:
    table = sharing(3)
    owner, holder, late = table.seats
    table.unlink(late, owner)
    table.unlink(late, holder)
    holder.receive(owner, Announce(second(owner)))
    table.settle()
    table.restart(holder)
    assert held_of(late, owner)
    table.link(holder, late)
    assert not held_of(late, owner)
    assert late.rows(EquivocationRow)


def test_a_proof_that_was_lost_is_repaired_by_comparing_roots() -> None:
    table = sharing(3)
    owner, holder, third = table.seats
    table.lost = lambda sender, to, message: isinstance(message, Equivocation)
    holder.receive(owner, Announce(second(owner)))
    table.settle()
    assert held_of(third, owner)
    table.lost = lambda sender, to, message: False
    table.wait(5.0)
    assert not held_of(third, owner)
    assert len({seat.core.state.row.phase for seat in table.seats}) == 1


def test_an_owner_convicted_of_it_keeps_the_seeds_of_others() -> None:
    table = sharing(3)
    owner, holder, _ = table.seats
    holder.receive(owner, Announce(second(owner)))
    table.settle()
    assert len(owner.rows(HeldSeedRow)) == 2
    assert len([row for row in holder.rows(HeldSeedRow) if row.owner != owner.peer]) == 1


def forged(name: str, table: Table) -> Equivocation:
    owner, rogue, _ = table.seats
    good, by_rogue = proof(owner), sign(rogue.person.identity, second(owner).statement)
    homemade: Signed[Membership] = sign(rogue.person.identity, owner.person.membership.statement)
    proofs = {
        "by somebody else": replace(good, second=by_rogue),
        "of somebody else": replace(good, second=second(rogue)),
        "the same twice": replace(good, second=good.first),
        "of two generations": proof(owner, generation=manifest_of(owner).statement.generation + 1),
        "of the same payload and schema": proof(owner, payload_sha256=payload_of(owner.peer, "first"), reference="x"),
        "another's membership": replace(good, membership=rogue.person.membership),
        "a homemade membership": replace(good, membership=homemade),
        "beyond all generations": Equivocation(
            second(owner, generation=GENERATION_MAX, payload_sha256="ab" * 32),
            second(owner, generation=GENERATION_MAX),
            owner.person.membership,
        ),
    }
    return proofs[name]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("by somebody else", "not-owner"),
        ("of somebody else", "not-owner"),
        ("the same twice", "no-equivocation"),
        ("of two generations", "no-equivocation"),
        ("of the same payload and schema", "no-equivocation"),
        ("another's membership", "no-membership"),
        ("a homemade membership", "no-membership"),
        ("beyond all generations", "wrong-generation"),
    ],
)
def test_a_forged_proof_changes_nothing(name: str, reason: str) -> None:
    table = sharing(3)
    _, rogue, holder = table.seats
    step = holder.receive(rogue, forged(name, table))
    assert (step.writes, step.sends, step.effects, holder.refusals()) == ((), (), (), [reason])


def test_another_schema_under_one_payload_is_equivocation_too() -> None:
    table = sharing(3)
    owner, messenger, holder = table.seats
    holder.receive(messenger, proof(owner, payload_sha256=payload_of(owner.peer, "first"), schema_sha256="ab" * 32))
    assert holder.rows(EquivocationRow)


def test_of_several_proofs_the_highest_is_kept_and_a_lower_one_is_no_news() -> None:
    table = sharing(2)
    owner, holder = table.seats
    later = second(owner, generation=manifest_of(owner).statement.generation + 5)
    other = second(owner, generation=later.statement.generation, payload_sha256="ab" * 32)
    low, high = proof(owner), Equivocation(later, other, owner.person.membership)
    for said in (high, low, high):
        holder.receive(owner, said)
    assert [row.generation for row in holder.rows(EquivocationRow)] == [later.statement.generation]
    assert holder.receive(owner, low).writes == ()


def test_a_name_alone_proves_nothing_and_is_asked_about_once() -> None:
    """Whoever claims to hold another payload has to show the owner's signature."""
    table = sharing(3)
    owner, rogue, holder = table.seats
    item = InventoryItem(owner.peer, manifest_of(owner).statement.generation, "ab" * 32)
    step = holder.receive(rogue, Inventory((item,) * 100))
    assert step.writes == ()
    assert [send.message for send in step.sends] == [ManifestRequest(owner.peer, item.generation)]
    by_rogue = sign(rogue.person.identity, replace(second(owner).statement))
    step = holder.receive(rogue, HeldManifest(by_rogue))
    assert (step.writes, holder.refusals()) == ((), ["not-owner"])


def test_a_manifest_is_shown_to_whoever_asks_and_only_if_it_is_known() -> None:
    table = sharing(3)
    owner, asking, holder = table.seats
    generation = manifest_of(owner).statement.generation
    step = holder.receive(asking, ManifestRequest(owner.peer, generation))
    assert [send.message for send in step.sends] == [HeldManifest(manifest_of(owner))]
    assert holder.receive(asking, ManifestRequest(owner.peer, generation + 1)).sends == ()


def test_a_proof_about_what_is_unlearned_already_is_kept_and_erases_nothing_more() -> None:
    table = sharing(3)
    owner, messenger, holder = table.seats
    said = proof(owner)
    owner.command(Leave())
    table.settle()
    holder.forget()
    step = holder.receive(messenger, said)
    assert (step.effects, len(holder.rows(EquivocationRow))) == ((), 1)


# --- a restored backup is no equivocator ------------------------------------------------------------------------------
def restored(clock_ahead_s: float = 0.0) -> tuple[Table, Seat, Seat]:
    """An owner whose directory is put back to before its second seed, which its holder has."""
    table = Table(2)
    owner, holder = table.seats
    owner.wall_skew_s = clock_ahead_s
    owner.publish("first")
    owner.wall_skew_s = 0.0
    table.link(owner, holder)
    backup = {kind: dict(rows) for kind, rows in owner.disk.rows.items()}
    owner.publish("second")
    table.settle()
    table.restart(owner)
    owner.disk.rows = backup
    owner.restart()
    return table, owner, holder


@pytest.mark.parametrize("clock_ahead_s", [0.0, 10**6])
def test_an_owner_restored_from_a_backup_never_equivocates(clock_ahead_s: float) -> None:
    """With its clock once ahead, the generation does not come from the clock, and is counted."""
    table, owner, holder = restored(clock_ahead_s)
    table.link(owner, holder)
    payload = owner.publish("third")
    table.settle()
    table.wait(11.0)
    assert held_of(holder, owner) == [payload]
    assert not owner.rows(EquivocationRow) + holder.rows(EquivocationRow)


def test_an_owner_that_is_not_told_its_sequence_hears_its_generation_from_a_holder() -> None:
    """The holder lost its memory of the owner's Hello, not the seed."""
    table, owner, holder = restored(10**6)
    generation = holder.rows(HeldSeedRow)[0].generation
    row = holder.core.state.get(MemberRow, owner.peer)
    assert row is not None
    holder.core.state._tables[MemberRow][(owner.peer,)] = replace(row, hello=None)
    table.link(owner, holder)
    assert owner.told("OwnGenerationHeard")
    assert owner.rows(SelfRow)[0].generation_highest == generation
    assert not owner.rows(OwnSeedRow)
    assert owner.told("RolledBack")
    assert [(row.holder, row.generation >= generation) for row in owner.rows(GrantRow) if not row.run_nonce] == [
        (holder.peer, True)
    ]
    payload = owner.publish("third")
    table.settle()
    assert held_of(holder, owner) == [payload]


def test_a_run_that_has_caught_up_with_what_it_forgot_is_told_nevertheless() -> None:
    """Its sequence is above that of the echo; that with which it began is not."""
    table = sharing(2)
    owner, holder = table.seats
    backup = {kind: dict(rows) for kind, rows in owner.disk.rows.items()}
    owner.publish("second")
    table.unlink(owner, holder)
    table.link(owner, holder)
    table.restart(owner)
    owner.disk.rows = backup
    owner.restart()
    for number in range(20):
        owner.publish(f"third {number}")
    hello = holder.rows(MemberRow)[0].hello
    assert hello is not None
    assert owner.core.state.row.state_sequence > hello.statement.state_sequence
    table.link(owner, holder)
    assert owner.told("RolledBack")


def test_a_presumed_holder_is_waited_for_as_long_as_a_forgotten_lease_may_last() -> None:
    table, owner, holder = restored()
    table.link(owner, holder)
    latest_s = owner.now.unix_s + owner.limits.lease_max_s
    presumed = [row for row in owner.rows(GrantRow) if not row.run_nonce]
    assert [row.hold_until_s for row in presumed] == [latest_s]
    assert owner.rows(SelfRow)[0].hold_until_max_s == latest_s


def test_a_release_of_a_forgotten_grant_closes_no_new_one() -> None:
    """It was still on its way; before the leap, the new grant had its number."""
    table, owner, holder = restored()
    forgotten = holder.rows(HeldSeedRow)[0].grant.statement.grant
    table.link(owner, holder)
    owner.publish("third")
    table.settle()
    late = SeedRelease(holder.peer, owner.peer, forgotten + 1, "superseded", 1, int(WALL_S))
    owner.receive(holder, Release(holder.me.sign(late)))
    held = holder.rows(HeldSeedRow)[0].grant.statement.grant
    assert [row.closed_by for row in owner.rows(GrantRow) if row.grant == held] == [""]


def test_a_backup_of_the_very_step_is_found_by_its_other_run() -> None:
    """Put back and started, it does the Steps that were done after it was taken: its sequence is not lower."""
    table = sharing(2)
    owner, holder = table.seats
    table.unlink(owner, holder)
    backup = {kind: dict(rows) for kind, rows in owner.disk.rows.items()}
    owner.restart()
    table.link(owner, holder)
    sequence = holder.rows(MemberRow)[0].hello
    assert sequence is not None
    table.restart(owner)
    owner.disk.rows = backup
    owner.restart()
    assert owner.core.state.row.state_sequence == sequence.statement.state_sequence
    table.link(owner, holder)
    assert owner.told("RolledBack")
    assert holder.rows(MemberRow)[0].cloned, "it may as well be a second device"


def test_an_owner_put_back_to_before_its_leave_gets_its_receipts_again() -> None:
    table = sharing(2)
    owner, holder = table.seats
    table.unlink(owner, holder)
    backup = {kind: dict(rows) for kind, rows in owner.disk.rows.items()}
    owner.restart()
    table.link(owner, holder)
    owner.command(Leave())
    table.settle()
    assert owner.phase == "left"
    table.restart(owner)
    owner.disk.rows = backup
    owner.restart()
    table.link(owner, holder)
    table.wait(10.0)
    assert owner.phase == "left"
    assert not owner.core.unlearning.open_grants()


def test_a_holder_whose_grant_is_forgotten_is_presumed_once() -> None:
    """The copy was made after the seed was published, and before it was granted: no counter tells."""
    table = sharing(3)
    owner, holder, other = table.seats
    forgotten = [row for row in owner.rows(GrantRow) if row.holder == holder.peer]
    for row in forgotten:
        del owner.core.state._tables[GrantRow][(row.grant,)]
    table.unlink(owner, holder)
    table.link(owner, holder)
    assert [event.peer for event in owner.told("GrantForgotten")] == [holder.peer]
    table.unlink(owner, holder)
    owner.command(Leave())
    table.settle()
    assert {row.holder for row in owner.core.unlearning.open_grants()} == {holder.peer}, "it is waited for"
    table.link(owner, holder)
    table.wait(5.0)
    assert owner.phase == "left"
    assert not held_of(holder, owner) + held_of(other, owner)


def test_who_claims_to_hold_what_never_was_or_is_unlearned_is_not_presumed() -> None:
    table = sharing(2)
    owner, rogue = table.seats
    highest = owner.rows(SelfRow)[0].generation_highest
    before = owner.rows(GrantRow)
    items = tuple(InventoryItem(owner.peer, number, "ab" * 32) for number in (0, highest + 1, 2**53, highest))
    owner.receive(rogue, Inventory(items))
    assert owner.rows(GrantRow) == before


def test_nobody_can_raise_my_generation_by_a_claim() -> None:
    table = sharing(2)
    owner, rogue = table.seats
    before = owner.rows(SelfRow)[0].generation_highest
    beyond = sign(rogue.person.identity, replace(second(owner).statement, generation=before + 10))
    owner.receive(rogue, Inventory((InventoryItem(owner.peer, before + 10, "ab" * 32),)))
    owner.receive(rogue, HeldManifest(beyond))
    assert owner.rows(SelfRow)[0].generation_highest == before
    assert owner.refusals() == ["not-owner"]


def test_the_root_of_the_network_is_no_owner() -> None:
    table = sharing(2)
    owner, holder = table.seats
    by_root = Equivocation(
        sign(cast.root(), manifest_of(owner).statement),
        sign(cast.root(), second(owner).statement),
        owner.person.membership,
    )
    holder.receive(owner, by_root)
    assert holder.refusals() == ["not-owner"]
