"""A network too large to know everybody: whom a peer remembers, and whom it dials."""

import random
from dataclasses import replace

import pytest

from hdus_peer.domain.envelope import sign
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.unlearning import UnlearnKind, UnlearnNotice, ledger_digest
from hdus_peer.protocol import overlay
from hdus_peer.protocol.limits import Limits
from hdus_peer.protocol.messages import Heartbeat, NoticeItem
from hdus_peer.protocol.records import TombstoneRow
from hdus_peer.protocol.step import AddressFound, Dial, DialFailed, HangUp, Identified, LinkUp, Obey
from hdus_peer.simulation import cast
from tests.protocol.table import TASK, Seat, Table, fire, tight

LIMITS = tight(members_max=32, dial_all_max=8, neighbours_max=3, choose_interval_s=0.0)


def strangers(count: int) -> list[PeerId]:
    return [cast.person(1000 + number).peer for number in range(count)]


def told_of(peers: list[PeerId], limits: Limits = LIMITS) -> Seat:
    """Somebody who was told where these are."""
    one = Table(1, limits).seats[0]
    for peer in peers:
        one.hear(AddressFound(peer, f"{peer[:8]}:1"))
        fail_all(one)
    return one


def fail_all(seat: Seat) -> set[PeerId]:
    """Let every dial fail that is under way; whom they were to."""
    under_way = [effect for effect in seat.effects if isinstance(effect, Dial)]
    seat.forget()
    for effect in under_way:
        seat.done(DialFailed(effect.peer, effect.address))
    return {effect.peer for effect in under_way}


def chosen(seat: Seat, peers: list[PeerId]) -> set[PeerId]:
    return {peer for peer in peers if seat.core.contacts.is_acquainted(peer)}


def dialled(seat: Seat) -> set[PeerId]:
    """Whom it dials within the next minute, nobody answering."""
    until_s, seen = seat.table.now_s + 60.0, set()
    while (due_s := seat.core.next_deadline()) is not None and due_s <= until_s:
        seat.table.now_s = max(seat.table.now_s, due_s)
        fire(seat)
        seen |= fail_all(seat)
    return seen


# --- remembered -----------------------------------------------------------------------------------------------------
def test_whom_a_peer_remembers_does_not_depend_on_the_order_in_which_it_heard_of_them() -> None:
    peers = strangers(150)
    shuffled = random.Random(3).sample(peers, len(peers))
    one, other = told_of(peers), told_of(shuffled)
    assert one.core.contacts.known.keys() == other.core.contacts.known.keys()
    scores = {peer: overlay.score(TASK, one.peer, peer) for peer in peers}
    assert one.core.contacts.known.keys() == overlay.kept(one.peer, scores, LIMITS.members_max)


def test_no_more_are_remembered_than_may_be() -> None:
    assert LIMITS.members_max <= len(told_of(strangers(150)).core.contacts.known) <= LIMITS.members_max + 8


# --- dialled --------------------------------------------------------------------------------------------------------
def test_in_a_small_network_everybody_is_dialled() -> None:
    assert dialled(told_of(strangers(8))) == set(strangers(8))


def test_in_a_large_network_those_who_are_found_soon_after_each_other_are_chosen_from_together() -> None:
    peers = strangers(60)
    early = told_of(peers[:20], replace(LIMITS, choose_interval_s=5.0))
    before = chosen(early, peers)
    for peer in peers[20:]:
        early.hear(AddressFound(peer, f"{peer[:8]}:1"))
    assert chosen(early, peers) == before
    early.table.wait(5.1)
    assert chosen(early, peers) == chosen(told_of(peers), peers) != before


def test_in_a_large_network_only_acquaintances_are_dialled() -> None:
    peers = strangers(150)
    one = told_of(peers)
    scores = {peer: overlay.score(TASK, one.peer, peer) for peer in peers}
    assert chosen(one, peers) == overlay.acquaintances(one.peer, scores, LIMITS.neighbours_max)
    assert overlay.wanted(scores, LIMITS.neighbours_max, lambda owner: True) < chosen(one, peers)


def test_names_that_answer_nobody_give_their_places_to_others_until_they_are_found_again() -> None:
    peers = strangers(150)
    one = told_of(peers)
    before = chosen(one, peers)
    assert before < dialled(one)
    assert not before & chosen(one, peers)
    best = next(iter(before))
    one.hear(AddressFound(best, f"{best[:8]}:1"))
    assert one.core.contacts.is_acquainted(best)


def test_invented_names_take_no_place_from_members() -> None:
    table = Table(8, LIMITS)
    one, others = table.seats[0], table.seats[1:]
    for other in others:
        one.hear(AddressFound(other.peer, f"{other.peer[:8]}:1"))
        fail_all(one)
        table.link(one, other)
    scores = {other.peer: overlay.score(TASK, one.peer, other.peer) for other in others}
    for peer in strangers(500):
        one.hear(AddressFound(peer, f"{peer[:8]}:1"))
        fail_all(one)
    assert scores.keys() <= one.core.contacts.known.keys()
    assert overlay.acquaintances(one.peer, scores, LIMITS.neighbours_max) <= chosen(one, list(scores))
    assert len(one.core.contacts.known) <= 2 * LIMITS.members_max + 16


def test_whoever_dialled_is_chosen_while_fewer_members_are_known_than_could_be() -> None:
    """However little its seed is wanted: names that nobody proved must not be all that is dialled."""
    one = told_of(strangers(150))
    scores = {peer: overlay.score(TASK, one.peer, peer) for peer in strangers(300)[150:]}
    least = min(scores, key=lambda peer: scores[peer])
    one.hear(LinkUp(least, dialled=False))
    assert one.core.contacts.is_acquainted(least)


def test_a_link_that_was_dialled_and_is_not_chosen_any_more_is_closed_by_who_dialled_it() -> None:
    table = Table(40, tight(members_max=32, dial_all_max=8, neighbours_max=2))
    table.link_all()
    one, others = table.seats[0], table.seats[1:]
    table.wait(10.0)
    scores = {other.peer: overlay.score(TASK, one.peer, other.peer) for other in others}
    kept = overlay.acquaintances(one.peer, scores, 2)
    links = {other.peer for other in others if (link := one.core.links.get(other.peer)) and link.dialled}
    assert links <= kept
    assert links


def test_a_link_that_nobody_keeps_is_closed_once_the_other_end_says_so() -> None:
    """Whoever has many links needs its place, and says so long before this peer's own next heartbeat."""
    table = Table(40, tight(members_max=32, dial_all_max=8, neighbours_max=2))
    table.link_all()
    one, others = table.seats[0], table.seats[1:]
    kept = next(other for other in others if one.core.contacts.is_acquainted(other.peer))
    wanted, unwanted = [other for other in others if not one.core.contacts.is_acquainted(other.peer)][:2]
    one.receive(kept, Heartbeat("", 0, 1, keeps=False))
    one.receive(wanted, Heartbeat("", 0, 1, keeps=True))
    one.receive(unwanted, Heartbeat("", 0, 1, keeps=False))
    assert one.asked(HangUp) == [HangUp(unwanted.peer)]


def test_a_peer_that_the_operator_named_is_always_dialled() -> None:
    peers = strangers(150)
    one = told_of(peers[1:])
    one.hear(AddressFound(None, "gate.example:7433"))
    one.take(one.core.timer(one.now))
    one.done(Identified("gate.example:7433", peers[0]))
    assert peers[0] in dialled(one)


def test_whoever_dials_is_welcome_and_remembered() -> None:
    one = told_of(strangers(150))
    newcomers = [cast.person(5000 + number).peer for number in range(20)]
    for newcomer in newcomers:
        one.hear(LinkUp(newcomer, dialled=False))
    for peer in strangers(200)[150:]:
        one.hear(AddressFound(peer, f"{peer[:8]}:1"))
    assert set(newcomers) <= one.core.contacts.known.keys()
    assert all(one.core.links.get(newcomer) for newcomer in newcomers)


def test_where_one_of_them_has_left_another_is_dialled() -> None:
    peers = strangers(150)
    one = told_of(peers)
    before = chosen(one, peers)
    scores = {peer: overlay.score(TASK, one.peer, peer) for peer in peers}
    best = max(scores, key=lambda peer: scores[peer])
    leaver = next(number for number in range(1000, 1150) if cast.person(number).peer == best)
    notice_of(leaver, one)
    del scores[best]
    assert chosen(one, peers) == overlay.acquaintances(one.peer, scores, LIMITS.neighbours_max) != before
    assert not one.core.contacts.is_acquainted(best)


def notice_of(number: int, seat: Seat) -> None:
    """`seat` learns that the person of this number was revoked."""
    who = cast.person(number)
    notice = UnlearnNotice(who.peer, 2**52, UnlearnKind.REVOKE, ledger_digest(()), 0, 1)
    seat.command(Obey(NoticeItem(sign(cast.root(), notice), who.membership, None, ())))
    assert seat.rows(TombstoneRow)
    fire(seat)


def test_whoever_has_another_task_gives_its_place_to_the_next() -> None:
    table = Table(12, tight(members_max=32, dial_all_max=4, neighbours_max=2, choose_interval_s=0.0))
    one, others = table.seats[0], table.seats[1:]
    for other in others:
        one.hear(AddressFound(other.peer, f"{other.peer[:8]}:1"))
    scores = {other.peer: overlay.score(TASK, one.peer, other.peer) for other in others}
    best = max(others, key=lambda other: scores[other.peer])
    best.task = "another task"
    best.restart()
    assert one.core.contacts.is_acquainted(best.peer)
    table.link(one, best)
    table.settle()
    one.take(one.core.timer(one.now))
    del scores[best.peer]
    expected = overlay.acquaintances(one.peer, scores, 2)
    assert {other.peer for other in others if one.core.contacts.is_acquainted(other.peer)} == expected


# --- the graph ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(5))
def test_acquaintances_make_one_network_in_which_few_hops_reach_everybody(seed: int) -> None:
    peers = [cast.person(number).peer for number in range(300)]
    edges: dict[PeerId, set[PeerId]] = {peer: set() for peer in peers}
    for peer in peers:
        scores = {other: overlay.score(f"task {seed}", peer, other) for other in peers if other != peer}
        for other in overlay.acquaintances(peer, scores, 4):
            edges[peer].add(other)
            edges[other].add(peer)
    assert max(map(len, edges.values())) <= 4 * 4 + 16, "nobody is dialled by everybody"
    reached, hops = {peers[0]}, 0
    while len(reached) < len(peers):
        wave = {other for peer in reached for other in edges[peer]} - reached
        assert wave, "the network is in two parts"
        reached, hops = reached | wave, hops + 1
    assert hops <= 4
