"""Where to dial and when: named addresses that change hands, peers that departed, a network that became another one,
a device that slept, and a wall clock that jumps."""

import itertools

import pytest

from hdus_peer.control.port import LinkCounts
from hdus_peer.daemon.views import Views
from hdus_peer.domain.identity import Identity
from hdus_peer.domain.unlearning import UnlearnKind
from hdus_peer.protocol.messages import Heartbeat
from hdus_peer.protocol.records import HeldSeedRow, TombstoneRow
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
    NetworkChanged,
    Rejoin,
)
from tests.protocol.table import Seat, Table, fire, sharing, tight

NAMED = "gate.example:7433"
NIGHT_S = 8 * 3600.0


def asked_at(seat: Seat, duration_s: float) -> list[float]:
    """When `seat` dialled or asked during the next `duration_s`, every attempt failing."""
    until_s, times = seat.table.now_s + duration_s, []
    while True:
        seat.forget()
        due_s = seat.core.next_deadline()
        if due_s is None or due_s > until_s:
            seat.table.now_s = until_s
            return times
        seat.table.now_s = max(seat.table.now_s, due_s)
        fire(seat)
        for effect in seat.effects:
            if isinstance(effect, Dial | Identify):
                times.append(seat.table.now_s)
                peer = effect.peer if isinstance(effect, Dial) else None
                seat.done(DialFailed(peer, effect.address))


def named_and_linked(table: Table) -> tuple[Seat, Seat]:
    """Two seats, of which the first reached the other at an address that its operator named."""
    one, two = table.seats[:2]
    one.hear(AddressFound(None, NAMED))
    one.done(Identified(NAMED, two.peer))
    table.link(one, two)
    one.forget()
    return one, two


# --- addresses that the operator named ------------------------------------------------------------------------------
def test_a_named_address_that_now_answers_as_another_peer_is_followed() -> None:
    table = Table(3)
    one, two = named_and_linked(table)
    three = table.seats[2]
    table.unlink(one, two)
    table.now_s += 1.0
    fire(one)
    assert one.asked(Dial) == [Dial(two.peer, NAMED)]
    one.done(DialFailed(two.peer, NAMED))
    assert one.core.contacts.last_address(two.peer) == NAMED
    table.wait(1.0)
    assert one.asked(Identify) == [Identify(NAMED)]
    one.done(Identified(NAMED, three.peer))
    assert one.asked(Dial)[-1] == Dial(three.peer, NAMED)
    assert one.core.contacts.known[two.peer].addresses == ()
    assert (one.core.contacts.last_address(two.peer), one.core.contacts.last_address(three.peer)) == ("", NAMED)


def test_two_peers_behind_one_host_are_told_apart() -> None:
    table = Table(3)
    one, two, three = table.seats
    for port, peer in ((1, two.peer), (2, three.peer)):
        one.hear(AddressFound(None, f"nat.example:{port}"))
        one.done(Identified(f"nat.example:{port}", peer))
    assert one.asked(Dial) == [Dial(two.peer, "nat.example:1"), Dial(three.peer, "nat.example:2")]
    table.link(one, three)
    one.forget()
    one.done(DialFailed(two.peer, "nat.example:1"))
    table.wait(1.0)
    assert one.asked(Identify) == [Identify("nat.example:1")]
    one.done(Identified("nat.example:1", three.peer))
    assert one.core.contacts.known[three.peer].is_linked, "the address is only a suggestion"
    assert not one.core.contacts.known[two.peer].is_linked


def test_an_own_address_among_the_named_ones_is_asked_once() -> None:
    one = Table(1).seats[0]
    for _ in range(3):
        one.hear(AddressFound(None, NAMED))
        one.done(Identified(NAMED, one.peer))
    assert one.asked(Identify) == [Identify(NAMED)]
    assert one.core.next_deadline() is None


def test_a_named_address_is_not_pushed_out_by_found_ones() -> None:
    table = Table(2, tight(addresses_per_peer_max=3))
    one, two = named_and_linked(table)
    for number in range(9):
        one.hear(AddressFound(two.peer, f"found:{number}"))
    assert one.core.contacts.known[two.peer].addresses == ("found:8", "found:7", NAMED)


def test_a_stale_named_address_of_a_linked_peer_is_asked_seldom_and_never_given_up() -> None:
    table = Table(2)
    one, two = named_and_linked(table)
    one.hear(AddressFound(two.peer, "found:1"))
    table.unlink(one, two)
    one.core.contacts.known[two.peer].addresses = (NAMED, "found:1")
    table.wait(1.0)
    one.done(DialFailed(two.peer, NAMED))
    table.link(one, two)
    one.forget()
    for _ in range(600):
        table.wait(1.0)
        for effect in one.asked(Identify):
            one.done(DialFailed(None, effect.address))
            one.forget()
    assert one.core.next_deadline() is not None
    seldom = one.core.contacts._named[NAMED]
    assert 8 <= seldom.failures <= 16


def test_a_storm_of_named_addresses_is_asked_a_few_at_a_time() -> None:
    one = Table(1, tight(dials_at_once_max=4)).seats[0]
    for number in range(20):
        one.hear(AddressFound(None, f"host{number}:1"))
    assert len(one.asked(Identify)) == 4
    assert one.core.next_deadline() is None, "nothing to do until one of them is answered"
    one.done(DialFailed(None, "host0:1"))
    fire(one)
    assert len(one.asked(Identify)) == 5


def test_named_addresses_are_bounded() -> None:
    one = Table(1, tight(named_addresses_max=2)).seats[0]
    for number in range(5):
        one.hear(AddressFound(None, f"host{number}:1"))
    assert [effect.address for effect in one.asked(Identify)] == ["host0:1", "host1:1"]


# --- names that somebody invented -----------------------------------------------------------------------------------
def invent(seat: Seat, names: int) -> None:
    for number in range(names):
        seat.hear(AddressFound(Identity(number.to_bytes(32)).peer_id, f"nowhere{number}:1"))


def test_invented_names_are_counted_as_nobody() -> None:
    table = Table(3, tight(members_max=5, dials_at_once_max=2))
    one, *others = table.seats
    invent(one, 50)
    for other in others:
        table.link(one, other)
    invent(one, 50)
    assert {other.peer for other in others} <= one.core.contacts.known.keys()
    assert one.refusals() == []
    assert (Views(one.core).link_counts(), Views(one.core).is_lonely()) == (LinkCounts(2, 0, 0), False)


def test_a_member_is_dialled_before_every_invented_name() -> None:
    table = Table(2, tight(dials_at_once_max=2))
    one, member = table.seats
    invent(one, 50)
    (first, _) = one.asked(Dial)
    table.link(one, member)
    one.hear(AddressFound(member.peer, "member:1"))
    table.unlink(one, member)
    table.wait(2.0, beats=False)
    one.forget()
    one.done(DialFailed(first.peer, first.address))
    fire(one)
    assert one.asked(Dial) == [Dial(member.peer, "member:1")]


# --- peers that have departed ---------------------------------------------------------------------------------------
def departed(how: str) -> tuple[Seat, Seat, Table]:
    """A table of two, the second of which has left; the first knew it by a `how` address."""
    table = sharing(2)
    one, two = table.seats
    if how == "named":
        one.hear(AddressFound(None, NAMED))
        one.done(Identified(NAMED, two.peer))
    else:
        one.hear(AddressFound(two.peer, "found:1"))
    two.command(Leave())
    table.settle()
    assert two.phase == "left"
    table.unlink(one, two)
    return one, two, table


@pytest.mark.parametrize("how", ["named", "found"])
def test_who_has_departed_is_dialled_ever_more_seldom(how: str) -> None:
    one, _, _ = departed(how)
    times = asked_at(one, 24 * 3600.0)
    first_hour = [time for time in times if time < times[0] + 3600.0]
    assert 8 <= len(first_hour) <= 20
    last_pause_s = times[-1] - times[-2]
    assert 1800.0 <= last_pause_s <= one.limits.departed_retry_max_s


@pytest.mark.parametrize("how", ["named", "found"])
def test_who_only_vanished_is_dialled_on_at_the_usual_pause(how: str) -> None:
    table = sharing(2)
    one, two = table.seats
    one.hear(AddressFound(None if how == "named" else two.peer, NAMED))
    one.done(Identified(NAMED, two.peer))
    table.unlink(one, two)
    times = asked_at(one, 3600.0)
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert max(pauses) <= one.limits.dial_retry_max_s
    assert len(times) >= 3600.0 / one.limits.dial_retry_max_s


def test_a_departed_peer_that_is_seen_again_is_dialled_soon() -> None:
    one, two, table = departed("found")
    asked_at(one, 24 * 3600.0)
    one.hear(AddressFound(two.peer, "found:1"))
    assert asked_at(one, one.limits.dial_retry_max_s)
    two.command(Rejoin())
    table.link(one, two)
    table.unlink(one, two)
    times = asked_at(one, 3600.0)
    assert len(times) >= 3600.0 / one.limits.dial_retry_max_s, "it is a member like any other again"


def test_who_was_revoked_has_departed() -> None:
    one, two, _ = departed("found")
    row = one.rows(TombstoneRow)[0]
    one.core.state._tables[TombstoneRow][row.owner,] = type(row)(
        row.owner, row.through, UnlearnKind.REVOKE, row.notice, row.membership, None
    )
    assert one.core.contacts._has_departed(two.peer)


# --- another network, and sleep -------------------------------------------------------------------------------------
def test_after_a_change_of_the_network_everybody_missing_is_dialled_at_once() -> None:
    table = sharing(3)
    one, two, three = table.seats
    one.hear(AddressFound(None, NAMED))
    one.hear(AddressFound(two.peer, "two:1"))
    one.done(DialFailed(None, NAMED))
    table.unlink(one, two)
    asked_at(one, 600.0)
    one.hear(LinkUp(three.peer, True))
    one.forget()
    step = one.hear(NetworkChanged("awake after 600 s"))
    asked = {effect.address for effect in one.effects if isinstance(effect, Dial | Identify)}
    assert NAMED in asked
    table.now_s += one.limits.dial_yield_s
    fire(one)
    assert "two:1" in {effect.address for effect in one.asked(Dial)}
    assert [event.name for event in step.events if event.name == "NetworkChanged"] == ["NetworkChanged"]
    assert not step.writes


def test_after_a_change_of_the_network_a_dead_link_is_given_up_soon_and_a_live_one_stays() -> None:
    table = sharing(3)
    one, two, _ = table.seats
    table.lost = lambda sender, to, message: two.peer in (sender, to)
    table.withheld = {HangUp}
    one.forget()
    one.hear(NetworkChanged("eth0 without 192.0.2.7"))
    fire(one)
    assert len(one.messages(Heartbeat)) == 2, "both are told at once that I am here"
    table.wait(one.limits.suspect_after_s + 0.1)
    assert one.asked(HangUp) == [HangUp(two.peer)]


def test_a_network_that_keeps_changing_does_not_put_off_the_end_of_a_dead_link() -> None:
    table = sharing(2)
    one, two = table.seats
    table.lost = lambda sender, to, message: True
    table.withheld = {HangUp}
    for _ in range(6):
        table.wait(1.0)
        one.hear(NetworkChanged("flapping"))
    assert one.asked(HangUp) == [HangUp(two.peer)]


def test_a_device_that_slept_all_night_hangs_up_what_is_dead_and_dials_at_once_without_a_storm() -> None:
    table = sharing(4)
    one = table.seats[0]
    others = table.seats[1:]
    for other in others:
        one.hear(AddressFound(other.peer, f"{other.person.number}:1"))
    for other in others:
        other.hear(LinkDown(one.peer, "hung up"))
    table.links = {pair for pair in table.links if one.peer not in pair}
    table.withheld = {HangUp}
    table.messages.clear()
    one.forget()
    table.now_s += NIGHT_S
    woke_s = table.now_s
    one.hear(NetworkChanged("awake after 28800 s"))
    assert set(one.asked(HangUp)) == {HangUp(other.peer) for other in others}
    for other in others:
        one.hear(LinkDown(other.peer, "hung up"))
    dialled: dict[str, float] = {}
    while one.table.now_s < woke_s + 2.0:
        due_s = one.core.next_deadline()
        if due_s is None or due_s > woke_s + 2.0:
            break
        table.now_s = max(table.now_s, due_s)
        fire(one)
        for effect in one.asked(Dial):
            dialled.setdefault(effect.address, table.now_s)
    assert {address for address, at_s in dialled.items() if at_s <= woke_s + one.limits.dial_yield_s} == {
        f"{other.person.number}:1" for other in others
    }
    assert len(one.asked(Dial)) == len(others), "each once"
    assert len(one.messages(Heartbeat)) <= len(others)
    assert len(one.rows(HeldSeedRow)) == len(others), "sleep erases nothing"
    for other in others:
        table.link(one, other)
    assert all(one.core.contacts.known[other.peer].liveness == "alive" for other in others)


# --- the wall clock -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("step_s", [3600.0, -3600.0, 10 * 365 * 86_400.0, -10 * 365 * 86_400.0])
def test_a_step_of_the_wall_clock_changes_nothing_but_dates(step_s: float) -> None:
    table = sharing(3)
    one, two, three = table.seats
    before = {seat.peer: sorted(seat.rows(HeldSeedRow), key=lambda row: row.owner) for seat in table.seats}
    one.wall_skew_s = step_s
    table.wait(60.0)
    assert not any(seat.told(name) for seat in table.seats for name in ("PeerSuspected", "LinkClosed", "SeedErased"))
    assert {seat.peer: sorted(seat.rows(HeldSeedRow), key=lambda row: row.owner) for seat in table.seats} == before
    generation = one.core.state.row.generation_highest
    one.publish("second")
    table.wait(60.0)
    one.wall_skew_s = 0.0
    one.publish("third")
    table.wait(60.0)
    assert one.core.state.row.generation_highest > generation + 1
    for other in (two, three):
        held = [row.generation for row in other.rows(HeldSeedRow) if row.owner == one.peer]
        assert held == [one.core.state.row.generation_highest]
    one.command(Leave())
    table.wait(60.0)
    assert one.phase == "left", "a notice dated under a clock that was set right again still reaches everybody"
    assert not any(row.owner == one.peer for seat in (two, three) for row in seat.rows(HeldSeedRow))
