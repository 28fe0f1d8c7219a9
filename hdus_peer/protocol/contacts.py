"""Contacts: who was found, where, how it is, and when to dial it.

Rules
1. Liveness (alive, suspect, gone; the terms of SWIM, Das et al. 2002) is private to this peer: never gossiped, and it
   decides about dialling and display only, never about seeds.
2. Both sides may dial, so that one-way reachability is enough; the lower PeerId dials at once, the other yields first.
3. An address is only a suggestion: several are kept for a peer, so that a spoofed one cannot hide the real one.
4. An address that the operator named is never lost, and belongs to nobody: whenever a dial there fails, whoever answers
   is asked for anew, so that an address which has passed to another peer is followed.
5. Nobody waits for who has departed: the pauses grow to `departed_retry_max_s`, until it is seen again. A change of
   this device's own network forgets all failures, since they say nothing about the network as it is now.
6. At most `dials_at_once_max` are under way, whatever fell due together; who proved to be a member is dialled first.
7. Anybody on the network can invent names. Of those that were only ever spoken of the oldest are forgotten where room
   is needed, and none is counted as a member.
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from hdus_peer.domain.clock import Instant
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.unlearning import UnlearnKind
from hdus_peer.protocol.records import MemberRow, TombstoneRow
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
class NamedAddress:
    """An address that the operator named. `due_s`: when to ask who is there; None while that is being asked
    (`is_asking`), and while it is one of the addresses of `answered`, the peer that answered there last."""

    address: str
    due_s: float | None
    is_asking: bool = False
    answered: PeerId | None = None
    failures: int = 0


class Contacts:
    def __init__(self, state: State) -> None:
        self._state = state
        self.known: dict[PeerId, Contact] = {}
        self._named: dict[str, NamedAddress] = {}

    def contact(self, peer: PeerId, now: Instant) -> Contact | None:
        """The contact of `peer`, made if there is room for one more."""
        if peer not in self.known and self._has_room():
            self.known[peer] = Contact(peer, now.boot_s)
        return self.known.get(peer)

    def is_proved(self, contact: Contact) -> bool:
        """Whether it shook hands or greeted as a member once; all others were only spoken of."""
        return contact.is_linked or contact.was_linked or self._state.get(MemberRow, contact.peer) is not None

    def _has_room(self) -> bool:
        if len(self.known) < self._state.limits.members_max:
            return True
        forgettable = (one for one in self.known.values() if not one.is_dialling and not self.is_proved(one))
        oldest = next(forgettable, None)
        if oldest is not None:
            del self.known[oldest.peer]
        return oldest is not None

    # --- addresses --------------------------------------------------------------------------------------------------
    def on_address(self, found: AddressFound, now: Instant) -> None:
        if found.peer is None:
            if found.address not in self._named and len(self._named) < self._state.limits.named_addresses_max:
                self._named[found.address] = NamedAddress(found.address, now.boot_s)
        elif found.peer != self._state.me.peer:
            self._on_known(found.peer, found.address, now)

    def _on_known(self, peer: PeerId, address: str, now: Instant) -> None:
        contact = self.contact(peer, now)
        if contact is None:
            return
        if address not in contact.addresses:
            contact.addresses = self._bounded((address, *contact.addresses))
            contact.failures = 0
            contact.dial_due_s = None
        if contact.dial_due_s is None:
            self._schedule(contact, now)
        else:
            contact.dial_due_s = min(contact.dial_due_s, now.boot_s + self._state.limits.dial_retry_max_s)

    def last_address(self, peer: PeerId) -> str:
        """Where it was reached, or is to be dialled next; "" where no address of it is known."""
        contact = self.known.get(peer)
        named = [named.address for named in self._named.values() if named.answered == peer]
        return next(iter((*(contact.addresses if contact else ()), *named)), "")

    def _bounded(self, addresses: tuple[str, ...]) -> tuple[str, ...]:
        """Without the oldest of those that nobody named, where there are too many."""
        if len(addresses) <= self._state.limits.addresses_per_peer_max:
            return addresses
        oldest = next((address for address in reversed(addresses[1:]) if address not in self._named), addresses[-1])
        return tuple(address for address in addresses if address != oldest)

    def on_identified(self, done: Identified, now: Instant) -> None:
        named = self._named.get(done.address)
        if named is not None:
            named.is_asking, named.due_s, named.answered, named.failures = False, None, done.peer, 0
        if done.peer != self._state.me.peer:
            self._on_known(done.peer, done.address, now)

    def on_dial_failed(self, done: DialFailed, now: Instant) -> None:
        named = self._named.get(done.address)
        if done.peer is not None:
            self._on_dial_failed(done.peer, done.address, now)
        if named is not None:
            named.is_asking, named.failures = False, named.failures + 1
            named.due_s = now.boot_s + self._backoff_s(named.failures, self._is_seldom(named))

    def _on_dial_failed(self, peer: PeerId, address: str, now: Instant) -> None:
        """What was named is asked for by itself from now on, and returns to whoever answers there."""
        contact = self.known.get(peer)
        if contact is not None and address in self._named:
            contact.addresses = tuple(other for other in contact.addresses if other != address)
        self.on_turned_away(peer, now)

    def _is_seldom(self, named: NamedAddress) -> bool:
        """Whether nobody misses an answer there: its peer has departed, or is linked by another way."""
        contact = self.known.get(named.answered) if named.answered is not None else None
        return contact is not None and (contact.is_linked or self._has_departed(contact.peer))

    def on_turned_away(self, peer: PeerId, now: Instant) -> None:
        """A dial came to nothing: the next address, after a while."""
        contact = self.known.get(peer)
        if contact is not None:
            contact.is_dialling, contact.failures = False, contact.failures + 1
            contact.addresses = (*contact.addresses[1:], *contact.addresses[:1])
            self._schedule(contact, now)

    def _has_departed(self, peer: PeerId) -> bool:
        """Whether it was revoked, or departed and has not said Hello since."""
        tombstone, member = self._state.get(TombstoneRow, peer), self._state.get(MemberRow, peer)
        if tombstone is None or tombstone.kind == UnlearnKind.REVOKE:
            return tombstone is not None
        departed = tombstone.departure.statement.state_sequence if tombstone.departure else 0
        last = member.hello.statement.state_sequence if member and member.hello else 0
        return departed > last

    def on_network_changed(self, now: Instant) -> None:
        """This device's own network is another one than that on which dials failed."""
        for contact in self.known.values():
            contact.failures = 0
            self._schedule(contact, now)
        for named in self._named.values():
            contact_there = self.known.get(named.answered) if named.answered is not None else None
            is_linked = contact_there is not None and contact_there.is_linked
            if not named.is_asking and not is_linked:
                named.failures, named.due_s = 0, now.boot_s

    # --- links ------------------------------------------------------------------------------------------------------
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

    def on_down(self, contact: Contact, heard_s: float, now: Instant, draft: Draft, *, was_open: bool) -> None:
        """The link is gone; `heard_s` is when something last came over it. One that never opened counts as a failed
        dial: whoever is turned away comes back ever more seldom."""
        contact.is_linked, contact.was_linked, contact.silent_since_s = False, True, heard_s
        contact.failures = max(1, contact.failures) if was_open else contact.failures + 1
        self.on_suspect(contact, draft)
        self._schedule(contact, now)
        for named in self._named.values():
            if named.answered == contact.peer and named.due_s is not None:
                named.failures, named.due_s = 0, min(named.due_s, now.boot_s + self._backoff_s(1, False))

    # --- dialling ---------------------------------------------------------------------------------------------------
    def _schedule(self, contact: Contact, now: Instant) -> None:
        if contact.is_linked or contact.is_dialling or not contact.addresses:
            contact.dial_due_s = None
            return
        yields_s = 0.0 if self._state.me.peer < contact.peer else self._state.limits.dial_yield_s
        pause_s = self._backoff_s(contact.failures, self._has_departed(contact.peer)) if contact.failures else yields_s
        contact.dial_due_s = now.boot_s + pause_s

    def _backoff_s(self, failures: int, is_seldom: bool) -> float:
        limits = self._state.limits
        most_s = limits.departed_retry_max_s if is_seldom else limits.dial_retry_max_s
        longest_s = min(most_s, limits.dial_retry_min_s * 2.0 ** min(failures - 1, 16))
        return longest_s * (0.5 + 0.5 * self._state.rng.random())

    def _free_lines(self) -> int:
        """How many more dials may be under way."""
        busy = sum(contact.is_dialling for contact in self.known.values())
        return self._state.limits.dials_at_once_max - busy - sum(named.is_asking for named in self._named.values())

    def on_timer(self, now: Instant, draft: Draft) -> None:
        free = self._free_lines()
        for contact in self._due(now)[: max(0, free)]:
            free -= 1
            contact.dial_due_s, contact.is_dialling = None, True
            draft.act(Dial(contact.peer, contact.addresses[0]))
        for contact in self.known.values():
            if self._gone_due_s(contact) <= now.boot_s:
                contact.liveness = Liveness.GONE
                draft.tell("PeerGone", contact.peer)
        for named in self._named.values():
            if named.due_s is not None and named.due_s <= now.boot_s and free > 0:
                free -= 1
                named.due_s, named.is_asking = None, True
                draft.act(Identify(named.address))

    def _due(self, now: Instant) -> list[Contact]:
        """Those to be dialled, in the order of rule 6; of equals the one that has waited longest goes first."""
        due = [(one.dial_due_s, one) for one in self.known.values() if one.dial_due_s is not None]
        ranked = [(not self.is_proved(one), due_s, one) for due_s, one in due if due_s <= now.boot_s]
        return [one for *_, one in sorted(ranked, key=lambda rank: rank[:2])]

    def _gone_due_s(self, contact: Contact) -> float:
        if contact.is_linked or contact.liveness != Liveness.SUSPECT:
            return float("inf")
        return contact.silent_since_s + self._state.limits.gone_after_s

    def deadlines(self) -> Iterator[float]:
        has_line = self._free_lines() > 0
        for named in self._named.values():
            if named.due_s is not None and has_line:
                yield named.due_s
        for contact in self.known.values():
            if contact.dial_due_s is not None and has_line:
                yield contact.dial_due_s
            yield self._gone_due_s(contact)
