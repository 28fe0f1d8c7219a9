"""Mailbox: receipts that a holder leaves here for an owner that it cannot reach, until that owner has them.

Rules
1. Only the holder itself leaves its receipt, and only for a notice that is known here: one row for each owner and
   holder, so that nobody can fill a ledger with claims of others.
2. A receipt is durable before it is acknowledged, handed over at once where its owner is in reach, and on every
   greeting of its owner, and forgotten once the owner has it, or `mailbox_keep_s` after its date.
3. A mailbox relieves nobody: the holder owes its receipt until the owner itself acknowledged it.
"""

from hdus_peer.domain.clock import Instant
from hdus_peer.domain.identity import PeerId
from hdus_peer.protocol.links import Link, Links
from hdus_peer.protocol.messages import Receipt, ReceiptAck
from hdus_peer.protocol.records import MemberRow, ReceiptRow
from hdus_peer.protocol.state import Draft, State


def receipt_problem(state: State, message: Receipt) -> str:
    """Why the receipt is not its holder's, signed as a member of this network, in one word."""
    receipt, membership = message.receipt.statement, message.membership
    if message.receipt.signer != receipt.holder or membership.statement.peer != receipt.holder:
        return "not-holder"
    is_member = membership.signer == state.me.root and membership.statement.covers(receipt.issued_at_s)
    return "" if is_member else "no-membership"


class Mailbox:
    def __init__(self, state: State, links: Links) -> None:
        self._state = state
        self._links = links

    def on_receipt(self, link: Link, message: Receipt, now: Instant, draft: Draft) -> None:
        """A receipt for somebody else."""
        receipt = message.receipt.statement
        problem = receipt_problem(self._state, message) or self._problem(link, message)
        if problem:
            draft.refuse(link.peer, problem)
            return
        self._forget_old(now, draft)
        old = self._state.get(ReceiptRow, receipt.owner, receipt.holder)
        if old is None or old.receipt.statement.through < receipt.through:
            self._state.put(draft, ReceiptRow(receipt.owner, receipt.holder, message.receipt))
        draft.send(link.peer, ReceiptAck(receipt.owner, receipt.holder, receipt.through))
        if self._links.get(receipt.owner) in self._links.greeted():
            self.hand_over(receipt.owner, draft)

    def _problem(self, link: Link, message: Receipt) -> str:
        receipt = message.receipt.statement
        if receipt.holder != link.peer:
            return "not-holder"
        if receipt.through > self._state.through(receipt.owner):
            return "no-notice"
        return "" if self._state.is_active else "not-active"

    def hand_over(self, owner: PeerId, draft: Draft) -> None:
        """`owner` is in reach: it gets what lies here for it."""
        for row in sorted(self._state.all(ReceiptRow), key=lambda row: row.holder):
            member = self._state.get(MemberRow, row.holder)
            if row.owner == owner and member is not None:
                draft.send(owner, Receipt(row.receipt, member.membership))

    def on_receipt_ack(self, link: Link, ack: ReceiptAck, draft: Draft) -> None:
        """The owner has it."""
        row = self._state.get(ReceiptRow, ack.owner, ack.holder)
        is_for_it = row is not None and ack.owner == link.peer != self._state.me.peer
        if row is not None and is_for_it and row.receipt.statement.through <= ack.through:
            self._state.delete(draft, row)

    def _forget_old(self, now: Instant, draft: Draft) -> None:
        oldest_s = now.unix_s - self._state.limits.mailbox_keep_s
        for row in self._state.all(ReceiptRow):
            if row.owner != self._state.me.peer and row.receipt.statement.issued_at_s < oldest_s:
                self._state.delete(draft, row)
