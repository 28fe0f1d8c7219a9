"""Unlearning: one primitive, the notice, and what follows from it on the owner's and on the holder's side.

Rules
1. A notice is taken only with the membership of its owner, and only if its owner (leave, forget) or the authority
   (revoke) signed it (I7). It is never refused for its date, its task or its version.
2. Holder: Step 1 writes the tombstone and the erasure and passes the notice on; Step 2, on `Erased`, owes the receipt
   (I1, `owed`). It may be empty.
3. Owner: a grant closes by a receipt through its generation, by a release through its number, or by its holder's
   departure. LEAVING becomes LEFT when none is waited for any more (`awaited`), this peer has departed itself, and a
   neighbour knows it.
4. A leaver erases what it holds of others and then signs its `Departure`, which travels with its notice.
5. A notice of my own key that I do not know (a restored backup) is obeyed; a leave is then said again (`say_again`).
6. Forgetting samples: I stay, and keep what I hold of others. The owner's own receipt, once whatever was learned from
   the samples is erased here, belongs to the certificate as every holder's does.
"""

from collections.abc import Iterable
from dataclasses import replace

from hdus_peer.domain.clock import Instant
from hdus_peer.domain.envelope import Signed
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.seed import GENERATION_MAX
from hdus_peer.domain.unlearning import (
    Departure,
    ErasureReceipt,
    UnlearnKind,
)
from hdus_peer.protocol import erasure, tombstones
from hdus_peer.protocol.alarms import NEVER_S
from hdus_peer.protocol.awaited import awaited, may_be_heard, open_grants
from hdus_peer.protocol.erasure import Cause
from hdus_peer.protocol.exchange import Exchange
from hdus_peer.protocol.links import Link, Links
from hdus_peer.protocol.mailbox import receipt_problem
from hdus_peer.protocol.messages import (
    Heartbeat,
    NoticeItem,
    Receipt,
    ReceiptAck,
    Release,
    ReleaseAck,
    TombstoneDigest,
    TombstoneRequest,
)
from hdus_peer.protocol.owed import Owed
from hdus_peer.protocol.records import (
    ErasureRow,
    ForgottenRow,
    GrantRow,
    HeldSeedRow,
    OwedReceiptRow,
    Phase,
    ReceiptRow,
    ReleaseRow,
    TombstoneRow,
)
from hdus_peer.protocol.spreading import Spreading
from hdus_peer.protocol.state import Draft, State
from hdus_peer.protocol.step import Forget
from hdus_peer.protocol.usage import Usage

DATE_LOOK_S = 3600.0
DATE_DOUBT_S = 300


class Unlearning:
    def __init__(
        self, state: State, links: Links, exchange: Exchange, usage: Usage, owed: Owed, spreading: Spreading
    ) -> None:
        self._state = state
        self._links = links
        self._exchange = exchange
        self._usage = usage
        self._owed = owed
        self._spreading = spreading
        self._is_known = False
        self._date_s = 0
        self._look_due_s = 0.0

    # --- my own leave -----------------------------------------------------------------------------------------------
    def leave(self, now: Instant, draft: Draft) -> None:
        """ACTIVE -> LEAVING. Said again while leaving, it sends the same notice again."""
        if self._state.is_active:
            self._begin_leave(now, draft)
        tombstone = self._state.get(TombstoneRow, self._state.me.peer)
        if tombstone is not None and self._state.row.phase == Phase.LEAVING:
            self._spreading.spread(tombstone, None, now, draft)
            self._try_to_finish(draft)

    def _begin_leave(self, now: Instant, draft: Draft) -> None:
        state = self._state
        through = tombstones.write_own(state, UnlearnKind.LEAVE, now, draft).through
        state.change_self(draft, phase=Phase.LEAVING)
        self._depart(draft)
        draft.tell("LeaveBegun", state.me.peer, through=through, holders=tombstones.holders_of(state, through))

    def _depart(self, draft: Draft) -> None:
        """Stop serving, and erase all that is held: my own sealed seed and everybody else's."""
        state, own = self._state, self._state.own_seed()
        payloads = self._exchange.drop_everything(draft)
        if own is not None:
            state.delete(draft, own)
            payloads = (own.manifest.statement.payload_sha256, *payloads)
        self._usage.use(draft)
        erasure.begin(state, draft, state.me.peer, Cause.DEPARTURE, payloads, through=state.next_sequence)

    def _on_departed(self, sequence: int, now: Instant, draft: Draft) -> None:
        """All that was asked for below `sequence`, that of the leave, is erased: sign it, and let it travel with the
        notice. (Not the sequence of now: whoever came back meanwhile may hold seeds again.)"""
        state, me = self._state, self._state.me
        tombstone = state.get(TombstoneRow, me.peer)
        if tombstone is None:
            return
        self._is_known = False
        departure = me.sign(Departure(me.peer, sequence, now.unix_s))
        tombstone = replace(tombstone, departure=_later(tombstone.departure, departure))
        state.put(draft, tombstone)
        self._spreading.spread(tombstone, None, now, draft)
        self._try_to_finish(draft)

    def rejoin(self, draft: Draft) -> None:
        """Come back: the tombstone stays, and the next generation is above it. Who was revoked cannot."""
        tombstone = self._state.get(TombstoneRow, self._state.me.peer)
        if tombstone is not None and tombstone.kind == UnlearnKind.REVOKE:
            draft.tell("RejoinRefused", self._state.me.peer, reason="revoked")
        elif not self._state.is_active:
            self._state.change_self(draft, phase=Phase.ACTIVE, job_epoch=self._state.row.job_epoch + 1)
            draft.tell("Rejoined", self._state.me.peer)

    def open_grants(self) -> list[GrantRow]:
        """Grants that a notice of mine covers and nobody has closed yet."""
        return open_grants(self._state)

    def _try_to_finish(self, draft: Draft) -> None:
        """LEAVING -> LEFT: departed, nobody is waited for, and somebody else knows of both notice and departure, who
        tells the owners that this peer has not met. Whom the authority revoked is not listened to: it does not wait."""
        tombstone = self._state.get(TombstoneRow, self._state.me.peer)
        is_departing = any(row.cause == Cause.DEPARTURE for row in self._state.all(ErasureRow))
        has_departed = tombstone is not None and tombstone.departure is not None and not is_departing
        is_revoked = tombstone is not None and tombstone.kind == UnlearnKind.REVOKE
        is_known = self._is_known or not may_be_heard(self._state, self._date_s)
        is_closed = is_revoked or (is_known and not awaited(self._state, self._date_s))
        if self._state.row.phase == Phase.LEAVING and has_departed and is_closed:
            self._state.change_self(draft, phase=Phase.LEFT)
            draft.tell("Left", self._state.me.peer, unanswered=len({row.holder for row in self.open_grants()}))

    # --- my own samples ---------------------------------------------------------------------------------------------
    def forget(self, command: Forget, now: Instant, draft: Draft) -> None:
        """One Step: the notice, the list of the samples, a new job epoch. What was trained before cannot publish."""
        state = self._state
        if not state.is_active or state.get(ForgottenRow, command.samples_sha256) is not None:
            draft.tell("ForgetRefused", state.me.peer, reason="known" if state.is_active else state.row.phase)
            return
        tombstone = tombstones.write_own(state, UnlearnKind.FORGET, now, draft)
        through = tombstone.through
        state.put(draft, ForgottenRow(command.samples_sha256, command.samples, through))
        state.change_self(draft, job_epoch=state.row.job_epoch + 1)
        self._erase_learned(through, draft)
        self._spreading.spread(tombstone, None, now, draft)
        holders = tombstones.holders_of(state, through)
        draft.tell("ForgetBegun", state.me.peer, through=through, samples=command.samples, holders=holders)

    def _erase_learned(self, through: int, draft: Draft) -> None:
        """My own sealed seed, and all that was learned from samples that are forgotten."""
        state, own = self._state, self._state.own_seed()
        payloads: tuple[str, ...] = ()
        if own is not None:
            state.delete(draft, own)
            payloads = (own.manifest.statement.payload_sha256,)
        erasure.begin(state, draft, state.me.peer, Cause.FORGOTTEN, payloads, through=through)

    def _on_forgotten(self, row: ErasureRow, now: Instant, draft: Draft) -> None:
        """The owner's own receipt: nothing here remembers the samples."""
        me = self._state.me
        self._state.put(draft, ReceiptRow(me.peer, me.peer, self._owed.signed(row, now)))
        draft.tell("Forgotten", me.peer, through=row.through)

    # --- notices ----------------------------------------------------------------------------------------------------
    def on_notice(self, sender: PeerId, item: NoticeItem, now: Instant, draft: Draft) -> None:
        notice = item.notice.statement
        problem = self._problem(item)
        if problem:
            draft.refuse(sender, problem)
            return
        old = self._state.get(TombstoneRow, notice.owner)
        departure = _later(old.departure if old else None, item.departure)
        if tombstones.supersedes(item.notice, old, self._state.me.root):
            row = TombstoneRow(notice.owner, notice.through, notice.kind, item.notice, item.membership, departure)
            self._merge(sender, row, now, draft)
        elif old is not None and departure is not old.departure:
            self._merge_departure(sender, replace(old, departure=departure), now, draft)

    def _problem(self, item: NoticeItem) -> str:
        notice, membership, departure = item.notice, item.membership, item.departure
        if membership.signer != self._state.me.root or membership.statement.peer != notice.statement.owner:
            return "no-membership"
        authors = {self._state.me.root}
        if notice.statement.kind != UnlearnKind.REVOKE:  # of a kind that a later version knows, too
            authors.add(notice.statement.owner)
        if notice.signer not in authors:
            return "not-owner"
        if departure and not departure.signer == departure.statement.holder == notice.statement.owner:
            return "not-owner"
        return ""

    def _merge(self, sender: PeerId, row: TombstoneRow, now: Instant, draft: Draft) -> None:
        self._state.put(draft, row)
        self._close_departed(row, draft)
        self._doubt(row, now, draft)
        if row.owner == self._state.me.peer:
            self._obey_own(row, now, draft)
            return
        self.erase_through(row.owner, row.through, now, draft)
        self._spreading.spread(row, sender, now, draft)
        self._confirm(sender, row, now, draft)
        if row.kind == UnlearnKind.REVOKE and self._links.get(row.owner) is not None:
            self._links.turn_away(row.owner, draft)
        draft.tell("TombstoneWritten", row.owner, through=row.through, kind=str(row.kind))

    def _doubt(self, row: TombstoneRow, now: Instant, draft: Draft) -> None:
        """A date in the future is told, and changes nothing: an owner whose clock is fast must be able to leave."""
        ahead_s = row.notice.statement.issued_at_s - now.unix_s
        if ahead_s > DATE_DOUBT_S:
            draft.tell("NoticeFromTheFuture", row.owner, ahead_s=ahead_s, through=row.through)

    def erase_through(self, owner: PeerId, through: int, now: Instant, draft: Draft) -> None:
        """Stop holding everything of `owner` up to `through`, and owe the receipt once it is erased."""
        held = self._state.get(HeldSeedRow, owner)
        was_used = held is not None and held.owner in self._usage.confirmed
        before = self._exchange.grants_of(owner)
        payloads = self._exchange.drop_through(owner, through, draft)
        grant = max(set(before) - set(self._exchange.grants_of(owner)), default=0)
        erasure.begin(self._state, draft, owner, Cause.NOTICE, payloads, through=through, grant=grant)
        if was_used and payloads:
            self._usage.use(draft)
        self._exchange.consider(now, draft)

    def _obey_own(self, row: TombstoneRow, now: Instant, draft: Draft) -> None:
        """My own signature (or the authority's), and I do not know of it: this state directory is an older copy."""
        was_active = self._state.is_active
        phase = Phase.HELD if row.kind == UnlearnKind.FORGET else Phase.LEAVING
        highest = max(self._state.row.generation_highest, min(row.through, GENERATION_MAX - 1))
        self._state.change_self(draft, phase=phase, through_highest=row.through, generation_highest=highest)
        if row.kind == UnlearnKind.FORGET:  # the list of the samples is lost, so nothing learned may stay
            self._erase_learned(row.through, draft)
        self._depart(draft)
        draft.tell("OwnNoticeObeyed", row.owner, through=row.through, kind=str(row.kind))
        if was_active:  # only then: two devices of one identity must not answer each other for ever
            self.say_again(now, draft)

    def say_again(self, now: Instant, draft: Draft) -> None:
        """I leave, and my state went backwards: what I forgot may be above the notice, and what is below it was
        answered to a run that is forgotten. A new notice covers all of it, and everybody answers anew."""
        state = self._state
        row = state.get(TombstoneRow, state.me.peer)
        if row is None or row.kind != UnlearnKind.LEAVE or state.row.phase != Phase.LEAVING:
            return
        highest = min(max(state.row.generation_highest, row.through + 1), GENERATION_MAX - 1)
        state.change_self(draft, generation_highest=highest)
        self._begin_leave(now, draft)
        self.leave(now, draft)

    def _merge_departure(self, sender: PeerId, row: TombstoneRow, now: Instant, draft: Draft) -> None:
        self._state.put(draft, row)
        self._close_departed(row, draft)
        self._spreading.spread(row, sender, now, draft)
        self._confirm(sender, row, now, draft)

    def _confirm(self, sender: PeerId, row: TombstoneRow, now: Instant, draft: Draft) -> None:
        """Let a leaver know at once that somebody knows: it may be waiting to go."""
        link = self._links.get(sender)
        if link is not None and sender == row.owner:
            self._links.beat(link, now, draft)

    def _close_departed(self, row: TombstoneRow, draft: Draft) -> None:
        if row.departure is not None:
            sequence = row.departure.statement.state_sequence
            mine = [grant for grant in self._state.all(GrantRow) if grant.holder == row.owner]
            self._close((grant for grant in mine if grant.holder_sequence < sequence), "departure", draft)

    # --- repair by comparing roots ----------------------------------------------------------------------------------
    def on_heartbeat(self, link: Link, beat: Heartbeat, draft: Draft) -> None:
        if beat.tombstone_root != tombstones.root(self._state):
            draft.send(link.peer, TombstoneDigest(tombstones.bucket_hashes(self._state)))
        elif self._state.row.phase == Phase.LEAVING:
            self._is_known = True
            self._try_to_finish(draft)

    def on_digest(self, link: Link, digest: TombstoneDigest, draft: Draft) -> None:
        pairs = zip(digest.hashes, tombstones.bucket_hashes(self._state), strict=True)
        buckets = tuple(number for number, (theirs, mine) in enumerate(pairs) if theirs != mine)
        if buckets:
            self.on_request(link, TombstoneRequest(buckets), draft)
            draft.send(link.peer, TombstoneRequest(buckets))

    def on_request(self, link: Link, request: TombstoneRequest, draft: Draft) -> None:
        rows = tombstones.rows_in(self._state, request.buckets)
        for message in tombstones.messages(self._state, rows, link.peer, is_whole=False) if rows else ():
            draft.send(link.peer, message)
        for proof in tombstones.proofs(self._state, request.buckets):
            draft.send(link.peer, proof)

    # --- erased: what follows ---------------------------------------------------------------------------------------
    def on_erased(self, row: ErasureRow, now: Instant, draft: Draft) -> None:
        if (row.cause == Cause.NOTICE or row.grant) and erasure.is_emptying(self._state):
            return  # done again below, once everything is gone
        self._state.delete(draft, row)
        draft.tell("SeedErased", row.owner, cause=row.cause, payloads=len(row.payloads), through=row.through)
        if row.cause == Cause.NOTICE:
            self._owed.receipt(row, now, draft)
        elif row.cause == Cause.DEPARTURE:
            self._on_departed(row.through, now, draft)
            erasure.resume(self._state, draft)
        elif row.cause == Cause.FORGOTTEN:
            self._on_forgotten(row, now, draft)
        elif row.cause == Cause.ROLLED_BACK:
            erasure.resume(self._state, draft)
        elif row.grant:
            self._owed.release(row, now, draft)

    def answer_again(self, owner: PeerId, now: Instant, draft: Draft) -> None:
        """Another run of it may be that of a backup, which a Hello that is not older does not show; my receipt was put
        back with it, and is owed anew. What it states is still so (I1, I2)."""
        state, through = self._state, self._state.through(owner)
        is_erasing = erasure.is_emptying(state) or any(row.owner == owner for row in state.all(ErasureRow))
        if through and not is_erasing and state.get(OwedReceiptRow, owner) is None:
            self._owed.receipt(ErasureRow(0, owner, Cause.NOTICE, through, 0, ()), now, draft)

    # --- receipts and releases of those who held my seed -------------------------------------------------------------
    def on_receipt(self, link: Link, message: Receipt, draft: Draft) -> None:
        """A receipt for me, from its holder or from a mailbox."""
        receipt = message.receipt.statement
        problem = receipt_problem(self._state, message)
        if problem:
            draft.refuse(link.peer, problem)
        elif receipt.through > self._state.through(self._state.me.peer):
            draft.refuse(link.peer, "no-notice")
        else:
            self._take_receipt(message.receipt, draft)
            draft.send(link.peer, ReceiptAck(receipt.owner, receipt.holder, receipt.through))

    def _take_receipt(self, receipt: Signed[ErasureReceipt], draft: Draft) -> None:
        holder, through = receipt.statement.holder, receipt.statement.through
        old = self._state.get(ReceiptRow, receipt.statement.owner, holder)
        if old is None or old.receipt.statement.through < through:
            self._state.put(draft, ReceiptRow(receipt.statement.owner, holder, receipt))
        rows = [row for row in self._state.all(GrantRow) if row.holder == holder and row.generation <= through]
        self._close(rows, "receipt", draft)

    def on_release(self, link: Link, message: Release, draft: Draft) -> None:
        release = message.release.statement
        if not message.release.signer == release.holder == link.peer or release.owner != self._state.me.peer:
            draft.refuse(link.peer, "not-holder")
            return
        old = self._state.get(ReleaseRow, link.peer)
        if old is None or old.release.statement.grant < release.grant:
            self._state.put(draft, ReleaseRow(link.peer, message.release))
        mine = [row for row in self._state.all(GrantRow) if row.holder == link.peer and row.grant <= release.grant]
        self._close(mine, "release", draft)
        draft.send(link.peer, ReleaseAck(release.grant))

    def _close(self, rows: Iterable[GrantRow], proof: str, draft: Draft) -> None:
        for row in rows:
            if not row.closed_by:
                self._state.put(draft, replace(row, closed_by=proof))
                draft.tell("GrantClosed", row.holder, grant=row.grant, by=proof)
        self._try_to_finish(draft)

    # --- time -------------------------------------------------------------------------------------------------------
    def _look_at_the_date(self, now: Instant, draft: Draft) -> None:
        """Leases end by the wall clock, which may be set meanwhile: look again when the next one is over, and now and
        then."""
        self._date_s, slack_s = now.unix_s, self._state.limits.lapse_slack_s
        self._try_to_finish(draft)
        untils_s = [row.hold_until_s for row in awaited(self._state, self._date_s) if row.hold_until_s]
        ends_s = [until_s + slack_s + 1 - now.unix_s for until_s in (*untils_s, self._state.row.hold_until_max_s)]
        self._look_due_s = now.boot_s + min([DATE_LOOK_S, *(end_s for end_s in ends_s if end_s > 0)])

    def on_timer(self, now: Instant, draft: Draft) -> None:
        if self._state.row.phase == Phase.LEAVING and self._look_due_s <= now.boot_s:
            self._look_at_the_date(now, draft)

    def due_s(self) -> float:
        return self._look_due_s if self._state.row.phase == Phase.LEAVING else NEVER_S


def _later(old: Signed[Departure] | None, new: Signed[Departure] | None) -> Signed[Departure] | None:
    """The departure of the higher sequence; the old one where they are equal."""
    if old is None or new is None:
        return old or new
    return new if new.statement.state_sequence > old.statement.state_sequence else old
