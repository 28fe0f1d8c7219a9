"""Who wants whose seed: a function of PeerIds and the task alone."""

from hypothesis import given
from hypothesis import strategies as some

from hdus_peer.domain.identity import PeerId
from hdus_peer.protocol.overlay import SERVED_PER_NEIGHBOUR, is_served, score, wanted

peers = some.builds(PeerId, some.text("abcdefgh234567", min_size=4, max_size=4))
groups = some.lists(peers, max_size=12, unique=True)


@given(groups, peers, some.integers(0, 5))
def test_the_order_in_which_owners_are_known_does_not_matter(owners: list[PeerId], me: PeerId, most: int) -> None:
    assert wanted("task", me, owners, most) == wanted("task", me, reversed(owners), most)
    assert len(wanted("task", me, owners, most)) == min(most, len(owners))


@given(groups.filter(bool), peers, some.integers(1, 5))
def test_who_is_lost_is_replaced_and_nobody_else_moves(owners: list[PeerId], me: PeerId, most: int) -> None:
    before = wanted("task", me, owners, most)
    after = wanted("task", me, owners[1:], most)
    assert before - {owners[0]} <= after


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
    choices = {wanted(f"task {number}", PeerId("me"), owners, 4) for number in range(5)}
    assert len(choices) > 1
