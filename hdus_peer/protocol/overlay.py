"""Who wants whose seed, and whom an owner serves: a pure function of the task and of PeerIds.

Rule: liveness and the order of arrival never enter (I6): the same candidates always give the same choice.
Rendezvous hashing (Thaler and Ravishankar, 1998): each peer takes the owners with the highest scores.
"""

import bisect
import hashlib
import itertools
from collections.abc import Callable, Iterable, Mapping

from hdus_peer.domain.identity import PeerId

SERVED_PER_NEIGHBOUR = 4
ACQUAINTED_PER_NEIGHBOUR = 2
RING_DIALLED = 1
RING_KEPT = 4


def score(task: str, holder: PeerId, owner: PeerId) -> bytes:
    """How much `holder` wants `owner`'s seed: the greater, the more."""
    return hashlib.sha256(f"{task} {holder} {owner}".encode("ascii")).digest()


def wanted(scores: Mapping[PeerId, bytes], neighbours_max: int, is_fit: Callable[[PeerId], bool]) -> frozenset[PeerId]:
    """The at most `neighbours_max` owners that a holder wants, of those with these scores that are fit."""
    ranked = sorted(scores, key=scores.__getitem__, reverse=True)
    return frozenset(itertools.islice(filter(is_fit, ranked), neighbours_max))


def is_served(task: str, owner: PeerId, holder: PeerId, others: Iterable[PeerId], neighbours_max: int) -> bool:
    """Whether `owner` serves `holder` beside `others`, who hold its seed already: at most 4 x `neighbours_max`."""
    most, others = SERVED_PER_NEIGHBOUR * neighbours_max, {*others} - {holder}
    if len(others) < most:
        return True
    mine = score(task, holder, owner)
    return sum(score(task, other, owner) > mine for other in others) < most


def mailboxes(owner: PeerId, members: Iterable[PeerId], most: int) -> list[PeerId]:
    """With whom to leave what `owner` is to get: whoever leaves something prefers the same members."""
    ranked = sorted(members, key=lambda member: hashlib.sha256(f"mailbox {owner} {member}".encode("ascii")).digest())
    return ranked[:most]


def ring(me: PeerId, peers: Iterable[PeerId], each: int) -> frozenset[PeerId]:
    """The `each` peers that follow `me` on the ring of PeerIds, and the `each` before it."""
    ranked = sorted(peers)
    here = bisect.bisect(ranked, me)
    turned = ranked[here:] + ranked[:here]
    return frozenset((*turned[:each], *turned[-each:])) if turned else frozenset()


def kept(me: PeerId, scores: Mapping[PeerId, bytes], most: int) -> frozenset[PeerId]:
    """Whom a peer remembers of those with these scores (`score`) that it heard of: who is near on the ring, and at most
    `most` of those whose seeds it wants most. To keep what is kept and one more is to keep what all together give."""
    return ring(me, scores, RING_KEPT) | _highest(scores, most)


def acquaintances(me: PeerId, scores: Mapping[PeerId, bytes], neighbours_max: int) -> frozenset[PeerId]:
    """Whom a peer dials in a network too large to know everybody: twice as many as it wants seeds of, since not
    everybody publishes one, and its neighbours on the ring. They are dialled as much by others, so that the links are
    a random graph in which log n hops reach everybody."""
    return ring(me, scores, RING_DIALLED) | _highest(scores, ACQUAINTED_PER_NEIGHBOUR * neighbours_max)


def least(scores: Mapping[PeerId, bytes], neighbours_max: int) -> bytes:
    """What a newcomer's score must be above to be an acquaintance for the sake of its seed."""
    most = ACQUAINTED_PER_NEIGHBOUR * neighbours_max
    return sorted(scores.values(), reverse=True)[most - 1] if len(scores) >= most else b""


def _highest(scores: Mapping[PeerId, bytes], most: int) -> frozenset[PeerId]:
    return frozenset(peer for _, peer in sorted(zip(scores.values(), scores, strict=True), reverse=True)[:most])


def passed_on(me: PeerId, notice: str, peers: Iterable[PeerId], most: int) -> frozenset[PeerId]:
    """To whom of `peers` this peer passes a notice on: its two neighbours on the ring of PeerIds, and `most` others, of
    another choice at every peer and for every `notice`. Who passes on to a bounded number reaches n peers after about
    log n hops (Demers et al., 1987); the ring, and comparing roots, find whoever was missed."""
    ranked = sorted(peers, key=lambda peer: hashlib.sha256(f"pass {notice} {me} {peer}".encode("ascii")).digest())
    return frozenset(ranked[:most]) | ring(me, ranked, 1)
