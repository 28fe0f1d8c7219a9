"""What this peer owes as a holder: receipts after a notice, releases without one, until their owner acknowledges them.

Rules
1. What is owed is durable before it is sent, and sent again until it is acknowledged.
2. A release closes every grant up to its number, so it waits until nothing of an earlier grant is here.
3. A receipt dated outside this peer's membership (its clock was wrong, its credentials were renewed) would be refused
   for ever: it is signed anew. What it states is still so, because a tombstone is never taken back.
4. While the owner is out of reach, a receipt is left with the members of the highest hash(owner, member) among those
   in reach, at most `mailboxes_max` of them: owner and holder need never be up at the same time.
"""

from dataclasses import replace

from hdus_peer.domain.clock import Instant
from hdus_peer.domain.envelope import Signed
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.unlearning import ErasureReceipt, SeedRelease
from hdus_peer.protocol import overlay
from hdus_peer.protocol.alarms import NEVER_S
from hdus_peer.protocol.erasure import Cause
from hdus_peer.protocol.exchange import Exchange
from hdus_peer.protocol.links import Link, LinkPhase, Links
from hdus_peer.protocol.messages import Receipt, ReceiptAck, Release, ReleaseAck
from hdus_peer.protocol.records import ErasureRow, OwedReceiptRow, OwedReleaseRow
from hdus_peer.protocol.state import Draft, State


class Owed:
    def __init__(self, state: State, links: Links, exchange: Exchange) -> None:
        self._state = state
        self._links = links
        self._exchange = exchange
        self._due_s = 0.0
        self._put_off: dict[PeerId, int] = {}  # what was granted and is erased, while something earlier is not
        self._mailed: dict[PeerId, dict[PeerId, bool]] = {}  # owner -> mailbox -> whether it said that it keeps it

    def receipt(self, row: ErasureRow, now: Instant, draft: Draft) -> None:
        """An erasure that a notice asked for is done."""
        owed = self._state.get(OwedReceiptRow, row.owner)
        if owed is None or owed.receipt.statement.through <= row.through:
            self._state.put(draft, OwedReceiptRow(row.owner, self.signed(row, now)))
            self._mailed.pop(row.owner, None)
        self.send(row.owner, now, draft)

    def signed(self, row: ErasureRow, now: Instant) -> Signed[ErasureReceipt]:
        """The receipt for an erasure that is done."""
        receipt = ErasureReceipt(
            holder=self._state.me.peer,
            owner=row.owner,
            through=row.through,
            erased=row.payloads,
            grant_highest=row.grant,
            state_sequence=self._state.next_sequence,
            run_nonce=self._state.me.run_nonce,
            issued_at_s=now.unix_s,
        )
        return self._state.me.sign(receipt)

    def release(self, row: ErasureRow, now: Instant, draft: Draft) -> None:
        """An erasure without a notice is done: what was granted for it is held no more."""
        number, owed = self._releasable(row), self._state.get(OwedReleaseRow, row.owner)
        if not number:
            self._put_off[row.owner] = max(row.grant, self._put_off.get(row.owner, 0))
        if number > (owed.release.statement.grant if owed else 0):
            me, sequence = self._state.me, self._state.next_sequence
            release = me.sign(SeedRelease(me.peer, row.owner, number, row.cause, sequence, now.unix_s))
            self._state.put(draft, OwedReleaseRow(row.owner, release))
            self.send(row.owner, now, draft)

    def _releasable(self, row: ErasureRow) -> int:
        """Through which grant nothing is here any more; 0 while an earlier grant's seed is held or being erased."""
        unfinished = [other for other in self._state.all(ErasureRow) if other.owner == row.owner]
        if any(other.cause == Cause.NOTICE and other.payloads for other in unfinished):
            return 0  # it may be about several grants; its receipt closes them
        present = [*(other.grant for other in unfinished if other.grant), *self._exchange.grants_of(row.owner)]
        number = min(present) - 1 if present else max(row.grant, self._put_off.pop(row.owner, 0))
        return number if number >= row.grant else 0

    def on_greeted(self, peer: PeerId, now: Instant, draft: Draft) -> None:
        self._forget_lost(peer)
        self.send(peer, now, draft)

    def send(self, owner: PeerId, now: Instant, draft: Draft) -> None:
        """To the owner itself, if its link is greeted."""
        if self._due_s <= now.boot_s:
            self._due_s = now.boot_s + self._state.limits.owed_retry_s
        link = self._links.get(owner)
        if link is None or link.phase == LinkPhase.GREETING:
            return
        receipt, release = self._state.get(OwedReceiptRow, owner), self._state.get(OwedReleaseRow, owner)
        if receipt is not None:
            draft.send(owner, Receipt(self._dated(receipt, now, draft), self._state.me.membership))
        if release is not None:
            draft.send(owner, Release(release.release))

    def _dated(self, row: OwedReceiptRow, now: Instant, draft: Draft) -> Signed[ErasureReceipt]:
        """The receipt with a date within my membership, if today is within it."""
        me, receipt = self._state.me, row.receipt.statement
        membership = me.membership.statement
        if membership.covers(receipt.issued_at_s) or not membership.covers(now.unix_s):
            return row.receipt
        sequence = self._state.next_sequence
        anew = replace(receipt, state_sequence=sequence, run_nonce=me.run_nonce, issued_at_s=now.unix_s)
        row = replace(row, receipt=me.sign(anew))
        self._state.put(draft, row)
        return row.receipt

    def _mail(self, owner: PeerId, now: Instant, draft: Draft) -> None:
        """Leave the receipt with those who may meet the owner, once with each."""
        owed, mailed = self._state.get(OwedReceiptRow, owner), self._mailed.setdefault(owner, {})
        members = [link.peer for link in self._links.greeted() if link.phase == LinkPhase.OPEN]
        free = self._state.limits.mailboxes_max - len(mailed)
        if owed is None or free <= 0:
            return
        for member in overlay.mailboxes(owner, (member for member in members if member not in mailed), free):
            mailed[member] = False
            draft.send(member, Receipt(self._dated(owed, now, draft), self._state.me.membership))

    def _forget_lost(self, peer: PeerId) -> None:
        """A new link to a mailbox: what was sent on the one before and not acknowledged may have been lost."""
        for mailed in self._mailed.values():
            if not mailed.get(peer, True):
                del mailed[peer]

    def on_receipt_ack(self, link: Link, ack: ReceiptAck, draft: Draft) -> None:
        """Its owner has my receipt, or a mailbox."""
        owed = self._state.get(OwedReceiptRow, ack.owner)
        if ack.holder != self._state.me.peer or owed is None or owed.receipt.statement.through > ack.through:
            return
        if ack.owner == link.peer:
            self._state.delete(draft, owed)
            self._mailed.pop(ack.owner, None)
        else:
            self._mailed.setdefault(ack.owner, {})[link.peer] = True

    def on_release_ack(self, link: Link, ack: ReleaseAck, draft: Draft) -> None:
        owed = self._state.get(OwedReleaseRow, link.peer)
        if owed is not None and owed.release.statement.grant <= ack.grant:
            self._state.delete(draft, owed)

    def on_timer(self, now: Instant, draft: Draft) -> None:
        if self._due_s <= now.boot_s:
            self._due_s = now.boot_s + self._state.limits.owed_retry_s
            for owner in self._owners():
                self.send(owner, now, draft)
                if self._links.get(owner) is None:
                    self._mail(owner, now, draft)

    def _owners(self) -> list[PeerId]:
        receipts = {row.owner for row in self._state.all(OwedReceiptRow)}
        return sorted(receipts | {row.owner for row in self._state.all(OwedReleaseRow)})

    def due_s(self) -> float:
        owes = self._state.has(OwedReceiptRow) or self._state.has(OwedReleaseRow)
        return self._due_s if owes and self._links.has_greeted() else NEVER_S
