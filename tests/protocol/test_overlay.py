"""Who wants whose seed: a function of PeerIds and the task alone."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as some

from hdus_peer.domain.identity import PeerId
from hdus_peer.protocol.overlay import SERVED_PER_NEIGHBOUR, is_served, passed_on, score, wanted


def wants(task: str, me: PeerId, owners: Iterable[PeerId], most: int) -> frozenset[PeerId]:
    return wanted({owner: score(task, me, owner) for owner in owners}, most, lambda owner: True)


peers = some.builds(PeerId, some.text("abcdefgh234567", min_size=4, max_size=4))
groups = some.lists(peers, max_size=12, unique=True)


@given(groups, peers, some.integers(0, 5))
def test_the_order_in_which_owners_are_known_does_not_matter(owners: list[PeerId], me: PeerId, most: int) -> None:
    assert wants("task", me, owners, most) == wants("task", me, reversed(owners), most)
    assert len(wants("task", me, owners, most)) == min(most, len(owners))


@given(groups.filter(bool), peers, some.integers(1, 5))
def test_who_is_lost_is_replaced_and_nobody_else_moves(owners: list[PeerId], me: PeerId, most: int) -> None:
    before = wants("task", me, owners, most)
    after = wants("task", me, owners[1:], most)
    assert before - {owners[0]} <= after


@given(groups, peers, some.integers(0, 5))
def test_only_who_is_fit_is_wanted(owners: list[PeerId], me: PeerId, most: int) -> None:
    fit = set(owners[::2])
    scores = {owner: score("task", me, owner) for owner in owners}
    assert wanted(scores, most, fit.__contains__) == wants("task", me, fit, most)


@given(groups, peers, peers)
def test_with_room_left_everybody_is_served(others: list[PeerId], owner: PeerId, holder: PeerId) -> None:
    if len(others) < SERVED_PER_NEIGHBOUR * 4:
        assert is_served("task", owner, holder, others, 4)


def test_without_room_the_highest_scores_are_served() -> None:
    owner = PeerId("owner")
    holders = sorted((PeerId(f"peer{number}") for number in range(10)), key=lambda peer: score("task", peer, owner))
    served = [is_served("task", owner, holder, holders, 1) for holder in holders]
    assert served == [False] * 6 + [True] * 4


def test_the_choice_depends_on_the_task() -> None:
    owners = [PeerId(f"peer{number}") for number in range(20)]
    choices = {wants(f"task {number}", PeerId("me"), owners, 4) for number in range(5)}
    assert len(choices) > 1


@given(groups, peers, some.integers(0, 5))
def test_a_notice_is_passed_on_to_a_few_and_along_the_ring(others: list[PeerId], me: PeerId, most: int) -> None:
    others = [other for other in others if other != me]
    told = passed_on(me, "notice", others, most)
    assert told <= set(others)
    assert min(most, len(others)) <= len(told) <= most + 2
    assert told == passed_on(me, "notice", reversed(others), most)
    if others:
        ring = sorted({me, *others})
        place = ring.index(me)
        assert {ring[place - 1], ring[(place + 1) % len(ring)]} <= told


def test_passing_on_to_eight_reaches_a_thousand_in_a_few_hops() -> None:
    everybody = [PeerId(f"peer{number:04}") for number in range(1000)]
    reached, hops = {everybody[0]}, 0
    while len(reached) < len(everybody):
        hops += 1
        reached |= {
            to for me in list(reached) for to in passed_on(me, "notice", [each for each in everybody if each != me], 8)
        }
    assert hops <= 6
