"""Tombstones merge by maximum, in whatever order they come; roots and buckets find every difference."""

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as some

from hdus_peer.domain.clock import Instant
from hdus_peer.domain.envelope import Signed, sign
from hdus_peer.domain.unlearning import Departure, UnlearnKind, UnlearnNotice
from hdus_peer.protocol import tombstones
from hdus_peer.protocol.messages import BUCKETS, NOTICES_PER_MESSAGE_MAX, NoticeItem, Notices
from hdus_peer.protocol.records import TombstoneRow
from hdus_peer.protocol.state import Draft, State
from hdus_peer.simulation import cast
from tests.protocol.table import Seat, Table

NOW = Instant(1000.0, 0.0)


def item(owner: int, through: int, kind: str, issued_at_s: int, departed: int) -> NoticeItem:
    person = cast.person(owner)
    signer = cast.root() if kind == UnlearnKind.REVOKE else person.identity
    notice = sign(signer, UnlearnNotice(person.peer, through, kind, "", 0, issued_at_s))
    departure: Signed[Departure] | None = None
    if departed:
        departure = sign(person.identity, Departure(person.peer, departed, 0))
    return NoticeItem(notice, person.membership, departure, ())


items = some.builds(
    item,
    some.integers(10, 13),
    some.integers(1, 3),
    some.sampled_from([UnlearnKind.LEAVE, UnlearnKind.FORGET, UnlearnKind.REVOKE]),
    some.integers(0, 2),
    some.integers(0, 2),
)


def merged(order: list[NoticeItem]) -> Seat:
    seat = Table(1).seats[0]
    for one in order:
        draft = Draft(seat.core.state)
        seat.core.unlearning.on_notice(cast.person(5).peer, one, NOW, draft)
        seat.take(draft.step())
    return seat


def outcome(seat: Seat) -> dict[Any, Any]:
    found = {}
    for row in seat.rows(TombstoneRow):
        departed = row.departure.statement.state_sequence if row.departure else 0
        found[row.owner] = (row.through, row.kind, row.notice.envelope, departed)
    return found


@given(some.lists(items, max_size=8).flatmap(lambda said: some.tuples(some.just(said), some.permutations(said))))
def test_every_order_of_arrival_ends_in_the_same_set(orders: tuple[list[NoticeItem], list[NoticeItem]]) -> None:
    first, second = (merged(order) for order in orders)
    assert outcome(first) == outcome(second)
    assert tombstones.root(first.core.state) == tombstones.root(second.core.state)


@given(some.lists(items, max_size=6))
def test_said_twice_is_said_once(said: list[NoticeItem]) -> None:
    assert outcome(merged(said)) == outcome(merged([*said, *said]))


@given(some.lists(items, max_size=6))
def test_what_is_unlearned_stays_unlearned(said: list[NoticeItem]) -> None:
    for fewer, more in pairwise(outcome(merged(said[:count])) for count in range(len(said) + 1)):
        assert all(more[owner][0] >= through for owner, (through, *_) in fewer.items())


@given(some.lists(items, max_size=6), some.lists(items, max_size=6))
def test_roots_and_buckets_find_every_difference(one: list[NoticeItem], other: list[NoticeItem]) -> None:
    states = [merged(said).core.state for said in (one, other)]
    sets = [{owner: (found[0], found[1], found[3]) for owner, found in outcome_of(state).items()} for state in states]
    assert (tombstones.root(states[0]) == tombstones.root(states[1])) == (sets[0] == sets[1])
    hashes = [tombstones.bucket_hashes(state) for state in states]
    unequal = {number for number in range(BUCKETS) if hashes[0][number] != hashes[1][number]}
    differing = {owner for owner in sets[0] | sets[1] if sets[0].get(owner) != sets[1].get(owner)}
    assert unequal == {tombstones.bucket_of(owner) for owner in differing}


def outcome_of(state: State) -> dict[Any, Any]:
    rows = state.all(TombstoneRow)
    departed = {row.owner: row.departure.statement.state_sequence if row.departure else 0 for row in rows}
    return {row.owner: (row.through, row.kind, None, departed[row.owner]) for row in rows}


def test_many_notices_go_in_messages_of_bounded_size_and_the_last_is_marked() -> None:
    seat = Table(1).seats[0]
    state, draft = seat.core.state, Draft(seat.core.state)
    for number in range(NOTICES_PER_MESSAGE_MAX + 1):
        one = item(100 + number, 1, UnlearnKind.LEAVE, 0, 0)
        statement = one.notice.statement
        row = TombstoneRow(statement.owner, 1, statement.kind, one.notice, one.membership, None)
        state.put(draft, row)
    rows = state.all(TombstoneRow)
    sent: list[Notices] = list(tombstones.messages(state, rows, seat.peer, is_whole=True))
    assert [(len(message.items), message.last) for message in sent] == [(NOTICES_PER_MESSAGE_MAX, False), (1, True)]
    assert [message.last for message in tombstones.messages(state, [], seat.peer, is_whole=True)] == [True]
