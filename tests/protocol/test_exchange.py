"""The holder's side: what is announced is fetched, checked and adopted; what cannot be accepted is counted and changes
nothing."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from hdus_peer.domain.envelope import Signed, sign
from hdus_peer.domain.seed import GENERATION_MAX, Parameter, SeedManifest
from hdus_peer.protocol import overlay
from hdus_peer.protocol.erasure import Cause
from hdus_peer.protocol.messages import Announce, AnnounceRequest, Heartbeat, Key, KeyRequest, Release
from hdus_peer.protocol.records import ErasureRow, FloorRow, GrantRow, HeldSeedRow, OwnSeedRow
from hdus_peer.protocol.state import Draft
from hdus_peer.protocol.step import (
    Admit,
    AdmitRefused,
    Admitted,
    Erase,
    Erased,
    Fetched,
    FetchFailed,
    Leave,
    LinkDown,
    LinkUp,
    SendKey,
    StartFetch,
    UseSeeds,
)
from hdus_peer.protocol.wanting import Wanting
from tests.protocol.table import KEY, TASK, Seat, Table, payload_of, sharing, tight


def pair() -> tuple[Table, Seat, Seat]:
    """An owner that has published nothing, and a holder, linked."""
    table = Table(2)
    owner, holder = table.seats
    table.link(owner, holder)
    return table, owner, holder


def manifest(owner: Seat, **changes: object) -> Signed[SeedManifest]:
    """An acceptable manifest, with other values."""
    seed = SeedManifest(
        owner=owner.peer,
        generation=100,
        task=TASK,
        architecture="mlp",
        parameters=owner.me.parameters,
        schema_sha256="",
        payload_sha256=payload_of(owner.peer, "a seed"),
        payload_bytes=100,
        reference="",
    )
    return sign(owner.person.identity, replace(seed, **changes))  # type: ignore[arg-type]


def test_a_seed_goes_from_announcement_to_ensemble() -> None:
    table, owner, holder = pair()
    payload = owner.publish("first")
    table.settle()
    assert [type(effect) for effect in holder.effects] == [StartFetch, Admit, UseSeeds]
    assert [row.payload_sha256 for row in holder.rows(HeldSeedRow)] == [payload]
    assert [row.payload_sha256 for row in holder.asked(UseSeeds)[-1].seeds] == [payload]


def test_an_owner_that_announces_too_often_is_heard_again_later() -> None:
    """Each of its seeds may have to be erased: what that costs is bounded by time, and not by how fast it speaks."""
    table, owner, holder = pair()
    limits = holder.core.state.limits
    for number in range(100):
        said = manifest(owner, generation=100 + number, payload_sha256=payload_of(owner.peer, str(number)))
        holder.receive(owner, Announce(said))
    assert holder.refusals() == ["too-often"] * (100 - limits.announced_at_once_max)
    assert len(holder.told("Refused")) + len(holder.asked(StartFetch)) == 100
    holder.forget()
    table.now_s += limits.announced_interval_s
    holder.receive(owner, Heartbeat("", 199, 1))
    assert [type(message) for message in holder.messages(AnnounceRequest)] == [AnnounceRequest]
    holder.receive(owner, Announce(said))
    assert (holder.refusals(), holder.core.exchange.incoming[owner.peer].manifest) == ([], said)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"generation": GENERATION_MAX}, "wrong-generation"),
        ({"task": "another"}, "other-task"),
        ({"parameters": (Parameter("classes", 11),)}, "other-task"),
        ({"architecture": "pickle"}, "unknown-architecture"),
        ({"payload_bytes": 2**40}, "too-big"),
        ({"payload_bytes": 0}, "too-big"),
        ({"payload_sha256": "../../etc/passwd"}, "too-big"),
        ({"payload_sha256": "AB" * 32}, "too-big"),
    ],
)
def test_a_manifest_that_cannot_be_accepted_changes_nothing(changes: dict[str, object], reason: str) -> None:
    _, owner, holder = pair()
    step = holder.receive(owner, Announce(manifest(owner, **changes)))
    assert holder.refusals() == [reason]
    assert (step.writes, step.sends, step.effects) == ((), (), ())


def test_only_the_owner_announces() -> None:
    table = Table(3)
    one, two, three = table.seats
    table.link_all()
    for forged in (manifest(two), sign(one.person.identity, manifest(two).statement)):
        step = three.receive(one, Announce(forged))
        assert step.effects == ()
    assert three.refusals() == ["not-owner"] * 2


def test_an_older_generation_and_a_second_payload_are_refused() -> None:
    table, owner, holder = pair()
    table.withheld = {StartFetch}
    holder.receive(owner, Announce(manifest(owner)))
    holder.receive(owner, Announce(manifest(owner, generation=99)))
    holder.receive(owner, Announce(manifest(owner, payload_sha256="ab" * 32)))
    holder.receive(owner, Announce(manifest(owner)))
    assert holder.refusals() == ["older-generation", "equivocation", "unlearned"], "then neither is taken"
    assert len(holder.asked(StartFetch)) == 1


@pytest.mark.parametrize(
    ("change", "reason"), [({"payload_sha256": "ab" * 32}, "equivocation"), ({"generation": 1}, "older-generation")]
)
def test_a_restart_does_not_forget_what_was_held(change: dict[str, object], reason: str) -> None:
    table = sharing(2)
    owner, holder = table.seats
    seed = owner.rows(OwnSeedRow)[0].manifest.statement
    table.restart(holder)
    table.lost = lambda sender, to, message: isinstance(message, Announce)
    table.link(owner, holder)
    holder.receive(owner, Announce(sign(owner.person.identity, replace(seed, **change))))  # type: ignore[arg-type]
    assert holder.refusals() == [reason]


def test_a_payload_of_somebody_else_cannot_be_taken() -> None:
    """To erase the thief's seed would lose the owner's (I7)."""
    table = sharing(3)
    owner, thief, holder = table.seats
    stolen = owner.rows(OwnSeedRow)[0].manifest.statement.payload_sha256
    own = holder.rows(OwnSeedRow)[0].manifest.statement.payload_sha256
    for payload in (stolen, own):
        holder.receive(thief, Announce(manifest(thief, generation=2**40, payload_sha256=payload)))
    assert holder.refusals() == ["payload-taken"] * 2


def test_who_announces_a_stolen_payload_first_delays_its_owner_and_no_more() -> None:
    table = Table(3)
    owner, thief, holder = table.seats
    table.link_all()
    payload = payload_of(owner.peer, "first")
    table.withheld = {StartFetch}
    holder.receive(thief, Announce(manifest(thief, payload_sha256=payload)))
    owner.publish("first")
    table.settle()
    assert "payload-taken" in holder.refusals()
    table.withheld = set()
    holder.done(Fetched(thief.peer, payload))  # it has the ciphertext, and cannot have the key
    table.wait(60.0)
    assert [(row.owner, row.payload_sha256) for row in holder.rows(HeldSeedRow)] == [(owner.peer, payload)]


def test_an_announcement_that_was_lost_is_asked_for_by_heartbeat() -> None:
    table, owner, holder = pair()
    table.lost = lambda sender, to, message: isinstance(message, Announce)
    owner.publish("first")
    table.settle()
    table.lost = lambda sender, to, message: False
    table.wait(2.5)
    assert holder.messages(AnnounceRequest)
    assert holder.rows(HeldSeedRow)


def test_what_was_older_than_an_attempt_that_came_to_nothing_is_asked_for_again() -> None:
    """As when two devices of one identity announced, and the one with the higher generation is gone."""
    table, owner, holder = pair()
    table.withheld = {StartFetch}
    later, earlier = manifest(owner, generation=200), manifest(owner, generation=100)
    holder.receive(owner, Announce(later))
    holder.receive(owner, Announce(earlier))
    assert holder.refusals() == ["older-generation"]
    holder.receive(owner, Heartbeat("", 100, 1))
    assert not holder.messages(AnnounceRequest)
    holder.done(FetchFailed(owner.peer, later.statement.payload_sha256, True, "gone"))
    holder.receive(owner, Heartbeat("", 100, 1))
    assert holder.messages(AnnounceRequest)
    holder.receive(owner, Announce(earlier))
    assert holder.asked(StartFetch)[-1].payload_sha256 == earlier.statement.payload_sha256


def test_what_was_refused_for_good_is_not_asked_for_at_every_heartbeat() -> None:
    _, owner, holder = pair()
    refused = manifest(owner, architecture="pickle")
    holder.receive(owner, Announce(refused))
    asked = []
    for generation in (refused.statement.generation, refused.statement.generation + 1):
        holder.forget()
        holder.receive(owner, Heartbeat("", generation, 1))
        asked.append(len(holder.messages(AnnounceRequest)))
    assert asked == [0, 1]


# --- fetch ------------------------------------------------------------------------------------------------------------
def test_a_failed_fetch_is_tried_again_later_each_time_and_not_for_ever() -> None:
    table, owner, holder = pair()
    table.withheld = {StartFetch, Erase}
    table.lost = lambda sender, to, message: isinstance(message, AnnounceRequest)
    payload = owner.publish("first")
    table.settle()
    started_s = []
    for _ in range(holder.limits.fetch_attempts_max):
        started_s.append(table.now_s)
        before = len(holder.asked(StartFetch))
        holder.done(FetchFailed(owner.peer, payload, False, "wrong-hash"))
        table.wait(40.0)
        assert len(holder.asked(StartFetch)) <= before + 1
    assert len(holder.asked(StartFetch)) == holder.limits.fetch_attempts_max
    assert holder.refusals() == ["wrong-hash"] * holder.limits.fetch_attempts_max
    assert [effect.payloads for effect in holder.asked(Erase)] == [(payload,)]


def test_what_is_gone_is_forgotten_until_it_is_announced_again() -> None:
    table, owner, holder = pair()
    table.withheld = {StartFetch}
    payload = owner.publish("first")
    table.settle()
    table.withheld = set()
    holder.done(FetchFailed(owner.peer, payload, True, "gone"))
    table.settle()
    assert not holder.rows(HeldSeedRow)
    table.wait(2.5)
    assert holder.rows(HeldSeedRow)


def test_a_newer_announcement_stops_the_older_fetch() -> None:
    table, owner, holder = pair()
    table.withheld = {StartFetch}
    first = owner.publish("first")
    table.settle()
    table.withheld = set()
    owner.publish("second")
    table.settle()
    holder.done(Fetched(owner.peer, first))
    assert [effect.payloads for effect in holder.asked(Erase)] == [(first,)]
    assert [row.payload_sha256 for row in holder.rows(HeldSeedRow)] == [payload_of(owner.peer, "second")]


def test_a_fetch_whose_link_was_replaced_goes_on() -> None:
    table, owner, holder = pair()
    table.withheld = {StartFetch}
    payload = owner.publish("first")
    table.settle()
    table.unlink(owner, holder)
    table.link(owner, holder)
    table.withheld = set()
    holder.done(Fetched(owner.peer, payload))
    table.settle()
    assert holder.rows(HeldSeedRow)


def test_a_payload_that_is_being_erased_is_fetched_again_only_afterwards() -> None:
    table, owner, holder = pair()
    table.withheld = {Erase, StartFetch}
    payload = owner.publish("first")
    table.settle()
    holder.done(FetchFailed(owner.peer, payload, True, "gone"))
    table.wait(5.0)
    assert len(holder.asked(StartFetch)) == 1
    holder.done(Erased(holder.asked(Erase)[0].erasure))
    assert len(holder.asked(StartFetch)) == 2


# --- key --------------------------------------------------------------------------------------------------------------
def asking() -> tuple[Table, Seat, Seat, Key]:
    """A holder that has the ciphertext and has asked; and the answer that is on its way."""
    table, owner, holder = pair()
    table.withheld = {SendKey}
    owner.publish("first")
    table.settle()
    effect = owner.asked(SendKey)[0]
    return table, owner, holder, Key(effect.grant, None, KEY)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"run_nonce": "another run"}, "other-run"),
        ({"holder": "x" * 52}, "not-owner"),
        ({"generation": 7}, "not-asked-for"),
        ({"holder_sequence": 0}, "not-asked-for"),
    ],
)
def test_a_key_that_was_not_asked_for_is_refused(change: dict[str, object], reason: str) -> None:
    _, owner, holder, key = asking()
    grant = sign(owner.person.identity, replace(key.grant.statement, **change))  # type: ignore[arg-type]
    step = holder.receive(owner, replace(key, grant=grant))
    assert holder.refusals() == [reason]
    assert step.effects == ()


def test_a_key_signed_by_somebody_else_is_refused() -> None:
    _, owner, holder, key = asking()
    holder.receive(owner, replace(key, grant=sign(holder.person.identity, key.grant.statement)))
    assert holder.refusals() == ["not-owner"]


@pytest.mark.parametrize("wrong", [b"", b"short", bytes(32), b"k" * 33])
def test_bytes_that_can_be_no_key_are_refused(wrong: bytes) -> None:
    """Zeros are what a destroyed key file holds."""
    _, owner, holder, key = asking()
    assert holder.receive(owner, replace(key, key=wrong)).effects == ()
    assert holder.refusals() == ["wrong-key"]
    holder.receive(owner, key)
    assert holder.asked(Admit)


def test_a_key_that_was_lost_is_asked_for_again() -> None:
    table, _, holder, _ = asking()
    table.withheld = set()
    table.wait(3.0)
    assert len(holder.messages(KeyRequest)) == 2
    assert holder.rows(HeldSeedRow)[0].grant.statement.grant == 2


def test_an_owner_that_never_answers_is_not_asked_for_ever() -> None:
    table, _, holder, _ = asking()
    table.lost = lambda sender, to, message: isinstance(message, KeyRequest | AnnounceRequest)
    table.wait(60.0)
    assert len(holder.messages(KeyRequest)) == holder.limits.fetch_attempts_max
    assert "no-key" in holder.refusals()
    assert not holder.rows(ErasureRow)


def test_a_key_of_an_earlier_attempt_is_not_taken_for_a_later_one() -> None:
    """What the earlier attempt was granted may have been released meanwhile."""
    table, owner, holder, key = asking()
    table.withheld = {SendKey, StartFetch}
    holder.core.exchange._forget_announced(owner.peer, draft := Draft(holder.core.state))
    holder.take(draft.step())
    table.wait(2.5)
    holder.done(Fetched(owner.peer, key.grant.statement.payload_sha256))
    holder.receive(owner, key)
    assert holder.refusals() == ["not-asked-for"]


def test_a_repeated_key_changes_nothing() -> None:
    table, owner, holder, key = asking()
    holder.receive(owner, key)
    assert holder.receive(owner, key).effects == ()
    table.settle()
    assert holder.receive(owner, key).writes == ()


# --- adoption ---------------------------------------------------------------------------------------------------------
def admitting() -> tuple[Table, Seat, Seat, str]:
    table, owner, holder = pair()
    table.withheld = {Admit}
    payload = owner.publish("first")
    table.settle()
    assert holder.asked(Admit)
    return table, owner, holder, payload


def test_no_key_is_asked_for_before_the_release_of_what_was_granted_earlier() -> None:
    """An owner that was put back, and does not know it, gives the next grant a number that the release covers."""
    table, owner, holder = pair()
    owner.publish("first")
    table.settle()
    (row,) = holder.rows(HeldSeedRow)
    table.withheld = {Erase}
    holder.core.exchange.give_up(row, Cause.LAPSED, draft := Draft(holder.core.state))
    holder.take(draft.step())
    table.settle()
    holder.forget()
    owner.publish("second")
    table.settle()
    table.wait(2 * holder.limits.key_retry_s)
    assert holder.asked(StartFetch)
    assert holder.messages(KeyRequest) == []
    (erasure,) = holder.rows(ErasureRow)
    table.withheld = set()
    holder.done(Erased(erasure.erasure))
    table.wait(2 * holder.limits.key_retry_s)
    said = [type(message) for message in holder.messages(object) if isinstance(message, Release | KeyRequest)]
    assert said == [Release, KeyRequest]
    assert [row.closed_by for row in owner.rows(GrantRow)] == ["release", ""]


def test_what_was_admitted_after_a_notice_is_not_adopted() -> None:
    table, owner, holder, payload = admitting()
    owner.command(Leave())
    table.settle()
    assert payload in [gone for effect in holder.asked(Erase) for gone in effect.payloads]
    step = holder.done(Admitted(owner.peer, payload))
    assert step.writes == ()
    assert not holder.rows(HeldSeedRow)


@pytest.mark.parametrize("problem", ["tombstone", "phase", "wanted"])
def test_adoption_looks_a_second_time(problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, owner, holder, payload = admitting()
    state = holder.core.state
    if problem == "tombstone":
        monkeypatch.setattr(state, "through", lambda owner: GENERATION_MAX)
    elif problem == "phase":
        monkeypatch.setattr(type(state), "is_active", property(lambda self: False))
    else:
        monkeypatch.setattr(Wanting, "wanted", lambda self: frozenset())
    holder.done(Admitted(owner.peer, payload))
    assert not holder.rows(HeldSeedRow)
    assert len(holder.refusals()) == 1


def test_a_payload_that_is_no_seed_is_refused_once_and_not_fetched_again() -> None:
    table, owner, holder, payload = admitting()
    holder.done(AdmitRefused(owner.peer, payload, "not-finite"))
    table.settle()
    table.wait(60.0)
    assert holder.refusals() == ["not-finite"]
    assert len(holder.asked(StartFetch)) == 1
    assert [message.release.statement.grant for message in holder.messages(Release)] == [1]
    assert [row.closed_by for row in owner.rows(GrantRow)] == ["release"]


def test_a_refused_generation_leaves_the_one_before_it_held_and_its_grant_open() -> None:
    """A release closes every grant up to its number: that of the refused seed must not close that of the held one."""
    table = sharing(2)
    owner, holder = table.seats
    table.withheld = {Admit}
    payload = owner.publish("second")
    table.settle()
    holder.done(AdmitRefused(owner.peer, payload, "not-finite"))
    table.settle()
    held = [row for row in holder.rows(HeldSeedRow) if row.owner == owner.peer]
    assert [row.payload_sha256 for row in held] == [payload_of(owner.peer, "first")]
    grants = {row.grant: row.closed_by for row in owner.rows(GrantRow) if row.holder == holder.peer}
    assert grants[held[0].grant.statement.grant] == ""
    table.withheld = set()
    owner.publish("third")
    table.settle()
    assert [row.closed_by for row in owner.rows(GrantRow) if row.holder == holder.peer] == ["release", "release", ""]


def test_erasures_that_end_in_another_order_release_nothing_that_is_still_here() -> None:
    table = sharing(2)
    owner, holder = table.seats
    table.withheld = {Erase}
    owner.publish("second")
    table.settle()
    (row,) = holder.rows(HeldSeedRow)
    holder.core.exchange.give_up(row, Cause.LAPSED, draft := Draft(holder.core.state))
    holder.take(draft.step())
    first, second = holder.asked(Erase)
    holder.done(Erased(second.erasure))
    assert not holder.messages(Release)
    holder.done(Erased(first.erasure))
    assert [message.release.statement.grant for message in holder.messages(Release)] == [2]


def test_a_superseded_seed_is_swapped_then_erased_and_released() -> None:
    table = sharing(2)
    owner, holder = table.seats
    owner.publish("second")
    table.settle()
    kinds = [type(effect) for effect in holder.effects]
    assert kinds.index(UseSeeds) < kinds.index(Erase)
    assert not holder.asked(Erase)[0].at_once
    closed = [row.closed_by for row in owner.rows(GrantRow)]
    assert closed == ["release", ""]


# --- neighbours -------------------------------------------------------------------------------------------------------
def choose(holders: list[Seat]) -> Callable[[Seat], bytes]:
    return lambda owner: overlay.score(TASK, holders[0].peer, owner.peer)


def test_a_peer_holds_the_owners_that_it_wants_most_in_whatever_order_they_came() -> None:
    outcomes = set()
    for order in (1, -1):
        table = Table(5, tight(neighbours_max=2))
        holder, owners = table.seats[0], table.seats[1:]
        for owner in owners[::order]:
            owner.publish("first")
            table.link(owner, holder)
        table.wait(5.0)
        best = sorted(owners, key=choose([holder]), reverse=True)[:2]
        held = frozenset(row.owner for row in holder.rows(HeldSeedRow))
        assert held == {owner.peer for owner in best}
        outcomes.add(held)
        assert not [row for owner in owners for row in owner.rows(GrantRow) if not row.closed_by and owner not in best]
    assert len(outcomes) == 1


def test_whoever_was_displaced_comes_back_when_a_better_one_leaves() -> None:
    table = Table(4, tight(neighbours_max=1))
    holder, owners = table.seats[0], table.seats[1:]
    for owner in owners:
        owner.publish("first")
    table.link_all()
    table.wait(5.0)
    ranked = sorted(owners, key=choose([holder]), reverse=True)
    assert [row.owner for row in holder.rows(HeldSeedRow)] == [ranked[0].peer]
    ranked[0].command(Leave())
    table.settle()
    table.wait(5.0)
    assert [row.owner for row in holder.rows(HeldSeedRow)] == [ranked[1].peer]


def test_a_displaced_seed_leaves_a_floor() -> None:
    table = sharing(2)
    owner, holder = table.seats
    row = next(row for row in holder.rows(HeldSeedRow))
    draft = Draft(holder.core.state)
    holder.core.exchange.give_up(row, Cause.DISPLACED, draft)
    holder.take(draft.step())
    assert [floor.generation for floor in holder.rows(FloorRow)] == [row.generation]
    holder.receive(owner, Announce(manifest(owner, generation=row.generation - 1)))
    assert "older-generation" in holder.refusals()


# --- restarts ---------------------------------------------------------------------------------------------------------
def test_after_a_start_a_seed_is_used_only_once_its_owner_is_there() -> None:
    table = sharing(2)
    owner, holder = table.seats
    table.restart(holder)
    assert not holder.asked(UseSeeds)
    table.link(owner, holder)
    assert [row.owner for row in holder.asked(UseSeeds)[-1].seeds] == [owner.peer]


def test_of_an_owner_out_of_reach_once_a_neighbour_merged_its_notices_and_a_while_passed() -> None:
    table = sharing(3)
    owner, neighbour, holder = table.seats
    table.restart(holder)
    table.wait(20.0)
    assert not holder.asked(UseSeeds), "nobody has merged notices"
    table.link(neighbour, holder)
    table.wait(holder.limits.confirm_wait_s)
    assert {row.owner for row in holder.asked(UseSeeds)[-1].seeds} == {owner.peer, neighbour.peer}


def test_a_seed_that_was_unlearned_while_this_peer_slept_is_never_used() -> None:
    table = sharing(3)
    owner, neighbour, holder = table.seats
    for other in (owner, neighbour):
        table.unlink(other, holder)
    owner.command(Leave())
    table.settle()
    table.restart(holder)
    table.link(neighbour, holder)
    table.wait(30.0)
    assert all(row.owner != owner.peer for effect in holder.asked(UseSeeds) for row in effect.seeds)
    assert not [row for row in holder.rows(HeldSeedRow) if row.owner == owner.peer]


def test_heartbeats_of_who_serves_nothing_ask_for_nothing() -> None:
    _, owner, holder = pair()
    beat = Heartbeat("", 0, 1)
    assert holder.receive(owner, beat).sends == ()


def test_a_lost_link_is_no_reason_to_lose_a_seed() -> None:
    table = sharing(2)
    owner, holder = table.seats
    holder.hear(LinkDown(owner.peer, "cut"))
    table.wait(60.0)
    assert holder.rows(HeldSeedRow)
    holder.hear(LinkUp(owner.peer, False))
    assert holder.rows(HeldSeedRow)
