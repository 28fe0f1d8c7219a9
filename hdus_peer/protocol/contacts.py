"""Contacts: who was found, where, how it is, and when to dial it.

Rules
1. Liveness (alive, suspect, gone; the terms of SWIM, Das et al. 2002) is private to this peer: never gossiped, and it
   decides about dialling and display only, never about seeds.
2. Both sides may dial, so that one-way reachability is enough; the lower PeerId dials at once, the other yields first.
3. An address is only a suggestion: several are kept for a peer, so that a spoofed one cannot hide the real one.
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from hdus_peer.domain.clock import Instant
from hdus_peer.domain.identity import PeerId
from hdus_peer.protocol.state import Draft, State
from hdus_peer.protocol.step import AddressFound, Dial, DialFailed, Identified, Identify


class Liveness(enum.StrEnum):
    ALIVE = "alive"
    SUSPECT = "suspect"
    GONE = "gone"


@dataclass(slots=True)
class Contact:
    """A peer that was found or linked once. `silent_since_s`: when its link went down, or it was first heard of."""

    peer: PeerId
    silent_since_s: float
    addresses: tuple[str, ...] = ()
    liveness: Liveness = Liveness.GONE
    is_linked: bool = False
    was_linked: bool = False
    is_dialling: bool = False
    dial_due_s: float | None = None
    failures: int = 0


@dataclass(slots=True)
class UnknownAddress:
    """A static address whose peer is not known yet; `due_s` is None while it is being asked."""

    address: str
    due_s: float | None
    failures: int = 0


class Contacts:
    def __init__(self, state: State) -> None:
        self._state = state
        self.known: dict[PeerId, Contact] = {}
        self._unknown: dict[str, UnknownAddress] = {}

    def contact(self, peer: PeerId, now: Instant) -> Contact | None:
        """The contact of `peer`, made if there is room for one more."""
        if peer not in self.known and len(self.known) < self._state.limits.members_max:
            self.known[peer] = Contact(peer, now.boot_s)
        return self.known.get(peer)

    def on_address(self, found: AddressFound, now: Instant) -> None:
        if found.peer is None:
            self._on_unknown(found.address, now)
        elif found.peer != self._state.me.peer:
            self._on_known(found.peer, found.address, now)

    def _on_unknown(self, address: str, now: Instant) -> None:
        is_known = any(address in contact.addresses for contact in self.known.values())
        has_room = len(self._unknown) < self._state.limits.unknown_addresses_max
        if not is_known and address not in self._unknown and has_room:
            self._unknown[address] = UnknownAddress(address, now.boot_s)

    def _on_known(self, peer: PeerId, address: str, now: Instant) -> None:
        contact = self.contact(peer, now)
        if contact is None:
            return
        if address not in contact.addresses:
            contact.addresses = (address, *contact.addresses)[: self._state.limits.addresses_per_peer_max]
            contact.failures = 0
            contact.dial_due_s = None
        if contact.dial_due_s is None:
            self._schedule(contact, now)

    def on_identified(self, done: Identified, now: Instant) -> None:
        self._unknown.pop(done.address, None)
        if done.peer != self._state.me.peer:
            self._on_known(done.peer, done.address, now)

    def on_dial_failed(self, done: DialFailed, now: Instant) -> None:
        unknown = self._unknown.get(done.address)
        if done.peer is None and unknown is not None:
            unknown.failures += 1
            unknown.due_s = now.boot_s + self._backoff_s(unknown.failures)
        if done.peer is not None:
            self.on_turned_away(done.peer, now)

    def on_turned_away(self, peer: PeerId, now: Instant) -> None:
        """A dial came to nothing: the next address, after a while."""
        contact = self.known.get(peer)
        if contact is not None:
            contact.is_dialling, contact.failures = False, contact.failures + 1
            contact.addresses = (*contact.addresses[1:], *contact.addresses[:1])
            self._schedule(contact, now)

    def on_up(self, contact: Contact) -> None:
        contact.is_linked, contact.is_dialling, contact.dial_due_s = True, False, None

    def on_heard(self, contact: Contact, draft: Draft) -> None:
        """The link is open, or something came over it."""
        contact.failures = 0
        if contact.liveness != Liveness.ALIVE:
            contact.liveness = Liveness.ALIVE
            draft.tell("PeerAlive", contact.peer)

    def on_suspect(self, contact: Contact, draft: Draft) -> None:
        if contact.liveness == Liveness.ALIVE:
            contact.liveness = Liveness.SUSPECT
            draft.tell("PeerSuspected", contact.peer)

    def on_down(self, contact: Contact, heard_s: float, now: Instant, draft: Draft) -> None:
        """The link is gone; `heard_s` is when something last came over it."""
        contact.is_linked, contact.was_linked, contact.silent_since_s = False, True, heard_s
        contact.failures = max(1, contact.failures)
        self.on_suspect(contact, draft)
        self._schedule(contact, now)

    def _schedule(self, contact: Contact, now: Instant) -> None:
        if contact.is_linked or contact.is_dialling or not contact.addresses:
            return
        is_first = contact.failures == 0
        yields_s = 0.0 if self._state.me.peer < contact.peer else self._state.limits.dial_yield_s
        contact.dial_due_s = now.boot_s + (yields_s if is_first else self._backoff_s(contact.failures))

    def _backoff_s(self, failures: int) -> float:
        limits = self._state.limits
        longest_s = min(limits.dial_retry_max_s, limits.dial_retry_min_s * 2.0 ** min(failures - 1, 16))
        return longest_s * (0.5 + 0.5 * self._state.rng.random())

    def on_timer(self, now: Instant, draft: Draft) -> None:
        for unknown in self._unknown.values():
            if unknown.due_s is not None and unknown.due_s <= now.boot_s:
                unknown.due_s = None
                draft.act(Identify(unknown.address))
        for contact in self.known.values():
            if contact.dial_due_s is not None and contact.dial_due_s <= now.boot_s:
                contact.dial_due_s, contact.is_dialling = None, True
                draft.act(Dial(contact.peer, contact.addresses[0]))
            if self._gone_due_s(contact) <= now.boot_s:
                contact.liveness = Liveness.GONE
                draft.tell("PeerGone", contact.peer)

    def _gone_due_s(self, contact: Contact) -> float:
        if contact.is_linked or contact.liveness != Liveness.SUSPECT:
            return float("inf")
        return contact.silent_since_s + self._state.limits.gone_after_s

    def deadlines(self) -> Iterator[float]:
        for unknown in self._unknown.values():
            if unknown.due_s is not None:
                yield unknown.due_s
        for contact in self.known.values():
            if contact.dial_due_s is not None:
                yield contact.dial_due_s
            yield self._gone_due_s(contact)
