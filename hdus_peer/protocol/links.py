"""Links: greeting, notices before seeds, heartbeats of our own, and silence (how much of both: `heartbeats`).

Rules
1. On every link: Greeting, then notices both ways, `Merged`, and only then seeds. `TRANSITIONS` is the whole of it.
2. A Hello is taken only from the member itself, over its own link, and only in its turn.
3. A run's nonce that comes back after another run of the same identity was heard is a cloned device, and so is one
   sequence under two nonces: shown, and never granted a key (protocol review, A.4). A backup that is put back and does
   the very Steps that were done after it was taken cannot be told from a second device, and is shown as one, too.
4. What an echo says of this peer counts only because this peer signed it: my own later sequence means that my state
   went backwards.
"""

import enum
from dataclasses import dataclass, field, replace

from hdus_peer.domain.clock import Instant
from hdus_peer.domain.envelope import Signed
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.membership import PROTOCOL_MAX, PROTOCOL_MIN, Hello
from hdus_peer.domain.unlearning import UnlearnKind
from hdus_peer.protocol import heartbeats, tombstones
from hdus_peer.protocol.alarms import NEVER_S, Alarms
from hdus_peer.protocol.contacts import Contact, Contacts, Liveness
from hdus_peer.protocol.heartbeats import Silence
from hdus_peer.protocol.messages import Goodbye, Greeting, Heartbeat
from hdus_peer.protocol.records import MemberRow, TombstoneRow
from hdus_peer.protocol.state import Draft, State
from hdus_peer.protocol.step import HangUp, LinkDown, LinkUp

NONCES_KEPT = 8


class LinkPhase(enum.StrEnum):
    GREETING = "greeting"  # the other's Hello has not come yet
    MERGING = "merging"  # notices travel both ways
    OPEN = "open"  # both merged: seeds may be spoken of


class LinkInput(enum.StrEnum):
    GREETED = "greeted"
    MERGED_BOTH = "merged-both"


TRANSITIONS: dict[tuple[LinkPhase, LinkInput], LinkPhase] = {
    (LinkPhase.GREETING, LinkInput.GREETED): LinkPhase.MERGING,
    (LinkPhase.MERGING, LinkInput.MERGED_BOTH): LinkPhase.OPEN,
}


@dataclass(slots=True, eq=False)
class Link:
    """One link that is up. `speaks_seeds`: same task and a common version of the protocol. `doubted_s`: when the
    network last changed under it. `is_another_run`: the other was heard before, in another run; `is_first`: never.
    `is_kept_there`: the other end would dial it again, as its last heartbeat says; and from `next_ms` of that follows
    how long a `silence` is waited for."""

    contact: Contact
    dialled: bool
    since_s: float
    heard_s: float
    beat_due_s: float
    silence: Silence
    phase: LinkPhase = LinkPhase.GREETING
    merged_theirs: bool = False
    merged_mine: bool = False
    speaks_seeds: bool = False
    generation: int = 0
    is_hung_up: bool = False
    is_another_run: bool = False
    is_first: bool = False
    is_kept_there: bool = True
    next_ms: int = 0
    doubted_s: float = 0.0
    nonce: str = field(default="", repr=False)

    @property
    def peer(self) -> PeerId:
        return self.contact.peer

    def advance(self, what: LinkInput) -> None:
        """Raises KeyError for a pair that is not in the table: a bug of ours, since inputs are checked before."""
        self.phase = TRANSITIONS[self.phase, what]


class Links:
    def __init__(self, state: State, contacts: Contacts) -> None:
        self._state = state
        self._contacts = contacts
        self._links: dict[PeerId, Link] = {}
        self._greeted: tuple[Link, ...] | None = None  # until it is asked for
        self._nonces: dict[PeerId, list[str]] = {}
        self._alarms: Alarms[PeerId] = Alarms(self._due_s)

    # --- who is there -----------------------------------------------------------------------------------------------
    def get(self, peer: PeerId) -> Link | None:
        return self._links.get(peer)

    def greeted(self) -> tuple[Link, ...]:
        """Links on which notices may travel, in the order of PeerIds."""
        if self._greeted is None:
            links = [link for link in self._links.values() if link.phase != LinkPhase.GREETING]
            self._greeted = tuple(sorted(links, key=lambda link: link.peer))
        return self._greeted

    def has_greeted(self) -> bool:
        return bool(self.greeted())

    def speaking(self) -> list[Link]:
        """Links on which seeds may be spoken of."""
        return [link for link in self.greeted() if link.phase == LinkPhase.OPEN and link.speaks_seeds]

    def is_speaking(self, peer: PeerId) -> bool:
        link = self._links.get(peer)
        return link is not None and link.phase == LinkPhase.OPEN and link.speaks_seeds

    # --- up and greeting --------------------------------------------------------------------------------------------
    def on_up(self, up: LinkUp, now: Instant, draft: Draft) -> None:
        if len(self._links) >= self._state.limits.links_max and up.peer not in self._links:
            draft.refuse(up.peer, "too-many-links")
            draft.act(HangUp(up.peer))
            self._contacts.on_turned_away(up.peer, now)
            return
        contact = self._contacts.on_up(up.peer, now)
        beat_s = now.boot_s + self._state.limits.heartbeat_interval_s * self._state.rng.random()
        silence = heartbeats.silence(self._state.limits, 0)
        self._links[up.peer] = Link(contact, up.dialled, now.boot_s, now.boot_s, beat_s, silence)
        self._greeted = None
        self._alarms.watch(up.peer)
        member = self._state.get(MemberRow, up.peer)
        echo = member.hello if member else None
        draft.send(up.peer, Greeting(self._hello(now), self._state.me.membership, echo))

    def _hello(self, now: Instant) -> Signed[Hello]:
        me, limits = self._state.me, self._state.limits
        hello = Hello(
            protocol_min=PROTOCOL_MIN,
            protocol_max=PROTOCOL_MAX,
            network=me.network,
            peer=me.peer,
            tls_spki_sha256=me.tls_spki_sha256,
            state_sequence=self._state.row.state_sequence,
            run_nonce=me.run_nonce,
            task=me.task,
            architectures=me.architectures,
            message_bytes_max=limits.message_bytes_max,
            chunk_bytes_max=limits.chunk_bytes_max,
            seed_bytes_max=limits.seed_bytes_max,
            tombstone_root=tombstones.root(self._state),
            membership_root="",
            wall_ms=max(0, int(now.wall_s * 1000)),
        )
        return me.sign(hello)

    def on_greeting(self, link: Link, greeting: Greeting, draft: Draft) -> bool:
        """Takes the greeting, or refuses it and hangs up; whether it was taken."""
        problem = self._problem(link, greeting)
        if problem == "revoked":
            self.turn_away(link.peer, draft)
            return False
        if problem:
            self.refuse_and_hang_up(link.peer, problem, draft)
            return False
        hello = greeting.hello.statement
        self._remember(link, greeting, draft)
        has_version = hello.protocol_min <= PROTOCOL_MAX and hello.protocol_max >= PROTOCOL_MIN
        link.speaks_seeds = has_version and hello.task == self._state.me.task
        if not link.speaks_seeds:
            draft.refuse(link.peer, "other-task" if has_version else "no-common-version")
        self._contacts.on_greeted(link.contact, link.speaks_seeds)
        link.nonce = hello.run_nonce
        link.advance(LinkInput.GREETED)
        self._greeted = None
        self._alarms.watch(link.peer)
        self._send_notices(link, hello, draft)
        return True

    def _problem(self, link: Link, greeting: Greeting) -> str:
        hello, membership = greeting.hello, greeting.membership
        tombstone = self._state.get(TombstoneRow, link.peer)
        if link.phase != LinkPhase.GREETING:
            return "second-greeting"
        if not hello.signer == hello.statement.peer == link.peer:
            return "wrong-greeter"
        if membership.signer != self._state.me.root or membership.statement.peer != link.peer:
            return "no-membership"
        if hello.statement.network != self._state.me.network:
            return "other-network"
        return "revoked" if tombstone and tombstone.kind == UnlearnKind.REVOKE else ""

    def _remember(self, link: Link, greeting: Greeting, draft: Draft) -> None:
        old, hello = self._state.get(MemberRow, link.peer), greeting.hello.statement
        last = old.hello.statement if old and old.hello else hello
        link.is_another_run, link.is_first = last.run_nonce != hello.run_nonce, old is None
        is_cloned = self._is_clone(link.peer, greeting.hello.statement, old)
        if is_cloned and not (old and old.cloned):
            draft.tell("PeerCloned", link.peer)
        cloned = is_cloned or bool(old and old.cloned)
        self._state.put(draft, MemberRow(link.peer, greeting.membership, greeting.hello, cloned))

    def _is_clone(self, peer: PeerId, hello: Hello, old: MemberRow | None) -> bool:
        last = old.hello.statement if old and old.hello else None
        nonces = self._nonces.setdefault(peer, [last.run_nonce] if last else [])
        came_back = hello.run_nonce in nonces[:-1]
        if hello.run_nonce not in nonces:
            nonces.append(hello.run_nonce)
            del nonces[:-NONCES_KEPT]
        twice = last and last.state_sequence == hello.state_sequence and last.run_nonce != hello.run_nonce
        return came_back or bool(twice)

    def _send_notices(self, link: Link, hello: Hello, draft: Draft) -> None:
        is_equal = hello.tombstone_root == tombstones.root(self._state)
        rows = [] if is_equal else sorted(self._state.all(TombstoneRow), key=lambda row: row.owner)
        for proof in [] if is_equal else tombstones.proofs(self._state):
            draft.send(link.peer, proof)
        for message in tombstones.messages(self._state, rows, link.peer, is_whole=True):
            draft.send(link.peer, message)

    def turn_away(self, peer: PeerId, draft: Draft) -> None:
        """Whom the authority revoked: it is told why, so that it erases what it holds, and nothing else."""
        tombstone = self._state.get(TombstoneRow, peer)
        for message in tombstones.messages(self._state, [tombstone] if tombstone else [], peer, is_whole=False):
            draft.send(peer, message)
        self.refuse_and_hang_up(peer, "revoked", draft)

    def refuse_and_hang_up(self, peer: PeerId, reason: str, draft: Draft) -> None:
        draft.refuse(peer, reason)
        draft.send(peer, Goodbye(reason))
        draft.act(HangUp(peer))

    def try_open(self, link: Link, draft: Draft) -> bool:
        """Both sides merged: the link opens; whether it did just now."""
        if link.phase != LinkPhase.MERGING or not (link.merged_mine and link.merged_theirs):
            return False
        link.advance(LinkInput.MERGED_BOTH)
        self._contacts.on_heard(link.contact, draft)
        draft.tell("LinkOpened", link.peer, dialled=int(link.dialled))
        return True

    # --- heartbeats and silence -------------------------------------------------------------------------------------
    def on_network_changed(self, now: Instant) -> None:
        """What is still alive will be heard soon: everybody is told that I am here, and whoever is not heard by the
        time at which a silence is suspect is given up, so that it can be dialled over the network as it is now."""
        for link in self._links.values():
            link.beat_due_s = now.boot_s
            if link.heard_s >= link.doubted_s:
                link.doubted_s = now.boot_s
            self._alarms.watch(link.peer)

    def on_heard(self, link: Link, now: Instant, draft: Draft) -> None:
        link.heard_s = now.boot_s
        if link.phase == LinkPhase.OPEN and (link.contact.failures or link.contact.liveness != Liveness.ALIVE):
            self._contacts.on_heard(link.contact, draft)
            self._alarms.watch(link.peer)

    def on_down(self, down: LinkDown, now: Instant, draft: Draft) -> None:
        link = self._links.pop(down.peer, None)
        if link is not None:
            self._greeted = None
            was_open, gone_s = link.phase == LinkPhase.OPEN, link.heard_s + link.silence.gone_s
            self._contacts.on_down(link.contact, link.heard_s, gone_s, now, draft, was_open=was_open)
            draft.tell("LinkClosed", down.peer, reason=down.reason)

    def on_timer(self, now: Instant, draft: Draft) -> None:
        due = [self._links[peer] for peer in sorted(self._alarms.take(now.boot_s))]
        for link in due:
            if now.boot_s >= self._given_up_s(link):
                link.is_hung_up = True
                draft.act(HangUp(link.peer))
            elif now.boot_s >= link.heard_s + link.silence.suspect_s:
                self._contacts.on_suspect(link.contact, draft)
        if any(self._beat_due_s(link) <= now.boot_s for link in due):
            self._beat_together(now, draft)
        for link in due:
            self._alarms.watch(link.peer)

    def _beat_together(self, now: Instant, draft: Draft) -> None:
        """Once one link's beat is due, so is that of every link whose turn is near: an idle device wakes up once an
        interval, not once a link."""
        soon_s = now.boot_s + self._interval_s() / 2
        near = [link for link in self.greeted() if self._beat_due_s(link) <= soon_s]
        for link in near:
            self._hang_up_unless_kept(link, draft)
        self._beat([link for link in near if not link.is_hung_up], now, draft)

    def _hang_up_unless_kept(self, link: Link, draft: Draft) -> None:
        """A link that this end dialled, and that neither end would dial again, does not stay up."""
        is_of_use = link.is_kept_there or self._contacts.is_acquainted(link.peer)
        if link.dialled and link.phase == LinkPhase.OPEN and not is_of_use and not link.is_hung_up:
            link.is_hung_up = True
            draft.send(link.peer, Goodbye("not-chosen"))
            draft.act(HangUp(link.peer))

    def on_heartbeat(self, link: Link, beat: Heartbeat, draft: Draft) -> None:
        """Whoever has many links needs the place of one that is not kept, and its next heartbeat may be far."""
        link.is_kept_there = beat.keeps
        if beat.next_ms != link.next_ms:
            link.next_ms, link.silence = beat.next_ms, heartbeats.silence(self._state.limits, beat.next_ms)
            self._alarms.watch(link.peer)
        self._hang_up_unless_kept(link, draft)

    def _given_up_s(self, link: Link) -> float:
        """When a link is closed: silent for too long, or too slow in its greeting."""
        silent_s = link.heard_s + link.silence.gone_s
        if link.heard_s < link.doubted_s:
            silent_s = min(silent_s, link.doubted_s + link.silence.suspect_s)
        if link.phase == LinkPhase.OPEN:
            return silent_s
        return min(silent_s, link.since_s + self._state.limits.greeting_timeout_s)

    def beat(self, link: Link, now: Instant, draft: Draft) -> None:
        """Say out of turn that I am here, and what I know."""
        self._beat([link], now, draft)

    def _beat(self, links: list[Link], now: Instant, draft: Draft) -> None:
        """One value goes to all whom this peer would dial, and one to all others."""
        interval_s = self._interval_s()
        others = self._heartbeat(heartbeats.next_ms(interval_s))
        acquainted = replace(others, keeps=True)
        for link in links:
            draft.send(link.peer, acquainted if self._contacts.is_acquainted(link.peer) else others)
            link.beat_due_s = now.boot_s + interval_s
            self._alarms.watch(link.peer)

    def _heartbeat(self, next_ms: int) -> Heartbeat:
        own = self._state.own_seed()
        generation = own.manifest.statement.generation if own and self._state.is_active else 0
        return Heartbeat(tombstones.root(self._state), generation, self._state.row.state_sequence, next_ms=next_ms)

    def _interval_s(self) -> float:
        return heartbeats.interval_s(self._state.limits, len(self.greeted()))

    def _beat_due_s(self, link: Link) -> float:
        return link.beat_due_s if link.phase != LinkPhase.GREETING and not link.is_hung_up else NEVER_S

    def _due_s(self, peer: PeerId) -> float:
        link = self._links.get(peer)
        if link is None or link.is_hung_up:
            return NEVER_S
        silent_s = self._given_up_s(link)
        if link.contact.liveness == Liveness.ALIVE:
            silent_s = min(silent_s, link.heard_s + link.silence.suspect_s)
        return min(silent_s, self._beat_due_s(link))

    def due_s(self) -> float:
        return self._alarms.not_before_s()
