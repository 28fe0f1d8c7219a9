"""Whose seeds are fetched, and when: nothing is fetched that somebody who was just found would displace at once."""

import itertools

import pytest

from hdus_peer.domain.identity import PeerId
from hdus_peer.protocol import overlay
from hdus_peer.protocol.records import HeldSeedRow
from hdus_peer.protocol.step import AddressFound, DialFailed, StartFetch
from hdus_peer.protocol.wanting import Wanting
from hdus_peer.simulation import simulate
from tests.protocol.table import TASK, Seat, Table, tight

ONE_SEED = tight(neighbours_max=1)
WAIT_S = ONE_SEED.announce_wait_s


def ranked(table: Table, me: Seat) -> list[Seat]:
    """The others, whose seed `me` wants most first."""
    others = [seat for seat in table.seats if seat is not me]
    return sorted(others, key=lambda seat: overlay.score(TASK, me.peer, seat.peer), reverse=True)


def fetched(seat: Seat) -> list[PeerId]:
    return [effect.owner for effect in seat.asked(StartFetch)]


def found(me: Seat, other: Seat) -> None:
    me.hear(AddressFound(other.peer, f"{other.peer[:8]}:1"))


def a_second_best_that_announces() -> tuple[Table, Seat, Seat, Seat]:
    """`me` has found two, of whom the one it wants less is linked and has a seed."""
    table = Table(3, ONE_SEED)
    me = table.seats[0]
    best, second = ranked(table, me)
    second.publish("its seed")
    found(me, best)
    table.link(me, second)
    return table, me, best, second


def test_a_seed_is_not_fetched_yet_where_a_better_one_may_come_soon() -> None:
    table, me, best, _ = a_second_best_that_announces()
    assert fetched(me) == []
    best.publish("a better one")
    table.link(me, best)
    table.wait(2 * WAIT_S)
    assert fetched(me) == [best.peer]


def test_after_a_while_what_there_is_is_fetched() -> None:
    table, me, best, second = a_second_best_that_announces()
    table.wait(WAIT_S - 0.1)
    assert fetched(me) == []
    table.wait(0.2)
    assert fetched(me) == [second.peer]
    assert [row.owner for row in me.rows(HeldSeedRow)] == [second.peer]
    best.publish("a better one")
    table.link(me, best)
    table.wait(0.1)
    assert [row.owner for row in me.rows(HeldSeedRow)] == [best.peer], "and it still makes room for a better one"


def test_who_does_not_answer_is_not_waited_for() -> None:
    table, me, best, second = a_second_best_that_announces()
    me.done(DialFailed(best.peer, f"{best.peer[:8]}:1"))
    second.publish("its next seed")
    table.settle()
    assert fetched(me) == [second.peer]


def test_invented_names_hold_nothing_back_for_longer() -> None:
    table, me, best, second = a_second_best_that_announces()
    best_score, end_s = overlay.score(TASK, me.peer, best.peer), table.now_s + WAIT_S
    names = (PeerId(f"{number:a>52}") for number in itertools.count())
    better = (name for name in names if overlay.score(TASK, me.peer, name) > best_score)
    while table.now_s < end_s:
        assert fetched(me) == []
        me.hear(AddressFound(next(better), "nowhere:1"))
        table.wait(0.5)
    assert fetched(me) == [second.peer]


def test_where_there_is_room_for_all_that_were_found_nothing_waits() -> None:
    table = Table(3, tight(neighbours_max=2))
    me = table.seats[0]
    best, second = ranked(table, me)
    second.publish("its seed")
    found(me, best)
    table.link(me, second)
    assert fetched(me) == [second.peer]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3200, 3212))
def test_the_choice_that_is_kept_is_the_one_that_would_be_made_anew(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Wanting.wanted

    def compared(self: Wanting) -> frozenset[PeerId]:
        kept = real(self)
        assert kept == self._choose()
        return kept

    monkeypatch.setattr(Wanting, "wanted", compared)
    assert simulate(seed).violation is None
