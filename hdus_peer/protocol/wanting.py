"""Wanting: what owners announced, and whose seeds this peer is to hold of that.

Rules
1. The choice is `overlay.wanted` over the owners whose seeds are held, or are announced and may be held: a function of
   what is known, not of the order in which it became known (I6).
2. It is made anew only once something has changed that it is a function of; one announcement more takes the last
   place, or none.
3. A seed is not fetched yet where others, found a moment ago, would take its place if they announced theirs: whoever
   joins a large network would else fetch many that it gives up soon after. It waits for `announce_wait_s` at most,
   however many names are found, since anybody can invent some.
4. An announcement expires `lease_hold_s` after its owner was last linked: by then no lease of its seed is left, and
   the place is another's. (It is not what is held: that ends by its lease.)
"""

import functools
from collections.abc import Callable, Mapping

from hdus_peer.domain.clock import Instant
from hdus_peer.domain.envelope import Signed
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.seed import GENERATION_MAX, SeedManifest
from hdus_peer.protocol import overlay
from hdus_peer.protocol.alarms import NEVER_S
from hdus_peer.protocol.incoming import Incoming
from hdus_peer.protocol.records import EquivocationRow, FloorRow, HeldSeedRow, OwnSeedRow, TombstoneRow
from hdus_peer.protocol.state import State
from hdus_peer.protocol.tracked import Tracked

HEX = frozenset("0123456789abcdef")
HASHES_KEPT = 4096
JUDGED_BY: tuple[type, ...] = (HeldSeedRow, FloorRow, TombstoneRow, EquivocationRow, OwnSeedRow)
Basis = tuple[int, int, int]
Expected = Callable[[Instant], Mapping[PeerId, float]]
"""Who may announce a seed soon, and until when (s of the boot clock) to wait for that."""


class Wanting:
    """`incoming`: the seeds on their way in, by owner."""

    def __init__(self, state: State, incoming: Tracked[PeerId, Incoming], expected: Expected) -> None:
        self._state, self._expected = state, expected
        self._held_back_s = NEVER_S  # until when a seed is not fetched yet
        self._heard_s: dict[PeerId, float] = {}  # since when each owner's announcement is known
        self._incoming = incoming
        self.announced: Tracked[PeerId, Signed[SeedManifest]] = Tracked()
        self._silent_since_s: dict[PeerId, float] = {}  # the first to be silent is the first in it
        self._scores: dict[PeerId, bytes] = {}
        self._wanted: frozenset[PeerId] = frozenset()
        self._wanted_of: Basis | None = None
        self._is_contested = False  # whether two owners ever announced one payload

    # --- announcements ----------------------------------------------------------------------------------------------
    def hear(self, manifest: Signed[SeedManifest], now: Instant) -> bool:
        """`manifest`, with which there is no `problem`, was announced by its owner; whether its seed is wanted."""
        owner = manifest.statement.owner
        self._score(owner)
        is_one_more = self._wanted_of == self._basis() and owner not in self.announced and owner not in self._wanted
        self._is_contested |= self._is_announced(manifest.statement.payload_sha256)
        self.announced[owner] = manifest
        self._heard_s.setdefault(owner, now.boot_s)
        self._silent_since_s.pop(owner, None)
        if is_one_more:
            self._wanted, self._wanted_of = self._first({*self._wanted, owner}), self._basis()
        return owner in self.wanted()

    def _is_announced(self, payload_sha256: str) -> bool:
        return any(other.statement.payload_sha256 == payload_sha256 for other in self.announced.values())

    def forget(self, owner: PeerId) -> None:
        """As if it had announced nothing."""
        self.announced.take(owner)
        self._heard_s.pop(owner, None)

    def forget_all(self) -> None:
        self.announced.clear()
        self._heard_s.clear()
        self._silent_since_s.clear()

    def on_link_down(self, owner: PeerId, now: Instant) -> None:
        if owner in self.announced:
            self._silent_since_s.pop(owner, None)
            self._silent_since_s[owner] = now.boot_s

    def _expires_s(self) -> float:
        first_s = next(iter(self._silent_since_s.values()), NEVER_S)
        return first_s + self._state.limits.lease_hold_s

    def due_s(self) -> float:
        """When the next announcement expires, or is held back no longer (s of the boot clock)."""
        return min(self._expires_s(), self._held_back_s)

    def expire(self, now: Instant) -> None:
        """Forget what has expired, and hold nothing back."""
        self._held_back_s = NEVER_S
        while self._expires_s() <= now.boot_s:
            owner = next(iter(self._silent_since_s))
            del self._silent_since_s[owner]
            self.forget(owner)

    # --- the choice -------------------------------------------------------------------------------------------------
    def wanted(self) -> frozenset[PeerId]:
        """Whose seeds this peer is to hold."""
        basis = self._basis()
        if self._wanted_of != basis:
            self._wanted, self._wanted_of = self._choose(), basis
        return self._wanted

    def not_held_back(self, owners: list[PeerId], now: Instant) -> list[PeerId]:
        """Of these, who are wanted, those whose seeds are to be fetched now."""
        wait_s = self._state.limits.announce_wait_s
        until_s = {owner: self._heard_s[owner] + wait_s for owner in owners}
        behind = self._behind(now) if any(until_s[owner] > now.boot_s for owner in owners) else {}
        held_back = {owner: min(until_s[owner], behind[owner]) for owner in owners if owner in behind}
        held_back = {owner: due_s for owner, due_s in held_back.items() if due_s > now.boot_s}
        self._held_back_s = min(held_back.values(), default=NEVER_S)
        return [owner for owner in owners if owner not in held_back]

    def _behind(self, now: Instant) -> dict[PeerId, float]:
        """Of the wanted, who would have no place if everybody announced a seed that may soon, and how long to wait."""
        expected = self._expected(now)
        expected = {peer: until_s for peer, until_s in expected.items() if peer not in self.announced}
        ranked = sorted({*expected, *self.wanted()}, key=self._score, reverse=True)
        last = ranked[self._state.limits.neighbours_max :]
        return dict.fromkeys(self.wanted().intersection(last), min(expected.values(), default=NEVER_S))

    def _basis(self) -> Basis:
        """What changes with everything that the choice is a function of. What is on its way in matters to another seed
        of the same payload alone."""
        incoming = self._incoming.changes if self._is_contested else 0
        return self.announced.changes, incoming, self._state.writes(*JUDGED_BY)

    def _choose(self) -> frozenset[PeerId]:
        held, announced = {row.owner for row in self._state.held()}, self.announced
        return overlay.wanted(
            {owner: self._score(owner) for owner in held | announced.keys()},
            self._state.limits.neighbours_max,
            lambda owner: owner in held or not self.problem(announced[owner].statement),
        )

    def _first(self, fit: set[PeerId]) -> frozenset[PeerId]:
        """The choice, of the last one and one that may be held more: nobody else's place depends on it."""
        if len(fit) > self._state.limits.neighbours_max:
            fit.remove(min(fit, key=self._scores.__getitem__))
        return frozenset(fit)

    def _score(self, owner: PeerId) -> bytes:
        if owner not in self._scores:
            self._scores[owner] = overlay.score(self._state.me.task, self._state.me.peer, owner)
        return self._scores[owner]

    # --- what may be held -------------------------------------------------------------------------------------------
    def problem(self, seed: SeedManifest) -> str:
        """Why this seed may not be held now, in one word; asked on announcement and again at adoption."""
        me, owner = self._state.me, seed.owner
        held, floor = self._state.get(HeldSeedRow, owner), self._state.get(FloorRow, owner)
        if seed.generation <= self._state.through(seed.owner):
            return "unlearned"
        if seed.generation >= GENERATION_MAX:
            return "wrong-generation"
        if (held and seed.generation < held.generation) or (floor and seed.generation < floor.generation):
            return "older-generation"
        if any(row and _contradicts(row.generation, row.payload_sha256, seed) for row in (held, floor)):
            return "equivocation"
        if seed.task != me.task or seed.parameters != me.parameters:
            return "other-task"
        if seed.architecture not in me.architectures:
            return "unknown-architecture"
        if self._is_taken(seed):
            return "payload-taken"
        is_sane = 0 < seed.payload_bytes <= self._state.limits.seed_bytes_max and _is_hash(seed.payload_sha256)
        return "" if is_sane else "too-big"

    def _is_taken(self, seed: SeedManifest) -> bool:
        """Whether another seed has this very payload: two seeds never share files, or to erase one would lose the
        other (I7)."""
        others = [self._state.derived(_by_payload, HeldSeedRow, OwnSeedRow).get(seed.payload_sha256)]
        arriving = [incoming.manifest.statement for incoming in self._incoming.values()]
        others += [other for other in arriving if other.payload_sha256 == seed.payload_sha256]
        key = (seed.owner, seed.generation)
        return any(other is not None and (other.owner, other.generation) != key for other in others)


def _by_payload(state: State) -> dict[str, SeedManifest]:
    """The seeds that are here."""
    own = state.own_seed()
    manifests = [row.manifest for row in state.held()] + ([own.manifest] if own else [])
    return {manifest.statement.payload_sha256: manifest.statement for manifest in manifests}


@functools.lru_cache(HASHES_KEPT)
def _is_hash(text: str) -> bool:
    return len(text) == 64 and HEX.issuperset(text)


def _contradicts(generation: int, payload_sha256: str, seed: SeedManifest) -> bool:
    """Whether `seed` is a second payload under a generation that was held already."""
    return seed.generation == generation and seed.payload_sha256 != payload_sha256
