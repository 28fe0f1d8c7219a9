"""Heartbeats: the more links the more seldom, what is said of the next one is kept, and silence is counted in it."""

from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdus_peer.domain.identity import PeerId
from hdus_peer.protocol.heartbeats import NEXT_MAX_S, SILENCE_MAX_S, Silence, interval_s, next_ms, silence
from hdus_peer.protocol.limits import Limits
from hdus_peer.protocol.messages import Heartbeat
from hdus_peer.protocol.step import HangUp, Leave, LinkDown, NetworkChanged, Step
from tests.protocol.table import Seat, Table, sharing, tight

AT_MOST = 2**32 - 1
SELDOM = tight(heartbeats_per_s_max=0.5)  # four links beat every 8 s


# --- how often, and how long ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("links", "expected_s"), [(0, 2.0), (1, 2.0), (16, 2.0), (17, 2.125), (64, 8.0), (128, 16.0), (4096, NEXT_MAX_S)]
)
def test_up_to_16_links_beat_as_configured_and_more_beat_more_seldom_up_to_a_bound(
    links: int, expected_s: float
) -> None:
    assert interval_s(Limits(), links) == expected_s


@pytest.mark.parametrize(
    ("said_ms", "expected"),
    [
        (0, Silence(4.5, 12.0)),
        (1, Silence(4.5, 12.0)),
        (2000, Silence(4.5, 12.0)),
        (8000, Silence(18.0, 48.0)),
        (60_000, Silence(135.0, 360.0)),
        (60_001, Silence(135.0, 360.0)),
        (AT_MOST, Silence(135.0, 360.0)),
    ],
)
def test_silence_is_counted_in_what_was_said_and_bounded(said_ms: int, expected: Silence) -> None:
    assert silence(Limits(), said_ms) == expected


@st.composite
def configured(draw: st.DrawFn) -> Limits:
    """What an operator may configure (`config.sections.TimingSection`)."""
    interval_s = draw(st.floats(0.05, 60))
    suspect_s = draw(st.floats(max(0.1, 2 * interval_s), 300))
    return Limits(interval_s, suspect_after_s=suspect_s, gone_after_s=draw(st.floats(suspect_s, 900)))


@given(configured(), configured(), st.integers(0, 4096))
def test_whatever_two_operators_configure_two_intervals_may_be_missing(mine: Limits, its: Limits, links: int) -> None:
    every_s = interval_s(its, links)
    waits = silence(mine, next_ms(every_s))
    assert waits.suspect_s >= 1.999 * every_s
    assert mine.suspect_after_s <= waits.suspect_s <= waits.gone_s <= SILENCE_MAX_S
    assert waits.gone_s >= mine.gone_after_s


# --- sent -------------------------------------------------------------------------------------------------------------
def test_a_heartbeat_says_when_the_next_one_comes_and_more_links_make_it_later() -> None:
    table = sharing(3, SELDOM)
    one = table.seats[0]
    for links, every_s in ((2, 4.0), (1, 2.0)):
        assert len(one.core.links.greeted()) == links
        table.wait(10.0)
        one.forget()
        table.wait(10 * every_s)
        beats = one.messages(Heartbeat)
        assert {beat.next_ms for beat in beats} == {1000 * every_s}
        assert 9 * links <= len(beats) <= 11 * links
        table.unlink(one, table.seats[2])


def test_one_value_goes_to_all_that_are_told_the_same() -> None:
    table = sharing(5)
    one = table.seats[0]
    one.hear(NetworkChanged("another"))
    beats = one.messages(Heartbeat)
    assert len(beats) == 4
    assert len({id(beat) for beat in beats}) == 1


def test_a_heartbeat_out_of_turn_is_a_promise_too() -> None:
    table = sharing(5, SELDOM)
    one, _, *others, leaver = table.seats
    table.wait(20.0)
    for other in others:
        table.unlink(one, other)
    one.forget()
    leaver.command(Leave())
    table.settle()
    assert {beat.next_ms for beat in one.messages(Heartbeat)} == {4000}, "with two links, not 8000 as with four before"
    one.forget()
    table.wait(4.0)
    assert one.messages(Heartbeat)


class Promises:
    """Looks at every Step of a table: what a heartbeat said of the next one is kept, and nobody whose link is up is
    suspected or hung up on."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._due_s: dict[tuple[PeerId, PeerId], float] = {}
        table.watched = self.look

    def look(self, seat: Seat, cause: Any, sender: PeerId | None, step: Step) -> None:
        self.assert_kept()
        if cause == "timer" or isinstance(cause, NetworkChanged):
            assert not [event for event in step.events if event.name == "PeerSuspected"]
            assert not [effect for effect in step.effects if isinstance(effect, HangUp)]
        if isinstance(cause, LinkDown):
            self._due_s.pop((seat.peer, cause.peer), None)
        for send in step.sends:
            if isinstance(send.message, Heartbeat):
                self._due_s[seat.peer, send.to] = self._table.now_s + send.message.next_ms / 1000

    def assert_kept(self) -> None:
        assert min(self._due_s.values(), default=self._table.now_s) >= self._table.now_s - 0.001


SEATS = 6
PAIRS = list(combinations(range(SEATS), 2))
CHANGES = st.one_of(
    st.tuples(st.just("links"), st.sets(st.sampled_from(PAIRS), max_size=len(PAIRS))),
    st.tuples(st.just("network"), st.integers(0, SEATS - 1)),
    st.tuples(st.just("leave"), st.integers(0, SEATS - 1)),
)


def link_exactly(table: Table, pairs: set[tuple[int, int]]) -> None:
    for first, second in PAIRS:
        one, other = table.seats[first], table.seats[second]
        is_linked = frozenset((one.peer, other.peer)) in table.links
        if is_linked and (first, second) not in pairs:
            table.unlink(one, other)
        elif not is_linked and (first, second) in pairs:
            table.link(one, other)


def change(table: Table, what: str, which: Any) -> None:
    if what == "links":
        link_exactly(table, which)
    elif what == "network":
        table.seats[which].hear(NetworkChanged("another"))
    else:
        table.seats[which].command(Leave())
    table.settle()


@given(st.lists(st.tuples(CHANGES, st.floats(0.0, 25.0)), min_size=1, max_size=12))
def test_who_keeps_what_it_said_is_never_suspected(changes: list[tuple[tuple[str, Any], float]]) -> None:
    """One link beats every 4 s, five every 20 s; links come and go, also between two heartbeats."""
    table = Table(SEATS, tight(heartbeats_per_s_max=0.25))
    for seat in table.seats:
        seat.publish("first")
    promises = Promises(table)
    for (what, which), pause_s in changes:
        change(table, what, which)
        table.wait(pause_s)
        promises.assert_kept()


# --- missing ----------------------------------------------------------------------------------------------------------
def silent_s(table: Table, until: Callable[[], bool], *, at_most_s: float) -> float:
    """How long nobody hears anybody until that is so; a tenth of a second is exact enough."""
    begun_s = table.now_s
    while not until():
        assert table.now_s < begun_s + at_most_s
        table.wait(0.1, beats=False)
    return table.now_s - begun_s


def saying(table: Table, next_ms: int) -> tuple[Seat, Seat]:
    """The first and the last: the last one says this of its next heartbeat now, and never comes."""
    one, two = table.seats[0], table.seats[-1]
    table.withheld = {HangUp}
    one.receive(two, Heartbeat("", 0, 1, next_ms=next_ms))
    table.messages.clear()
    one.forget()
    return one, two


@pytest.mark.parametrize(
    ("said_ms", "suspect_s", "gone_s"), [(0, 4.5, 12.0), (8000, 18.0, 48.0), (AT_MOST, 135.0, 360.0)]
)
def test_who_falls_silent_is_suspected_and_given_up_by_what_it_said(
    said_ms: int, suspect_s: float, gone_s: float
) -> None:
    table = sharing(2)
    one, two = saying(table, said_ms)
    suspected_s = silent_s(table, lambda: bool(one.told("PeerSuspected")), at_most_s=suspect_s + 1)
    assert suspected_s == pytest.approx(suspect_s, abs=0.2)
    hung_up_s = suspected_s + silent_s(table, lambda: bool(one.asked(HangUp)), at_most_s=gone_s)
    assert hung_up_s == pytest.approx(gone_s, abs=0.2)
    one.hear(LinkDown(two.peer, "hung up"))
    table.wait(0.1, beats=False)
    assert one.told("PeerGone")


def test_who_says_that_it_will_come_sooner_is_missed_sooner() -> None:
    table = sharing(3, tight(heartbeats_per_s_max=0.05))  # every 40 s
    table.wait(100.0)
    one, _ = saying(table, 2000)
    assert silent_s(table, lambda: bool(one.told("PeerSuspected")), at_most_s=5.0) == pytest.approx(4.5, abs=0.2)


def test_who_was_rightly_silent_when_its_link_broke_has_the_rest_of_its_time_to_come_back() -> None:
    table = sharing(2)
    one, two = saying(table, 16_000)
    table.wait(15.0, beats=False)
    table.unlink(one, two)
    table.wait(80.0, beats=False)
    assert not one.told("PeerGone")
    assert silent_s(table, lambda: bool(one.told("PeerGone")), at_most_s=2.0) == pytest.approx(1.0, abs=0.2)


def test_after_a_change_of_the_network_a_live_link_has_the_time_that_it_said_and_a_dead_one_no_more() -> None:
    table = sharing(5, SELDOM)
    one, two, *_ = table.seats
    table.wait(20.0)
    table.lost = lambda sender, to, message: two.peer in (sender, to)
    table.withheld = {HangUp}
    one.forget()
    one.hear(NetworkChanged("eth0 without 192.0.2.7"))
    table.wait(17.9)
    assert not one.asked(HangUp)
    table.wait(0.2)
    assert one.asked(HangUp) == [HangUp(two.peer)]
