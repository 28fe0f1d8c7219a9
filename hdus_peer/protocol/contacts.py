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
7. Up to `dial_all_max` contacts are all dialled: a notice then needs one hop. Of more, those are dialled that a pure
   function of PeerIds chooses (`overlay.acquaintances`), whom the operator named, and to whom something binds this peer
   (a seed held, an answer owed); `members_max` are remembered, chosen in the same way, whatever the order in which
   they were found. Where more are known than this peer wants seeds of, what changes within `choose_interval_s` is
   chosen from together, since much is found at once. Whoever dials is welcome; a link that neither end would dial is
   closed (`links`).
8. Anybody on the network can invent names, good ones too. They take no place from those who proved to be members, who
   are chosen from by themselves as well, and a name that answered nobody `TRIES` times takes none until it is found
   again.
"""

import enum
from dataclasses import dataclass

from hdus_peer.domain.clock import Instant
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.unlearning import UnlearnKind
from hdus_peer.protocol import overlay
from hdus_peer.protocol.alarms import NEVER_S, Alarms
from hdus_peer.protocol.records import HeldSeedRow, MemberRow, OwedReceiptRow, OwedReleaseRow, TombstoneRow
from hdus_peer.protocol.state import Draft, State
from hdus_peer.protocol.step import AddressFound, Dial, DialFailed, Identified, Identify

BINDING: tuple[type[HeldSeedRow | OwedReceiptRow | OwedReleaseRow], ...] = (HeldSeedRow, OwedReceiptRow, OwedReleaseRow)
TRIES = 3


class Liveness(enum.StrEnum):
    ALIVE = "alive"
    SUSPECT = "suspect"
    GONE = "gone"


@dataclass(slots=True)
class Contact:
    """A peer that was found or linked once. `score`: see `overlay`. `silent_since_s`: when its link went down, or it
    was first heard of; `gone_due_s`: when it counts as gone unless it is linked again. `speaks_seeds`: False once it
    said that it has another task. `is_proved`: it shook hands or greeted as a member once; all others were only ever
    spoken of."""

    peer: PeerId
    score: bytes
    silent_since_s: float
    gone_due_s: float = NEVER_S
    addresses: tuple[str, ...] = ()
    liveness: Liveness = Liveness.GONE
    is_linked: bool = False
    was_linked: bool = False
    dial_due_s: float | None = None
    failures: int = 0
    speaks_seeds: bool = True
    is_proved: bool = False


@dataclass(slots=True)
class NamedAddress:
    """An address that the operator named. `due_s`: when to ask who is there; None while that is being asked
    and while it is one of the addresses of `answered`, the peer that answered there last."""

    address: str
    due_s: float | None
    answered: PeerId | None = None
    failures: int = 0


class Contacts:
    def __init__(self, state: State) -> None:
        self._state = state
        self.known: dict[PeerId, Contact] = {}
        self._named: dict[str, NamedAddress] = {}
        self._changes = 0
        self._dialling: set[str] = set()
        self._dials: Alarms[PeerId] = Alarms(self._dial_due_s)
        self._asks: Alarms[str] = Alarms(lambda address: _or_never(self._named[address].due_s))
        self._silences: Alarms[PeerId] = Alarms(self._gone_due_s)
        self._acquainted: frozenset[PeerId] = frozenset()
        self._chosen: frozenset[PeerId] = frozenset()
        self._chosen_of = (0, 0, 0)
        self._choose_due_s = 0.0
        self._unchosen: list[PeerId] = []  # found since the last choice
        self._least = b""

    # --- whom to remember, and whom to dial -------------------------------------------------------------------------
    def _contact(self, peer: PeerId, now: Instant, *, is_linked: bool = False) -> Contact | None:
        """The contact of `peer`, made if it is to be remembered."""
        if peer not in self.known:
            me = self._state.me
            contact = Contact(peer, overlay.score(me.task, me.peer, peer), now.boot_s, is_linked=is_linked)
            contact.is_proved = is_linked or self._state.get(MemberRow, peer) is not None
            self.known[peer] = contact
            if self._may_be_chosen(contact):
                self._changes += 1
                self._unchosen.append(peer)
            self._forget_others()
        return self.known.get(peer)

    def _may_be_chosen(self, newcomer: Contact) -> bool:
        """Whether the choice may be another one with it."""
        if self._knows_all() or newcomer.is_proved or newcomer.score > self._least:
            return True
        me = self._state.me.peer
        return newcomer.peer in overlay.ring(me, {*self._chosen, newcomer.peer}, overlay.RING_DIALLED)

    def _is_worth_a_try(self, contact: Contact) -> bool:
        return contact.failures < TRIES or contact.is_proved

    def _forget_others(self) -> None:
        """Remember no more than may be: whom there is a link to, or is being dialled, or named, and the chosen."""
        most = self._state.limits.members_max
        if len(self.known) <= most:
            return
        kept = self._bound() | self._dialling
        for scores in self._scores(list(self.known.values())):
            kept |= overlay.kept(self._state.me.peer, scores, most)
        for contact in [contact for contact in self.known.values() if contact.peer not in kept]:
            if not contact.is_linked:
                del self.known[contact.peer]

    def _bound(self) -> frozenset[PeerId]:
        """Whom the operator named, and to whom something binds this peer."""
        named = {named.answered for named in self._named.values() if named.answered is not None}
        return frozenset(named) | {row.owner for table in BINDING for row in self._state.all(table)}

    def is_acquainted(self, peer: PeerId) -> bool:
        """Whether this peer dials `peer`."""
        return peer in self._acquainted or any(self._state.get(table, peer) for table in BINDING)

    def expected(self, now: Instant) -> dict[PeerId, float]:
        """Of those whom this peer dials, or has not chosen from yet, who was found a moment ago and may announce a seed
        soon, with the instant (s of the boot clock) until which that is worth to wait for."""
        wait_s = self._state.limits.announce_wait_s
        there = [self.known[peer] for peer in {*self._acquainted, *self._unchosen} if peer in self.known]
        new = [one for one in there if one.silent_since_s + wait_s > now.boot_s and not one.failures]
        return {one.peer: one.silent_since_s + wait_s for one in new if one.speaks_seeds}

    def _choose(self, now: Instant) -> None:
        """Choose anew whom to dial, if what the choice is a function of has changed."""
        basis, before = self._basis(), self._acquainted
        if self._chosen_of == basis or not (now.boot_s >= self._choose_due_s or self._knows_few()):
            return
        if self._chosen_of[:2] != basis[:2]:
            self._chosen = self._choice()
        self._choose_due_s = now.boot_s + self._state.limits.choose_interval_s
        self._unchosen.clear()
        self._chosen_of, self._acquainted = basis, self._chosen | self._bound()
        for peer in sorted((self._acquainted ^ before) & self.known.keys()):
            self._schedule(self.known[peer], now)

    def _basis(self) -> tuple[int, int, int]:
        """What changes with everything that the choice is a function of; the last, with what binds this peer."""
        if self._knows_all():
            return self._changes, 0, 0
        return self._changes, self._state.writes(TombstoneRow), self._state.writes(*BINDING)

    def _knows_few(self) -> bool:
        """Whether no more are known than this peer wants seeds of."""
        return len(self.known) <= self._state.limits.neighbours_max

    def _knows_all(self) -> bool:
        """Whether the network is so small that everybody is dialled."""
        return len(self.known) <= self._state.limits.dial_all_max

    def _choice(self) -> frozenset[PeerId]:
        if self._knows_all():
            return frozenset(self.known)
        gone = {row.owner for row in self._state.all(TombstoneRow) if self._has_departed(row.owner)}
        there = [one for one in self.known.values() if one.speaks_seeds and one.peer not in gone]
        me, most = self._state.me.peer, self._state.limits.neighbours_max
        proved, tried = self._scores(there)
        self._least, chosen = overlay.least(tried, most), overlay.acquaintances(me, tried, most)
        return chosen if chosen <= proved.keys() else chosen | overlay.acquaintances(me, proved, most)

    def _scores(self, contacts: list[Contact]) -> tuple[dict[PeerId, bytes], dict[PeerId, bytes]]:
        """The scores to choose by: of those who proved to be members, and of all that are worth a try."""
        proved = {one.peer: one.score for one in contacts if one.is_proved}
        return proved, {one.peer: one.score for one in contacts if one.failures < TRIES or one.is_proved}

    # --- addresses --------------------------------------------------------------------------------------------------
    def on_address(self, found: AddressFound, now: Instant) -> None:
        if found.peer is None:
            if found.address not in self._named and len(self._named) < self._state.limits.named_addresses_max:
                self._named[found.address] = NamedAddress(found.address, now.boot_s)
                self._asks.watch(found.address)
        elif found.peer != self._state.me.peer:
            self._on_known(found.peer, found.address, now)

    def _on_known(self, peer: PeerId, address: str, now: Instant) -> None:
        contact = self._contact(peer, now)
        if contact is None:
            return
        if address not in contact.addresses:
            contact.addresses = self._bounded((address, *contact.addresses))
            contact.failures = 0
            contact.dial_due_s = None
        elif not self._is_worth_a_try(contact):
            contact.failures = 0
            self._changes += 1
        if contact.dial_due_s is None:
            self._schedule(contact, now)
        else:
            contact.dial_due_s = min(contact.dial_due_s, now.boot_s + self._state.limits.dial_retry_max_s)
            self._dials.watch(peer)

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
            named.due_s, named.answered, named.failures = None, done.peer, 0
            self._dialling.discard(done.address)
        if done.peer != self._state.me.peer:
            self._on_known(done.peer, done.address, now)

    def on_dial_failed(self, done: DialFailed, now: Instant) -> None:
        named = self._named.get(done.address)
        if done.peer is not None:
            self._on_dial_failed(done.peer, done.address, now)
        if named is not None:
            self._dialling.discard(done.address)
            named.failures += 1
            named.due_s = now.boot_s + self._backoff_s(named.failures, self._is_seldom(named))
            self._asks.watch(done.address)

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
            self._dialling.discard(peer)
            contact.failures += 1
            contact.addresses = (*contact.addresses[1:], *contact.addresses[:1])
            self._changes += contact.failures == TRIES
            self._schedule(contact, now)
            self._forget_others()

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
            if named.address not in self._dialling and not is_linked:
                named.failures, named.due_s = 0, now.boot_s
                self._asks.watch(named.address)

    # --- links ------------------------------------------------------------------------------------------------------
    def on_up(self, peer: PeerId, now: Instant) -> Contact:
        contact = self._contact(peer, now, is_linked=True)
        assert contact is not None, "whoever is linked is remembered"
        self._changes += not contact.is_proved and peer not in self._acquainted
        contact.is_linked = contact.is_proved = True
        contact.dial_due_s = None
        self._dials.watch(peer)
        self._dialling.discard(contact.peer)
        return contact

    def on_greeted(self, contact: Contact, speaks_seeds: bool) -> None:
        if contact.speaks_seeds != speaks_seeds or self._state.get(TombstoneRow, contact.peer) is not None:
            contact.speaks_seeds = speaks_seeds
            self._changes += 1

    def on_heard(self, contact: Contact, draft: Draft) -> None:
        """The link is open, or something came over it."""
        contact.failures = 0
        if contact.liveness != Liveness.ALIVE:
            contact.liveness = Liveness.ALIVE
            draft.tell("PeerAlive", contact.peer)

    def on_suspect(self, contact: Contact, draft: Draft) -> None:
        if contact.liveness == Liveness.ALIVE:
            contact.liveness = Liveness.SUSPECT
            self._silences.watch(contact.peer)
            draft.tell("PeerSuspected", contact.peer)

    def on_down(
        self, contact: Contact, heard_s: float, gone_s: float, now: Instant, draft: Draft, *, was_open: bool
    ) -> None:
        """The link is gone; `heard_s` is when something last came over it, `gone_s` when its silence would have ended
        it. One that never opened counts as a failed dial: whoever is turned away comes back ever more seldom."""
        contact.is_linked, contact.was_linked = False, True
        contact.silent_since_s, contact.gone_due_s = heard_s, gone_s
        contact.failures = max(1, contact.failures) if was_open else contact.failures + 1
        self.on_suspect(contact, draft)
        self._silences.watch(contact.peer)
        self._schedule(contact, now)
        for named in self._named.values():
            if named.answered == contact.peer and named.due_s is not None:
                named.failures, named.due_s = 0, min(named.due_s, now.boot_s + self._backoff_s(1, False))
                self._asks.watch(named.address)

    # --- dialling ---------------------------------------------------------------------------------------------------
    def _schedule(self, contact: Contact, now: Instant) -> None:
        is_busy = contact.is_linked or contact.peer in self._dialling
        if is_busy or not contact.addresses or contact.peer not in self._acquainted:
            contact.dial_due_s = None
            return
        yields_s = 0.0 if self._state.me.peer < contact.peer else self._state.limits.dial_yield_s
        pause_s = self._backoff_s(contact.failures, self._has_departed(contact.peer)) if contact.failures else yields_s
        contact.dial_due_s = now.boot_s + pause_s
        self._dials.watch(contact.peer)

    def _backoff_s(self, failures: int, is_seldom: bool) -> float:
        limits = self._state.limits
        most_s = limits.departed_retry_max_s if is_seldom else limits.dial_retry_max_s
        longest_s = min(most_s, limits.dial_retry_min_s * 2.0 ** min(failures - 1, 16))
        return longest_s * (0.5 + 0.5 * self._state.rng.random())

    def _has_line(self) -> bool:
        """Whether one more dial may be under way."""
        return len(self._dialling) < self._state.limits.dials_at_once_max

    def on_timer(self, now: Instant, draft: Draft) -> None:
        self._choose(now)
        for peer in self._silences.take(now.boot_s):
            self.known[peer].liveness = Liveness.GONE
            draft.tell("PeerGone", peer)
        due = [self.known[peer] for peer in self._dials.take(now.boot_s)] if self._has_line() else []
        for contact in sorted(due, key=lambda contact: contact.is_proved, reverse=True):
            if self._has_line():
                self._dial(contact, draft)
            self._dials.watch(contact.peer)
        for address in self._asks.take(now.boot_s) if self._has_line() else ():
            named = self._named[address]
            if not self._has_line():
                self._asks.watch(address)
                break
            named.due_s = None
            self._dialling.add(named.address)
            draft.act(Identify(named.address))

    def _dial(self, contact: Contact, draft: Draft) -> None:
        contact.dial_due_s = None
        self._dialling.add(contact.peer)
        draft.act(Dial(contact.peer, contact.addresses[0]))

    def _dial_due_s(self, peer: PeerId) -> float:
        contact = self.known.get(peer)
        return NEVER_S if contact is None else _or_never(contact.dial_due_s)

    def _gone_due_s(self, peer: PeerId) -> float:
        contact = self.known.get(peer)
        if contact is None or contact.is_linked or contact.liveness != Liveness.SUSPECT:
            return NEVER_S
        return contact.gone_due_s

    def due_s(self) -> float:
        choose_s = NEVER_S
        if self._chosen_of != self._basis():
            choose_s = 0.0 if self._knows_few() else self._choose_due_s
        dials_s = min(self._dials.not_before_s(), self._asks.not_before_s()) if self._has_line() else NEVER_S
        return min(choose_s, dials_s, self._silences.not_before_s())


def _or_never(due_s: float | None) -> float:
    return NEVER_S if due_s is None else due_s
