"""The bookkeeping of links: which of two stays, and that every up has one down."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from hdus_peer.domain.identity import PeerId
from hdus_peer.transport.links import LinkTable
from tests.contracts.transport import Node

LOW, HIGH = PeerId("a" * 52), PeerId("z" * 52)


class Listener(Node):
    def __init__(self, me: PeerId) -> None:
        self.me = me
        self.ups, self.downs = [], []
        self._changed = asyncio.Event()


@dataclass(eq=False)
class FakeLink:
    peer: PeerId
    dialled: bool
    closed: list[str] = field(default_factory=list)

    def close(self, reason: str) -> None:
        self.closed.append(reason)


CROSSING_S = 5.0


def table_of(me: PeerId, clock: Callable[[], float] = lambda: 0.0) -> tuple[LinkTable[FakeLink], Listener]:
    listener = Listener(me)
    return LinkTable(me, listener, CROSSING_S, clock), listener


def test_of_crossing_dials_the_lower_ones_stays() -> None:
    """Both asked; each then hears of the other's request, and both come to the same end."""
    low, low_heard = table_of(LOW)
    high, high_heard = table_of(HIGH)
    with low.asking(HIGH), high.asking(LOW):
        assert not low.accepts(HIGH)
        assert high.accepts(LOW)
        assert high.up(FakeLink(LOW, dialled=False))
    assert low.up(FakeLink(HIGH, dialled=True))
    assert (low_heard.ups, high_heard.ups) == ([(HIGH, True)], [(LOW, False)])


def test_an_answer_that_comes_after_the_lower_ones_link_is_dropped() -> None:
    high, heard = table_of(HIGH)
    high.up(FakeLink(LOW, dialled=False))
    assert not high.up(FakeLink(LOW, dialled=True))
    assert (heard.ups, heard.downs) == ([(LOW, False)], [])


def test_a_link_of_the_lower_replaces_one_of_the_higher() -> None:
    high, heard = table_of(HIGH)
    mine = FakeLink(LOW, dialled=True)
    high.up(mine)
    assert high.accepts(LOW)
    high.up(FakeLink(LOW, dialled=False))
    assert (mine.closed, heard.downs, len(heard.ups)) == (["replaced"], [(LOW, "replaced")], 2)


def test_a_link_of_the_lower_stays() -> None:
    low, _ = table_of(LOW)
    low.up(FakeLink(HIGH, dialled=True))
    assert not low.accepts(HIGH)


def test_who_asks_long_after_the_link_came_up_does_not_know_of_it() -> None:
    """It lost the link without this side noticing, or it is another device of the same identity."""
    now_s = 0.0
    low, heard = table_of(LOW, lambda: now_s)
    low.up(FakeLink(HIGH, dialled=True))
    now_s = CROSSING_S - 0.1
    assert not low.accepts(HIGH)
    now_s = CROSSING_S
    assert low.accepts(HIGH)
    low.up(FakeLink(HIGH, dialled=False))
    assert (heard.downs, len(heard.ups)) == ([(HIGH, "replaced")], 2)


@pytest.mark.parametrize("me", [LOW, HIGH])
def test_of_two_from_the_same_side_the_newer_stays(me: PeerId) -> None:
    table, heard = table_of(me)
    peer = HIGH if me == LOW else LOW
    older, newer = FakeLink(peer, dialled=False), FakeLink(peer, dialled=False)
    table.up(older)
    assert table.accepts(peer)
    table.up(newer)
    assert (older.closed, newer.closed, table.get(peer)) == (["replaced"], [], newer)
    assert (len(heard.ups), len(heard.downs)) == (2, 1)


def test_a_link_goes_down_once() -> None:
    table, heard = table_of(LOW)
    link = FakeLink(HIGH, dialled=True)
    table.up(link)
    table.drop(link, "hung up")
    table.drop(link, "connection lost")
    table.drop_peer(HIGH, "hung up")
    assert (heard.downs, link.closed, len(table)) == ([(HIGH, "hung up")], ["hung up"], 0)


def test_the_end_of_a_replaced_link_does_not_touch_its_successor() -> None:
    table, heard = table_of(LOW)
    older, newer = FakeLink(HIGH, dialled=False), FakeLink(HIGH, dialled=False)
    table.up(older)
    table.up(newer)
    table.drop(older, "connection lost")
    assert (table.get(HIGH), len(heard.downs)) == (newer, 1)


async def test_waiting_for_a_link() -> None:
    table, _ = table_of(LOW)
    waiting = [asyncio.create_task(table.wait_up(HIGH, 20.0)) for _ in range(2)]
    await asyncio.sleep(0)
    table.up(FakeLink(HIGH, dialled=False))
    assert await asyncio.gather(*waiting) == [True, True]
    assert not await table.wait_up(PeerId("b" * 52), 0.0)
