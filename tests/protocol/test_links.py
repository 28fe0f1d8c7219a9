"""Greeting, liveness, dialling: what a link goes through before anybody speaks of seeds, and when it is given up."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from hdus_peer.domain.envelope import Signed, sign
from hdus_peer.domain.membership import Membership
from hdus_peer.domain.unlearning import UnlearnNotice
from hdus_peer.protocol.links import TRANSITIONS, LinkInput, LinkPhase
from hdus_peer.protocol.messages import (
    Announce,
    Goodbye,
    Greeting,
    Heartbeat,
    Key,
    Merged,
    NoticeItem,
    Notices,
)
from hdus_peer.protocol.records import ErasureRow, GrantRow, HeldSeedRow, MemberRow, TombstoneRow
from hdus_peer.protocol.state import Draft
from hdus_peer.protocol.step import (
    AddressFound,
    Dial,
    DialFailed,
    HangUp,
    Identified,
    Identify,
    Leave,
    LinkDown,
    LinkUp,
)
from hdus_peer.simulation import cast
from tests.protocol.table import Seat, Table, fire, sharing, tight


def greeting_of(seat: Seat, **changes: object) -> Greeting:
    """The greeting that `seat` would send now, with other values in its Hello."""
    step = seat.core.neighbour(LinkUp(cast.person(5).peer, True), seat.now)
    greeting = next(send.message for send in step.sends if isinstance(send.message, Greeting))
    hello = replace(greeting.hello.statement, **changes)  # type: ignore[arg-type]
    return replace(greeting, hello=sign(seat.person.identity, hello))


def test_notices_are_merged_both_ways_before_seeds_are_spoken_of() -> None:
    table = Table(2)
    one, two = table.seats
    one.publish("first")
    table.link(one, two)
    kinds = [type(message) for _, message in one.sent]
    assert kinds.index(Greeting) < kinds.index(Notices) < kinds.index(Merged) < kinds.index(Announce)
    assert two.rows(HeldSeedRow)[0].owner == one.peer


def test_transitions_are_the_whole_of_it() -> None:
    assert set(TRANSITIONS) == {
        (LinkPhase.GREETING, LinkInput.GREETED),
        (LinkPhase.MERGING, LinkInput.MERGED_BOTH),
    }


def membership(signer: bytes, subject: int, network: str = cast.NETWORK) -> Signed[Membership]:
    statement = Membership(network, cast.person(subject).identity.public_key, "x", 0, 2**40)
    return sign(cast.Identity(signer), statement)


def of_somebody_else(one: Seat, two: Seat) -> Greeting:
    return replace(greeting_of(one), hello=sign(two.person.identity, greeting_of(two).hello.statement))


GREETINGS: list[tuple[str, Callable[[Seat, Seat], Greeting]]] = [
    ("wrong-greeter", of_somebody_else),
    ("wrong-greeter", lambda one, two: greeting_of(one, peer=two.peer)),
    ("no-membership", lambda one, two: replace(greeting_of(one), membership=two.person.membership)),
    ("no-membership", lambda one, two: replace(greeting_of(one), membership=membership(bytes(32), one.person.number))),
    ("other-network", lambda one, two: greeting_of(one, network="another")),
]


@pytest.mark.parametrize(("reason", "make"), GREETINGS)
def test_a_greeting_that_does_not_fit_is_refused(reason: str, make: Callable[[Seat, Seat], Greeting]) -> None:
    table = Table(2)
    one, two = table.seats
    two.hear(LinkUp(one.peer, False))
    step = two.receive(one, make(one, two))
    assert two.refusals() == [reason]
    assert step.writes == ()
    assert step.effects == (HangUp(one.peer),)
    assert [type(send.message) for send in step.sends] == [Goodbye]


def test_a_second_greeting_and_a_message_before_the_first_are_refused() -> None:
    table = Table(2)
    one, two = table.seats
    two.hear(LinkUp(one.peer, False))
    two.receive(one, Merged())
    assert two.refusals() == ["no-greeting"]
    two.hear(LinkDown(one.peer, "closed"))
    two.hear(LinkUp(one.peer, False))
    greeting = greeting_of(one)
    two.receive(one, greeting)
    two.receive(one, greeting)
    assert two.refusals() == ["no-greeting", "second-greeting"]


def test_a_message_without_a_link_is_refused() -> None:
    one, two = Table(2).seats
    assert one.receive(two, Merged()).writes == ()
    assert one.refusals() == ["no-link"]


def test_who_was_revoked_is_turned_away() -> None:
    one, two = Table(2).seats
    statement = UnlearnNotice(one.peer, 2**53, "revoke", "", 0, 0)
    item = NoticeItem(sign(cast.root(), statement), one.person.membership, None, ())
    other = cast.person(4)
    two.hear(LinkUp(other.peer, False))
    two.core.unlearning.on_notice(other.peer, item, two.now, draft := Draft(two.core.state))
    two.take(draft.step())
    two.hear(LinkUp(one.peer, False))
    two.receive(one, greeting_of(one))
    assert two.refusals() == ["revoked"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"task": "another"}, "other-task"), ({"protocol_min": 7, "protocol_max": 9}, "no-common-version")],
)
def test_notices_cross_tasks_and_versions_and_seeds_do_not(changes: dict[str, object], reason: str) -> None:
    table = Table(2)
    one, two = table.seats
    two.publish("first")
    one.command(Leave())
    row = one.rows(TombstoneRow)[0]
    two.hear(LinkUp(one.peer, False))
    two.receive(one, greeting_of(one, **changes))
    two.receive(one, Notices((NoticeItem(row.notice, row.membership, None, ()),), last=True))
    two.receive(one, Merged())
    assert two.refusals() == [reason]
    assert two.rows(TombstoneRow)[0].owner == one.peer
    assert two.told("LinkOpened")
    assert not two.messages(Announce)


# --- clones and roll-backs --------------------------------------------------------------------------------------------
def greet(two: Seat, one: Seat, sequence: int, nonce: str) -> None:
    two.hear(LinkUp(one.peer, False))
    two.receive(one, greeting_of(one, state_sequence=sequence, run_nonce=nonce))
    two.hear(LinkDown(one.peer, "closed"))
    two.table.messages.clear()


@pytest.mark.parametrize(
    ("greetings", "is_cloned"),
    [
        ([(3, "a"), (3, "b")], True),  # one sequence under two nonces
        ([(3, "a"), (4, "b"), (5, "a")], True),  # a run that came back
        ([(3, "a"), (3, "a")], False),  # the same run again
        ([(3, "a"), (4, "b"), (5, "c")], False),  # restarts
    ],
)
def test_a_cloned_device_is_seen(greetings: list[tuple[int, str]], is_cloned: bool) -> None:
    one, two = Table(2).seats
    for sequence, nonce in greetings:
        greet(two, one, sequence, nonce)
    assert two.rows(MemberRow)[0].cloned is is_cloned
    assert len(two.told("PeerCloned")) == is_cloned


def test_a_cloned_device_is_granted_no_key() -> None:
    table = Table(2)
    one, two = table.seats
    greet(two, one, 3, "a")
    greet(two, one, 3, "b")
    two.publish("first")
    table.link(one, two)
    assert "cloned" in two.refusals()
    assert not one.rows(HeldSeedRow)
    assert not two.rows(GrantRow)
    one.forget()
    table.wait(30.0)
    assert len(one.messages(Announce)) == 0
    assert len(one.asked(Dial)) == 0
    assert len([effect for effect in one.effects if type(effect).__name__ == "StartFetch"]) == 0, "fetched again"


def test_an_echo_of_a_later_sequence_means_that_my_state_went_backwards() -> None:
    table = sharing(3)
    one, two, _ = table.seats
    backup = {kind: dict(rows) for kind, rows in one.disk.rows.items()}
    one.publish("second")
    table.settle()
    table.restart(one)
    table.link(one, two)
    table.restart(one)
    one.disk.rows = backup
    one.restart()
    sequence = one.core.state.row.state_sequence
    table.link(one, two)
    assert one.told("RolledBack")
    assert one.core.state.row.state_sequence > sequence + 1
    assert not [row for row in one.rows(HeldSeedRow) if row.owner == table.seats[2].peer]
    assert not one.rows(ErasureRow)
    presumed = [row for row in one.rows(GrantRow) if row.run_nonce == ""]
    assert {row.holder for row in presumed} == {seat.peer for seat in table.seats[1:]}


@pytest.mark.parametrize("by", ["somebody else", "an earlier me"])
def test_no_other_echo_counts(by: str) -> None:
    table = sharing(2)
    one, two = table.seats
    hello = greeting_of(one).hello.statement
    if by == "somebody else":
        echo = sign(two.person.identity, replace(hello, state_sequence=10**6))
    else:
        echo = sign(one.person.identity, replace(hello, state_sequence=1))
    table.unlink(one, two)
    one.hear(LinkUp(two.peer, False))
    one.receive(two, replace(greeting_of(two), echo=echo))
    assert not one.told("RolledBack")
    assert one.rows(HeldSeedRow)


# --- silence ----------------------------------------------------------------------------------------------------------
def when(seat: Seat, name: str) -> float | None:
    return seat.table.now_s if seat.told(name) else None


def test_a_silent_peer_is_suspected_within_5_s_and_gone_within_15_s() -> None:
    table = sharing(2)
    one, _ = table.seats
    table.withheld = {HangUp}
    suspected_s = gone_s = None
    started_s = table.now_s
    for _ in range(160):
        table.wait(0.1, beats=False)
        suspected_s = suspected_s or when(one, "PeerSuspected")
        if one.asked(HangUp) and not one.told("LinkClosed"):
            one.hear(LinkDown(table.seats[1].peer, "hung-up"))
        gone_s = gone_s or when(one, "PeerGone")
    assert suspected_s is not None
    assert suspected_s - started_s <= 5.0
    assert gone_s is not None
    assert gone_s - started_s <= 15.0
    assert one.rows(HeldSeedRow), "liveness never decides about seeds"


def test_a_broken_link_is_suspected_at_once_and_a_new_one_is_alive_again() -> None:
    table = sharing(2)
    one, two = table.seats
    table.unlink(one, two)
    assert one.told("PeerSuspected")
    table.link(one, two)
    assert one.told("PeerAlive")
    table.wait(30.0)
    assert not one.told("PeerGone")


def test_heartbeats_come_at_their_interval_and_only_after_the_greeting() -> None:
    table = Table(2)
    one, two = table.seats
    table.link(one, two, settle=False)
    table.wait(2.5, beats=False)
    assert not one.messages(Heartbeat)
    table.unlink(one, two)
    table.link(one, two)
    table.wait(20.0)
    assert 9 <= len(one.messages(Heartbeat)) <= 11


def test_a_slow_greeting_is_given_up() -> None:
    table = Table(2)
    one, two = table.seats
    table.link(one, two, settle=False)
    table.withheld = {HangUp}
    table.wait(10.5, beats=False)
    assert one.asked(HangUp) == [HangUp(two.peer)]
    table.wait(60.0, beats=False)
    assert one.asked(HangUp) == [HangUp(two.peer)]


def test_too_many_links_are_hung_up_and_dialled_again_later() -> None:
    table = Table(3, tight(links_max=1))
    one, two, three = table.seats
    one.hear(LinkUp(two.peer, True))
    one.hear(AddressFound(three.peer, "there:1"))
    one.hear(LinkUp(three.peer, True))
    assert one.refusals() == ["too-many-links"]
    one.forget()
    table.wait(3.0, beats=False)
    assert one.asked(Dial)


# --- dialling ---------------------------------------------------------------------------------------------------------
def test_the_lower_peer_dials_at_once_and_the_higher_yields_first() -> None:
    table = Table(2)
    low, high = table.seats
    assert low.hear(AddressFound(high.peer, "high:1")).effects == (Dial(high.peer, "high:1"),)
    assert high.hear(AddressFound(low.peer, "low:1")).effects == ()
    table.now_s += high.limits.dial_yield_s
    step = fire(high)
    assert step is not None
    assert step.effects == (Dial(low.peer, "low:1"),)


def test_failed_dials_back_off_and_stay_bounded() -> None:
    table = Table(2)
    low, high = table.seats
    low.hear(AddressFound(high.peer, "high:1"))
    waits = []
    for _ in range(10):
        low.done(DialFailed(high.peer, "high:1"))
        due_s = low.core.next_deadline()
        assert due_s is not None
        waits.append(due_s - table.now_s)
        table.now_s = due_s
        fire(low)
    assert waits[0] <= low.limits.dial_retry_min_s
    assert waits[4] > waits[0]
    assert max(waits) <= low.limits.dial_retry_max_s


def test_who_is_turned_away_comes_back_ever_more_seldom() -> None:
    """Each dial succeeds, and the link is closed before it opens: by somebody who revoked this peer, or is crowded."""
    table = Table(2)
    low, high = table.seats
    low.hear(AddressFound(high.peer, "high:1"))
    waits = []
    for _ in range(10):
        low.hear(LinkUp(high.peer, True))
        low.hear(LinkDown(high.peer, "closed by the peer"))
        due_s = low.core.next_deadline()
        assert due_s is not None
        waits.append(due_s - table.now_s)
        table.now_s = due_s
        fire(low)
    assert waits[0] <= low.limits.dial_retry_min_s < waits[6]
    assert max(waits) <= low.limits.dial_retry_max_s


def test_several_addresses_are_tried_in_turn_and_bounded() -> None:
    table = Table(2, tight(addresses_per_peer_max=2))
    low, high = table.seats
    for number in range(3):
        low.hear(AddressFound(high.peer, f"high:{number}"))
    low.done(DialFailed(high.peer, "high:0"))
    table.wait(1.0)
    low.done(DialFailed(high.peer, "high:2"))
    table.wait(2.0)
    assert [effect.address for effect in low.asked(Dial)] == ["high:0", "high:1", "high:2"]


def test_an_address_without_a_name_is_identified_first() -> None:
    table = Table(2)
    low, high = table.seats
    low.hear(AddressFound(None, "who:1"))
    assert low.asked(Identify) == [Identify("who:1")]
    low.done(DialFailed(None, "who:1"))
    table.wait(1.0)
    assert len(low.asked(Identify)) == 2
    low.done(Identified("who:1", high.peer))
    assert low.asked(Dial) == [Dial(high.peer, "who:1")]


def test_nobody_dials_itself() -> None:
    one = Table(1).seats[0]
    one.hear(AddressFound(one.peer, "me:1"))
    one.done(Identified("me:1", one.peer))
    assert not one.asked(Dial)
    assert one.core.next_deadline() is None


def test_nobody_waits_for_a_dead_peer() -> None:
    """A neighbour that dies while it is asked for a key: the others go on, and nothing spins."""
    table = sharing(3)
    one, two, three = table.seats
    table.lost = lambda sender, to, message: isinstance(message, Key) or three.peer in (sender, to)
    two.publish("second")
    table.settle()
    table.wait(60.0)
    assert one.core.state.row.phase == "active"
    table.lost = lambda sender, to, message: False
    for other in (one, two):
        table.unlink(other, three)
    table.unlink(one, two)
    table.link(one, two)
    table.wait(5.0)
    assert [row.generation for row in one.rows(HeldSeedRow) if row.owner == two.peer] == [
        two.core.state.row.generation_highest
    ]
