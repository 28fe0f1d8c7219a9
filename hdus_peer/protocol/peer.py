"""`PeerCore`: the only door to the protocol. Inputs come in, with `now`; each is answered by one `Step`.

Rule: whoever drives the core carries out every Step, in the order in which they were answered, before it believes
anything of the next. Nothing here does I/O; the parts that decide are `links`, `granting`,
`exchange`, `unlearning`, `owed` and `mailbox`.
"""

from collections.abc import Callable, Iterable
from typing import Any

from hdus_peer.domain.clock import Instant
from hdus_peer.domain.identity import PeerId
from hdus_peer.protocol import alarms, erasure
from hdus_peer.protocol.contacts import BINDING, Contacts
from hdus_peer.protocol.deadlines import Deadlines
from hdus_peer.protocol.equivocation import Equivocations
from hdus_peer.protocol.exchange import Exchange
from hdus_peer.protocol.granting import Granting
from hdus_peer.protocol.lapsing import Lapsing
from hdus_peer.protocol.leases import LeaseClock
from hdus_peer.protocol.limits import Limits
from hdus_peer.protocol.links import Link, LinkPhase, Links
from hdus_peer.protocol.mailbox import Mailbox
from hdus_peer.protocol.messages import (
    Announce,
    AnnounceRequest,
    Equivocation,
    Goodbye,
    Greeting,
    Heartbeat,
    HeldManifest,
    Inventory,
    Key,
    KeyRefused,
    KeyRequest,
    ManifestRequest,
    Merged,
    Message,
    Notices,
    Receipt,
    ReceiptAck,
    Release,
    ReleaseAck,
    Renewal,
    TombstoneDigest,
    TombstoneRequest,
)
from hdus_peer.protocol.owed import Owed
from hdus_peer.protocol.records import ErasureRow, HeldSeedRow, MemberRow, Row, TombstoneRow
from hdus_peer.protocol.renewing import Renewing
from hdus_peer.protocol.restored import Restored
from hdus_peer.protocol.spreading import Spreading
from hdus_peer.protocol.state import Draft, Me, Random, State
from hdus_peer.protocol.step import (
    NOTHING,
    AddressFound,
    AdmitRefused,
    Admitted,
    Command,
    DialFailed,
    Done,
    Erased,
    Fetched,
    FetchFailed,
    Forget,
    Identified,
    Leave,
    LinkDown,
    LinkUp,
    NeighbourChange,
    NetworkChanged,
    Obey,
    Publish,
    Rejoin,
    Retrain,
    Step,
)
from hdus_peer.protocol.unlearning import Unlearning
from hdus_peer.protocol.usage import Usage

COMPARED = frozenset({Heartbeat, Inventory})
"""Messages that are compared with what is known here: where nothing is answered, nothing was learned."""


class PeerCore:
    def __init__(self, me: Me, limits: Limits, recovered: Iterable[Row], rng: Random) -> None:
        self.state = State(me, limits, recovered, rng)
        self.contacts = Contacts(self.state)
        self.links = Links(self.state, self.contacts)
        self.leases = LeaseClock(self.state)
        self.renewing = Renewing(self.state, self.links)
        self.granting = Granting(self.state, self.links, self.renewing)
        self.usage = Usage(self.state, self.leases)
        self.exchange = Exchange(self.state, self.links, self.usage, self.leases, self.contacts.expected)
        self.lapsing = Lapsing(self.state, self.leases, self.exchange, self.usage)
        self.mailbox = Mailbox(self.state, self.links)
        self.owed = Owed(self.state, self.links, self.exchange)
        self.spreading = Spreading(self.state, self.links)
        self.unlearning = Unlearning(self.state, self.links, self.exchange, self.usage, self.owed, self.spreading)
        self.restored = Restored(self.state, self.granting, self.exchange, self.usage, self.unlearning)
        self.equivocations = Equivocations(
            self.state, self.links, self.granting, self.exchange, self.unlearning, self.restored, self.spreading
        )
        self._handlers = self._message_handlers()
        self._timed: tuple[alarms.Timed, ...] = (
            self.links,
            self.exchange,
            self.usage,
            self.unlearning,
            self.spreading,
            self.owed,
            self.renewing,
            self.lapsing,
            self.equivocations,
            self.contacts,
        )
        self._deadlines = self._make_deadlines()

    def _make_deadlines(self) -> Deadlines:
        restless = [part for part in self._timed if part not in (self.lapsing, self.equivocations, self.contacts)]
        by_table: dict[type, tuple[alarms.Timed, ...]] = {
            **dict.fromkeys((MemberRow, TombstoneRow, *BINDING), (self.contacts,)),
            HeldSeedRow: (self.contacts, self.lapsing, self.equivocations),
        }
        return Deadlines(self._timed, restless, by_table)

    # --- inputs -----------------------------------------------------------------------------------------------------
    def start(self, now: Instant) -> Step:
        """The first input of a run, carried out before a port opens: counts the run, redoes unfinished erasures."""
        self._deadlines.ask_all()
        draft = Draft(self.state)
        self.state.change_self(draft)
        erasure.resume(self.state, draft)
        self.usage.on_start(now)
        self.lapsing.on_start(now, draft)
        return draft.step()

    def command(self, command: Command, now: Instant) -> Step:
        self._deadlines.ask_all()
        draft = Draft(self.state)
        match command:
            case Publish():
                self.granting.publish(command, now, draft)
            case Leave():
                self.unlearning.leave(now, draft)
            case Rejoin():
                self.unlearning.rejoin(draft)
            case Forget():
                self.unlearning.forget(command, now, draft)
            case Obey(item=item):
                self.unlearning.on_notice(self.state.me.peer, item, now, draft)
            case Retrain():
                self.state.change_self(draft, job_epoch=self.state.row.job_epoch + 1)
        return draft.step()

    def neighbour(self, change: NeighbourChange, now: Instant) -> Step:
        draft = Draft(self.state)
        match change:
            case AddressFound():
                self.contacts.on_address(change, now)
            case LinkUp():
                self.links.on_up(change, now, draft)
            case LinkDown():
                self.links.on_down(change, now, draft)
                self.exchange.on_link_down(change.peer, now)
            case NetworkChanged():
                self.links.on_network_changed(now)
                self.contacts.on_network_changed(now)
                self.links.on_timer(now, draft)
                draft.tell("NetworkChanged", cause=change.cause)
        if self.contacts.due_s() <= now.boot_s:
            self.contacts.on_timer(now, draft)
        if isinstance(change, AddressFound):
            self._deadlines.ask(self.contacts)
        else:
            self._deadlines.ask_again(draft, self.contacts)
        return draft.step()

    def receive(self, sender: PeerId, message: Message, now: Instant) -> Step:
        """A message whose signatures were verified and whose link was authenticated as `sender`."""
        draft = Draft(self.state)
        link = self.links.get(sender)
        if link is None:
            draft.refuse(sender, "no-link")
        else:
            self.links.on_heard(link, now, draft)
            self._dispatch(link, message, now, draft)
        step = draft.step()
        if step is NOTHING and type(message) in COMPARED:
            self._deadlines.ask(self.links)
        else:
            self._deadlines.ask_again(draft)
        return step

    def done(self, done: Done, now: Instant) -> Step:
        """What came of an effect."""
        draft = Draft(self.state)
        match done:
            case Identified():
                self.contacts.on_identified(done, now)
                self.contacts.on_timer(now, draft)
            case DialFailed():
                self.contacts.on_dial_failed(done, now)
            case Fetched():
                self.exchange.on_fetched(done, now, draft)
            case FetchFailed():
                self.exchange.on_fetch_failed(done, now, draft)
            case Admitted():
                self.exchange.on_admitted(done, now, draft)
            case AdmitRefused():
                self.exchange.on_admit_refused(done, draft)
            case Erased():
                self._on_erased(done, now, draft)
        self._deadlines.ask_again(draft, self.contacts)
        return draft.step()

    def timer(self, now: Instant) -> Step:
        self._deadlines.ask_all()
        draft = Draft(self.state)
        for part in self._timed:
            if part.due_s() <= now.boot_s:
                part.on_timer(now, draft)
        return draft.step()

    def next_deadline(self) -> float | None:
        """The instant of the boot clock (s) at which `timer` is to be called, or None. A call too many does nothing."""
        return self._deadlines.earliest_s()

    # --- questions that change nothing ------------------------------------------------------------------------------
    def serves(self, peer: PeerId, payload_sha256: str) -> bool:
        """Whether `peer` may read this payload now."""
        return self.granting.serves(peer, payload_sha256)

    # --- messages ---------------------------------------------------------------------------------------------------
    def _message_handlers(self) -> dict[type, Callable[[Link, Any, Instant, Draft], None]]:
        granting, exchange, unlearning, owed = self.granting, self.exchange, self.unlearning, self.owed
        return {
            Notices: self._on_notices,
            Merged: self._on_merged,
            Heartbeat: self._on_heartbeat,
            TombstoneDigest: lambda link, message, now, draft: unlearning.on_digest(link, message, draft),
            TombstoneRequest: lambda link, message, now, draft: unlearning.on_request(link, message, draft),
            Announce: self._on_announce,
            AnnounceRequest: lambda link, message, now, draft: granting.announce(link.peer, draft),
            KeyRequest: granting.on_key_request,
            Key: exchange.on_key,
            Renewal: self.lapsing.on_renewal,
            KeyRefused: lambda link, message, now, draft: exchange.on_key_refused(link, message, draft),
            Receipt: self._on_receipt,
            ReceiptAck: self._on_receipt_ack,
            Release: lambda link, message, now, draft: unlearning.on_release(link, message, draft),
            ReleaseAck: lambda link, message, now, draft: owed.on_release_ack(link, message, draft),
            Inventory: lambda link, message, now, draft: self.equivocations.on_inventory(link, message, now, draft),
            ManifestRequest: lambda link, message, now, draft: self.equivocations.on_request(link, message, draft),
            HeldManifest: lambda link, message, now, draft: self.equivocations.on_manifest(
                link.peer, message.manifest, now, draft
            ),
            Equivocation: lambda link, message, now, draft: self.equivocations.on_proof(link.peer, message, now, draft),
        }

    def _dispatch(self, link: Link, message: Message, now: Instant, draft: Draft) -> None:
        handler = self._handlers.get(type(message))
        if isinstance(message, Greeting):
            self._on_greeting(link, message, now, draft)
        elif isinstance(message, Goodbye):
            draft.tell("Goodbye", link.peer, reason=message.reason[:80])
        elif link.phase is LinkPhase.GREETING:
            self.links.refuse_and_hang_up(link.peer, "no-greeting", draft)
        elif handler is not None:
            handler(link, message, now, draft)
        else:
            draft.tell("Ignored", link.peer, message=type(message).__name__)

    def _on_greeting(self, link: Link, greeting: Greeting, now: Instant, draft: Draft) -> None:
        if self.links.on_greeting(link, greeting, draft):
            if greeting.echo is not None:
                self.restored.on_echo(greeting.echo, now, draft)
            if link.is_first:
                self.restored.on_first_met(link.peer, now, draft)
            if link.is_another_run:
                self.unlearning.answer_again(link.peer, now, draft)
            self.owed.on_greeted(link.peer, now, draft)
            self.mailbox.hand_over(link.peer, draft)

    def _on_notices(self, link: Link, message: Notices, now: Instant, draft: Draft) -> None:
        for item in message.items:
            self.unlearning.on_notice(link.peer, item, now, draft)
        if message.last:
            link.merged_theirs = True
            draft.send(link.peer, Merged())
            self._try_open(link, now, draft)

    def _on_merged(self, link: Link, message: Merged, now: Instant, draft: Draft) -> None:
        link.merged_mine = True
        self._try_open(link, now, draft)

    def _try_open(self, link: Link, now: Instant, draft: Draft) -> None:
        if self.links.try_open(link, draft):
            self.usage.on_open(link.peer, now, draft)
            self.exchange.on_open(now, draft)
            self.granting.announce(link.peer, draft)
            self.renewing.on_open(link.peer, now, draft)
            self.equivocations.on_open(link.peer, draft)

    def _on_announce(self, link: Link, message: Announce, now: Instant, draft: Draft) -> None:
        self.exchange.on_announce(link, message.manifest, now, draft)
        if link.peer == message.manifest.statement.owner:
            self.equivocations.on_manifest(link.peer, message.manifest, now, draft)

    def _on_heartbeat(self, link: Link, beat: Heartbeat, now: Instant, draft: Draft) -> None:
        self.links.on_heartbeat(link, beat, draft)
        self.unlearning.on_heartbeat(link, beat, draft)
        self.exchange.on_heartbeat(link, beat, draft)

    def _on_receipt(self, link: Link, message: Receipt, now: Instant, draft: Draft) -> None:
        if message.receipt.statement.owner == self.state.me.peer:
            self.unlearning.on_receipt(link, message, draft)
        else:
            self.mailbox.on_receipt(link, message, now, draft)

    def _on_receipt_ack(self, link: Link, ack: ReceiptAck, now: Instant, draft: Draft) -> None:
        if ack.holder == self.state.me.peer:
            self.owed.on_receipt_ack(link, ack, draft)
        else:
            self.mailbox.on_receipt_ack(link, ack, draft)

    def _on_erased(self, done: Erased, now: Instant, draft: Draft) -> None:
        row = self.state.get(ErasureRow, done.erasure)
        if row is not None:
            self.unlearning.on_erased(row, now, draft)
            self.exchange.consider(now, draft)
