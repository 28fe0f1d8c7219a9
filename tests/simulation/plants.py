"""Mistakes that a change might bring back into the protocol, the driver or a repository.

Rule: a plant is as small as the mistake it stands for, and is made in the product's own code path.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from hdus_peer.domain.clock import Instant
from hdus_peer.domain.envelope import SignedEnvelope, reopen_trusted
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.unlearning import SeedRelease, UnlearnKind
from hdus_peer.driver import Driver
from hdus_peer.protocol import awaited, erasure, tombstones
from hdus_peer.protocol.equivocation import Equivocations
from hdus_peer.protocol.erasure import Cause
from hdus_peer.protocol.exchange import Exchange, Incoming
from hdus_peer.protocol.granting import Granting
from hdus_peer.protocol.lapsing import Lapsing
from hdus_peer.protocol.leases import LeaseClock
from hdus_peer.protocol.links import Link, LinkPhase
from hdus_peer.protocol.messages import (
    Greeting,
    Key,
    KeyRequest,
    Message,
    NoticeItem,
    Notices,
    ReceiptAck,
    Release,
    Renewal,
)
from hdus_peer.protocol.owed import Owed
from hdus_peer.protocol.peer import PeerCore
from hdus_peer.protocol.records import ErasureRow, GrantRow, HeldSeedRow, OwedReceiptRow, TombstoneRow
from hdus_peer.protocol.renewing import Renewing
from hdus_peer.protocol.restored import Restored
from hdus_peer.protocol.state import Draft, State
from hdus_peer.protocol.step import Admitted, Forget, Publish, Put, Step, Write
from hdus_peer.protocol.unlearning import Unlearning
from hdus_peer.repository.memory import MemoryPartial, MemoryRepository
from hdus_peer.simulation import device as device_module
from hdus_peer.simulation.checker import Checker
from hdus_peer.simulation.device import Device
from hdus_peer.simulation.network import Network
from hdus_peer.simulation.plan import HORIZON_S
from hdus_peer.transport.envelopes import EnvelopeOpener


def commit_and_send_swapped(patch: pytest.MonkeyPatch) -> None:
    class Hasty(Driver):
        def execute(self, step: Step) -> None:
            self.finish(step)
            self.commit([step])

    patch.setattr(device_module, "Driver", Hasty)


def receipt_before_erased(patch: pytest.MonkeyPatch) -> None:
    merge = Unlearning._merge

    def hasty(self: Unlearning, sender: Any, row: TombstoneRow, now: Instant, draft: Draft) -> None:
        merge(self, sender, row, now, draft)
        for begun in self._state.all(ErasureRow):
            if begun.owner == row.owner and begun.cause == Cause.NOTICE:
                self._owed.receipt(begun, now, draft)

    patch.setattr(Unlearning, "_merge", hasty)


def writes_one_by_one(patch: pytest.MonkeyPatch) -> None:
    def commit(self: Device, writes: Sequence[Write]) -> None:
        self.tick()
        self.judge.before_commit(self, writes)
        for write in writes:
            self.repository.commit([write])
            self.tick()
        self.judge.after_commit(self)

    patch.setattr(Device, "commit", commit)


def hash_check_gone(patch: pytest.MonkeyPatch) -> None:
    finish = MemoryPartial.finish

    def trusting(self: MemoryPartial) -> None:
        if not self._is_complete and len(self._bytes) == self._size:
            self._state.payloads[self._sha256] = bytes(self._bytes)
        else:
            finish(self)

    patch.setattr(MemoryPartial, "finish", trusting)


def truncated_payload_accepted(patch: pytest.MonkeyPatch) -> None:
    finish = MemoryPartial.finish

    def trusting(self: MemoryPartial) -> None:
        if not self._is_complete and len(self._bytes) < self._size:
            self._state.payloads[self._sha256] = bytes(self._bytes)
        else:
            finish(self)

    patch.setattr(MemoryPartial, "finish", trusting)


def signature_check_gone(patch: pytest.MonkeyPatch) -> None:
    def trusting(self: EnvelopeOpener, envelope: SignedEnvelope, kind: Any) -> Any:
        signed = reopen_trusted(envelope, kind)
        self._check_author(signed)
        return signed

    patch.setattr(EnvelopeOpener, "open", trusting)


def ownership_check_gone(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Unlearning, "_problem", lambda self, item: "")


def late_training_publishes(patch: pytest.MonkeyPatch) -> None:
    publish = Granting.publish

    def trusting(self: Granting, command: Publish, now: Instant, draft: Draft) -> None:
        publish(self, replace(command, job_epoch=self._state.row.job_epoch), now, draft)

    patch.setattr(Granting, "publish", trusting)


def forgetter_answers_early(patch: pytest.MonkeyPatch) -> None:
    forget = Unlearning.forget

    def hasty(self: Unlearning, command: Forget, now: Instant, draft: Draft) -> None:
        forget(self, command, now, draft)
        for begun in self._state.all(ErasureRow):
            if begun.cause == Cause.FORGOTTEN:
                self._on_forgotten(begun, now, draft)

    patch.setattr(Unlearning, "forget", hasty)


def tombstone_not_durable(patch: pytest.MonkeyPatch) -> None:
    commit = MemoryRepository.commit

    def forgetful(self: MemoryRepository, writes: Sequence[Write]) -> None:
        commit(self, [write for write in writes if not (isinstance(write, Put) and type(write.row) is TombstoneRow)])

    patch.setattr(MemoryRepository, "commit", forgetful)


def key_before_its_grant(patch: pytest.MonkeyPatch) -> None:
    on_key_request = Granting.on_key_request

    def hasty(self: Granting, link: Link, request: KeyRequest, now: Instant, draft: Draft) -> None:
        """The grant is written down with the next one."""
        on_key_request(self, link, request, now, draft)
        late: dict[Any, Write] = getattr(self, "late", {})
        mine = {key: write for key, write in draft.writes.items() if key[0] is GrantRow}
        for key in mine:
            del draft.writes[key]
        draft.writes |= late
        self.late = mine  # type: ignore[attr-defined]

    patch.setattr(Granting, "on_key_request", hasty)


def generation_reused_after_a_restart(patch: pytest.MonkeyPatch) -> None:
    publish = Granting.publish

    def forgetful(self: Granting, command: Publish, now: Instant, draft: Draft) -> None:
        """The count begins anew with every run, and no clock stands in for it."""
        self._state.change_self(draft, generation_highest=getattr(self, "count", 0))
        publish(self, command, Instant(now.boot_s, 0.0), draft)
        self.count = self._state.row.generation_highest  # type: ignore[attr-defined]

    patch.setattr(Granting, "publish", forgetful)


def notices_not_merged_first(patch: pytest.MonkeyPatch) -> None:
    on_greeting = PeerCore._on_greeting

    def hasty(self: PeerCore, link: Link, greeting: Greeting, now: Instant, draft: Draft) -> None:
        on_greeting(self, link, greeting, now, draft)
        if link.phase == LinkPhase.MERGING:
            link.merged_mine = link.merged_theirs = True
            self._try_open(link, now, draft)

    patch.setattr(PeerCore, "_on_greeting", hasty)


def adoption_without_a_second_look(patch: pytest.MonkeyPatch) -> None:
    on_key = Exchange.on_key

    def remember(self: Exchange, link: Link, key: Key, now: Instant, draft: Draft) -> None:
        on_key(self, link, key, now, draft)
        checked: dict[Any, Incoming] = self.__dict__.setdefault("checked", {})
        checked |= {incoming.payload: incoming for incoming in self.incoming.values() if incoming.grant}

    def blind(self: Exchange, done: Admitted, now: Instant, draft: Draft) -> None:
        incoming = self.__dict__["checked"].pop(done.payload_sha256)
        self.incoming.pop(done.owner, None)
        self._adopt(incoming, incoming.grant, now, draft)

    patch.setattr(Exchange, "on_key", remember)
    patch.setattr(Exchange, "on_admitted", blind)


def summation_in_order_of_arrival(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(State, "held", lambda self: self.all(HeldSeedRow))


def release_while_an_earlier_grant_is_held(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Owed, "_releasable", lambda self, row: row.grant)


def receipt_silent_about_unfinished_erasures(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(erasure, "_with_unfinished", lambda state, owner, payloads, **more: payloads)


def leaver_forgets_to_depart(patch: pytest.MonkeyPatch) -> None:
    begin = erasure.begin

    def forgetful(state: State, draft: Draft, owner: Any, cause: Cause, payloads: Any, **more: Any) -> None:
        begin(state, draft, owner, cause, () if cause == Cause.DEPARTURE else payloads, **more)

    patch.setattr(erasure, "begin", forgetful)


def early_notices_lost(patch: pytest.MonkeyPatch) -> None:
    """No fault, but a network that loses every notice that is passed on, until peace comes."""
    send = Network.send

    def losing(self: Network, me: PeerId, peer: PeerId, message: Message | bytes) -> None:
        if not (isinstance(message, Notices) and not message.last and self.world.now_s < HORIZON_S):
            send(self, me, peer, message)

    patch.setattr(Network, "send", losing)


def heartbeat_without_root(patch: pytest.MonkeyPatch) -> None:
    early_notices_lost(patch)
    patch.setattr(Unlearning, "on_heartbeat", lambda self, link, beat, draft: None)


def first_departure_taken_for_the_second(patch: pytest.MonkeyPatch) -> None:
    """A second leave believes the departure of the first, which comes back from a neighbour, for its own."""
    write = tombstones.write_own

    def forgetful(state: State, kind: UnlearnKind, now: Instant, draft: Draft) -> TombstoneRow:
        row = replace(write(state, kind, now, draft), departure=None)
        state.put(draft, row)
        return row

    def hasty(self: Unlearning, draft: Draft) -> None:
        row = self._state.get(TombstoneRow, self._state.me.peer)
        if self._state.row.phase == "leaving" and row is not None and row.departure and not self.open_grants():
            self._state.change_self(draft, phase="left")

    patch.setattr(tombstones, "write_own", forgetful)
    patch.setattr(Unlearning, "_try_to_finish", hasty)


def buckets_that_find_nothing(patch: pytest.MonkeyPatch) -> None:
    early_notices_lost(patch)
    patch.setattr(tombstones, "bucket_hashes", lambda state: ("",) * 256)


def lease_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LeaseClock, "lapsed", lambda self, now: [])
    patch.setattr(LeaseClock, "due_s", lambda self: float("inf"))


def used_after_its_lease(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LeaseClock, "end_uses", lambda self, now: [])
    patch.setattr(LeaseClock, "due_s", lambda self: min(self._hold_until_s.values(), default=float("inf")))


def lease_longer_after_a_restart(patch: pytest.MonkeyPatch) -> None:
    resume = LeaseClock.resume
    patch.setattr(LeaseClock, "resume", lambda self, row, now: resume(self, replace(row, counted_at_s=0), now))


def end_of_lease_not_durable(patch: pytest.MonkeyPatch) -> None:
    def forgetful(self: Renewing, peers: set[PeerId], now: Instant, draft: Draft) -> None:
        grants = self._renewable(peers)
        for row in grants:
            draft.send(row.holder, Renewal(self.lease(row.generation, now, draft)))

    patch.setattr(Renewing, "_renew", forgetful)


def lapsed_while_leased(patch: pytest.MonkeyPatch) -> None:
    """A leaver waits for nobody whose lease is known."""
    patch.setattr(awaited, "is_lapsed", lambda hold_until_s, at_s, slack_s: hold_until_s > 0)


def inventories_not_compared(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Equivocations, "on_inventory", lambda self, link, inventory, now, draft: None)


def proof_kept_to_oneself(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Equivocations, "_pass_on", lambda self, sender, row, now, draft: None)
    patch.setattr(tombstones, "proofs", lambda state, buckets=(): [])


def proof_that_erases_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Unlearning, "erase_through", lambda self, owner, through, now, draft: None)


def equivocation_by_accident(patch: pytest.MonkeyPatch) -> None:
    """An honest owner's generation is used for two payloads, and proved so."""
    generation_reused_after_a_restart(patch)
    patch.setattr(Checker, "_on_publish", lambda self, device, row: None)


def restored_unnoticed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Restored, "on_echo", lambda self, echo, now, draft: None)
    patch.setattr(Restored, "on_holder", lambda self, holder, generations, now, draft: None)


def leave_not_said_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Unlearning, "say_again", lambda self, now, draft: None)


# --- plants of which each stands for a rule by itself ----------------------------------------------------------------
def tombstone_dropped(patch: pytest.MonkeyPatch) -> None:
    """It is tidied away as soon as the receipt is acknowledged."""
    on_receipt_ack = Owed.on_receipt_ack

    def tidy(self: Owed, link: Link, ack: ReceiptAck, draft: Draft) -> None:
        on_receipt_ack(self, link, ack, draft)
        row = self._state.get(TombstoneRow, ack.owner)
        if row is not None and self._state.get(OwedReceiptRow, ack.owner) is None:
            self._state.delete(draft, row)

    patch.setattr(Owed, "on_receipt_ack", tidy)


def notice_not_passed_on(patch: pytest.MonkeyPatch) -> None:
    """What others said is neither passed on nor repaired: everybody hears of a notice from its owner, or never."""
    messages = tombstones.messages

    def silent(state: State, rows: list[TombstoneRow], to: PeerId, is_whole: bool) -> Iterator[Notices]:
        return messages(state, [row for row in rows if row.owner == state.me.peer], to, is_whole)

    patch.setattr(tombstones, "messages", silent)


def receipt_for_a_later_generation(patch: pytest.MonkeyPatch) -> None:
    signed = Owed.signed
    patch.setattr(Owed, "signed", lambda self, row, now: signed(self, replace(row, through=row.through + 1), now))


def release_before_erased(patch: pytest.MonkeyPatch) -> None:
    begin = erasure.begin

    def hasty(state: State, draft: Draft, owner: Any, cause: Cause, payloads: Any, **more: Any) -> None:
        begin(state, draft, owner, cause, payloads, **more)
        if more.get("grant") and cause not in erasure.AT_ONCE:
            me, number = state.me, more["grant"]
            release = me.sign(SeedRelease(me.peer, owner, number, cause, state.next_sequence, 0))
            draft.send(owner, Release(release))

    patch.setattr(erasure, "begin", hasty)


def lease_renewed_by_a_stranger(patch: pytest.MonkeyPatch) -> None:
    def trusting(self: Lapsing, link: Link, message: Renewal, now: Instant, draft: Draft) -> None:
        row = self._state.get(HeldSeedRow, message.renewal.statement.owner)
        if row is not None and row.generation == message.renewal.statement.generation:
            self._state.put(draft, self._clock.begin(row, message.renewal, now.boot_s, now))

    patch.setattr(Lapsing, "on_renewal", trusting)


def rejoined_under_an_old_generation(patch: pytest.MonkeyPatch) -> None:
    publish = Granting.publish

    def forgetful(self: Granting, command: Publish, now: Instant, draft: Draft) -> None:
        """Counts on from its last seed, whatever its notice went through."""
        highest = self._state.row.through_highest
        self._state.change_self(draft, through_highest=0)
        publish(self, command, Instant(now.boot_s, 0.0), draft)
        self._state.change_self(draft, through_highest=highest)

    patch.setattr(Granting, "publish", forgetful)


def revocation_by_anybody(patch: pytest.MonkeyPatch) -> None:
    problem = Unlearning._problem

    def trusting(self: Unlearning, item: NoticeItem) -> str:
        return "" if item.notice.statement.kind == UnlearnKind.REVOKE else problem(self, item)

    patch.setattr(Unlearning, "_problem", trusting)


def quarantine_forgotten_on_restart(patch: pytest.MonkeyPatch) -> None:
    """What was held before is used from the start."""
    start = PeerCore.start

    def hasty(self: PeerCore, now: Instant) -> Step:
        step = start(self, now)
        self.usage.confirmed |= {row.owner for row in self.state.held()}
        draft = Draft(self.state)
        self.usage.use(draft)
        return replace(step, effects=(*step.effects, *draft.effects))

    patch.setattr(PeerCore, "start", hasty)


def use_resumed_after_a_restart(patch: pytest.MonkeyPatch) -> None:
    """That a lease was over is forgotten by the next run."""
    resume = LeaseClock.resume

    def forgetful(self: LeaseClock, row: HeldSeedRow, now: Instant) -> None:
        resume(self, replace(row, use_left_s=row.hold_left_s), now)

    patch.setattr(LeaseClock, "resume", forgetful)
