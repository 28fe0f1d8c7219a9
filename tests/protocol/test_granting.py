"""The owner's side: publish, announce, grant. I3 is the shape of one Step."""

import pytest

from hdus_peer.domain.seed import GENERATION_MAX
from hdus_peer.protocol import overlay
from hdus_peer.protocol.messages import Announce, Key, KeyRefused, KeyRequest
from hdus_peer.protocol.records import ErasureRow, GrantRow, HeldSeedRow, OwnSeedRow
from hdus_peer.protocol.state import Draft
from hdus_peer.protocol.step import Erase, Leave, Put, Rejoin, Retrain, SendKey, StartFetch
from tests.protocol.table import TASK, Seat, Table, payload_of, sharing, tight


def published(limits: object = None) -> tuple[Table, Seat, Seat]:
    """Two linked seats; the first has published, and the second has got nothing yet."""
    table = Table(2, limits)  # type: ignore[arg-type]
    one, two = table.seats
    table.withheld = {StartFetch}
    one.publish("first")
    table.link(one, two)
    return table, one, two


def request(one: Seat, two: Seat, **changes: object) -> KeyRequest:
    """What `two` would ask `one` for."""
    seed = one.rows(OwnSeedRow)[0].manifest.statement
    fields = {
        "generation": seed.generation,
        "payload_sha256": seed.payload_sha256,
        "state_sequence": two.core.state.row.state_sequence,
        "run_nonce": two.me.run_nonce,
        **changes,
    }
    return KeyRequest(**fields)  # type: ignore[arg-type]


def test_the_step_that_makes_a_grant_durable_is_the_one_that_sends_its_key() -> None:
    _, one, two = published()
    step = one.receive(two, request(one, two))
    rows = [write.row for write in step.writes if isinstance(write, Put)]
    granted = [row for row in rows if isinstance(row, GrantRow)]
    assert [(row.holder, row.grant, row.closed_by) for row in granted] == [(two.peer, 1, "")]
    assert [type(effect) for effect in step.effects] == [SendKey]
    assert not [send for send in step.sends if isinstance(send.message, Key)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"payload_sha256": "ab" * 32}, "gone"),
        ({"generation": 1}, "wrong-request"),
        ({"run_nonce": "another run"}, "wrong-request"),
    ],
)
def test_a_request_that_does_not_fit_is_refused(changes: dict[str, object], reason: str) -> None:
    _, one, two = published()
    step = one.receive(two, request(one, two, **changes))
    assert step.writes == ()
    assert step.effects == ()
    assert [send.message.reason for send in step.sends if isinstance(send.message, KeyRefused)] == [reason]


def test_one_holder_cannot_fill_the_ledger() -> None:
    _, one, two = published(tight(grants_per_generation_max=3))
    for _ in range(5):
        one.receive(two, request(one, two))
    assert len(one.rows(GrantRow)) == 3
    assert one.refusals() == ["too-many-grants"] * 2


@pytest.mark.parametrize("best_first", [True, False])
def test_whoever_has_a_high_score_is_served_in_whatever_order_they_come(best_first: bool) -> None:
    table = Table(6, tight(neighbours_max=1))
    owner, others = table.seats[0], table.seats[1:]
    others.sort(key=lambda other: overlay.score(TASK, other.peer, owner.peer), reverse=best_first)
    owner.publish("first")
    for other in others:
        table.link(owner, other)
    best = others[:4] if best_first else others[1:]
    assert all(other.rows(HeldSeedRow) for other in best)
    assert owner.refusals() == (["crowded"] if best_first else [])
    others[-1].forget()
    table.wait(60.0)
    assert not others[-1].asked(StartFetch), "who was refused does not fetch again and again"


def test_a_leaver_grants_nothing_and_announces_nothing() -> None:
    _, one, two = published()
    asked = request(one, two)
    one.command(Leave())
    one.forget()
    one.receive(two, asked)
    assert not one.rows(GrantRow)
    assert not one.messages(Announce)
    assert not one.core.serves(two.peer, asked.payload_sha256)


def test_a_request_from_before_a_departure_is_refused() -> None:
    table = sharing(2)
    one, two = table.seats
    early = request(one, two)
    two.command(Leave())
    table.settle()
    one.receive(two, early)
    assert one.refusals() == ["departed"]
    assert all(row.closed_by for row in one.rows(GrantRow))


def test_the_current_payload_is_served_over_an_open_link_only() -> None:
    table, one, two = published()
    payload = payload_of(one.peer, "first")
    assert one.core.serves(two.peer, payload)
    assert not one.core.serves(two.peer, "ab" * 32)
    table.unlink(one, two)
    assert not one.core.serves(two.peer, payload)


# --- publish ----------------------------------------------------------------------------------------------------------
def test_a_publish_of_an_old_epoch_is_refused_and_destroyed() -> None:
    one = Table(1).seats[0]
    one.command(Retrain())
    payload = one.publish("from old data", epoch=0)
    assert not one.rows(OwnSeedRow)
    assert one.told("PublishRefused")
    assert [effect.payloads for effect in one.asked(Erase)] == [(payload,)]


def test_beyond_the_last_generation_nothing_is_published() -> None:
    """Its own notice through the highest number that there is was heard of again: a life's generations are used up."""
    table = Table(1)
    one = table.seats[0]
    one.core.state.change_self(Draft(one.core.state), generation_highest=GENERATION_MAX - 2)
    last = one.publish("the last one")
    assert one.rows(OwnSeedRow)[0].manifest.statement.generation == GENERATION_MAX - 1
    beyond = one.publish("one more")
    assert [row.manifest.statement.payload_sha256 for row in one.rows(OwnSeedRow)] == [last]
    assert [dict(event.details)["reason"] for event in one.told("PublishRefused")] == ["no-generation-left"]
    assert one.asked(Erase)[-1].payloads == (beyond,)
    one.command(Leave())
    table.settle()
    assert one.phase == "left"
    one.command(Rejoin())
    one.publish("after that")
    assert not one.rows(OwnSeedRow)


def test_a_late_job_cannot_publish_after_a_leave_or_a_rejoin() -> None:
    table = Table(1)
    one = table.seats[0]
    epoch = one.core.state.row.job_epoch
    one.command(Leave())
    one.publish("late", epoch)
    table.settle()
    assert one.phase == "left"
    one.command(Rejoin())
    one.publish("later", epoch)
    assert not one.rows(OwnSeedRow)
    one.publish("new")
    assert one.rows(OwnSeedRow)


def test_a_new_seed_replaces_the_old_one_and_its_files() -> None:
    table, one, two = published()
    table.withheld = set()
    one.publish("second")
    table.settle()
    assert payload_of(one.peer, "first") in [payload for effect in one.asked(Erase) for payload in effect.payloads]
    assert [row.payload_sha256 for row in two.rows(HeldSeedRow)] == [payload_of(one.peer, "second")]
    assert not one.rows(ErasureRow)


def test_the_same_payload_said_twice_is_published_once_and_not_erased() -> None:
    one = Table(1).seats[0]
    one.publish("first")
    generation = one.rows(OwnSeedRow)[0].manifest.statement.generation
    one.publish("first")
    assert one.rows(OwnSeedRow)[0].manifest.statement.generation == generation
    assert not one.asked(Erase)


def test_no_generation_is_used_twice_whatever_the_clock_says() -> None:
    table = Table(1)
    one = table.seats[0]
    generations = []
    for number, skew_s in enumerate((0.0, 0.0, -(10.0**8), -(10.0**8), 10.0**6, 0.0)):
        one.wall_skew_s = skew_s
        one.publish(str(number))
        generations.append(one.rows(OwnSeedRow)[0].manifest.statement.generation)
        table.settle()
        one.restart()
        table.settle()
    assert generations == sorted(set(generations))


def test_the_first_generation_after_a_rejoin_is_above_the_notice() -> None:
    table = Table(1)
    one = table.seats[0]
    one.publish("first")
    table.now_s += 100.0
    one.command(Leave())
    table.settle()
    one.command(Rejoin())
    one.wall_skew_s = -(10.0**8)
    one.publish("second")
    assert one.rows(OwnSeedRow)[0].manifest.statement.generation > one.core.state.row.through_highest
