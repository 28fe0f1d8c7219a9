"""What a leave shows has happened: entries count once their event came, times start at the notice's commit."""

from dataclasses import replace

from hdus_peer.daemon.leaving import Leaving
from hdus_peer.domain.clock import Instant
from hdus_peer.domain.envelope import sign
from hdus_peer.domain.identity import Identity
from hdus_peer.domain.membership import Membership
from hdus_peer.domain.unlearning import UnlearnNotice
from hdus_peer.protocol.contacts import Liveness
from hdus_peer.protocol.limits import Limits
from hdus_peer.protocol.records import GrantRow, MemberRow, Phase, SelfRow, TombstoneRow
from hdus_peer.protocol.state import Draft, Me, State
from hdus_peer.protocol.step import Event

ME, HOLDER = Identity(bytes([1]) * 32), Identity(bytes([2]) * 32)
MEMBERSHIP = sign(ME, Membership("n", ME.public_key, "me", 0, 9))


class Clock:
    now_s = 10.0

    def __call__(self) -> Instant:
        return Instant(self.now_s, 0.0)


def _state(closed_by: str = "", phase: str = Phase.LEAVING) -> State:
    me = Me(ME.peer_id, ME.peer_id, "n", MEMBERSHIP, "t", (), (), "", "nonce", lambda statement: sign(ME, statement))
    notice = sign(ME, UnlearnNotice(ME.peer_id, 5, "leave", "", 1, 0))
    rows = [
        SelfRow(ME.peer_id, phase=phase),
        TombstoneRow(ME.peer_id, 5, "leave", notice, MEMBERSHIP, None),
        GrantRow(1, HOLDER.peer_id, 4, 0, "", 0, 0, closed_by),
        GrantRow(2, HOLDER.peer_id, 9, 0, "", 0, 0, ""),
    ]
    return State(me, Limits(), rows, rng=None)


def _leaving(state: State, clock: Clock) -> Leaving:
    return Leaving(state, clock, lambda peer: "name of " + peer[:2], lambda peer: Liveness.SUSPECT)


def test_a_holder_counts_once_the_event_came():
    state, clock = _state(), Clock()
    leaving = _leaving(state, clock)
    leaving.on_event(Event("LeaveBegun", ME.peer_id))
    state.put(Draft(state), replace(state.get(GrantRow, 1), closed_by="receipt"))
    assert [(holder.confirmed, holder.state) for holder in leaving.progress().holders] == [(False, "suspect")]
    clock.now_s = 10.25
    leaving.on_event(Event("GrantClosed", HOLDER.peer_id, (("grant", 1), ("by", "receipt"))))
    (holder,) = leaving.progress().holders
    assert (holder.confirmed, holder.closed_by, holder.after_ms) == (True, "receipt", 250)
    assert not leaving.progress().finished
    leaving.on_event(Event("Left", ME.peer_id))
    assert leaving.progress().finished


def test_what_an_earlier_run_closed_counts_without_a_time():
    leaving = _leaving(_state("release"), Clock())
    (holder,) = leaving.progress().holders
    assert (holder.confirmed, holder.closed_by, holder.after_ms) == (True, "release", -1)


def test_who_is_seen_twice_is_confirmed_and_not_counted():
    state = _state("receipt")
    state.put(Draft(state), MemberRow(HOLDER.peer_id, MEMBERSHIP, None, cloned=True))
    progress = _leaving(state, Clock()).progress()
    (holder,) = progress.pending
    assert (holder.confirmed, holder.is_counted, progress.confirmed) == (True, False, 0)


def test_grants_of_a_later_generation_are_no_part_of_it():
    assert len(_leaving(_state(), Clock()).progress().holders) == 1


def test_a_peer_that_left_before_is_finished():
    assert _leaving(_state("receipt", Phase.LEFT), Clock()).progress().finished


def test_a_notice_is_pending_until_all_answered_and_this_peer_left():
    (notice,) = _leaving(_state(), Clock()).notices()
    assert (notice.kind, notice.through, [holder.peer for holder in notice.pending]) == ("leave", 5, [HOLDER.peer_id])
    (notice,) = _leaving(_state("receipt"), Clock()).notices()
    assert not notice.pending
    assert _leaving(_state("receipt", Phase.LEFT), Clock()).notices() == ()
    assert _leaving(_state("", Phase.ACTIVE), Clock()).notices() != ()
