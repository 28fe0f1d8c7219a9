"""The core's state as values for its owner: peers, seeds, holders, counts. Reads, never changes."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from hdus_peer.control.port import HolderView, LinkCounts, OwedAnswers, PeerView, SeedView
from hdus_peer.domain.clock import Instant
from hdus_peer.domain.identity import PeerId, short
from hdus_peer.protocol.contacts import Contact, Liveness
from hdus_peer.protocol.peer import PeerCore
from hdus_peer.protocol.records import (
    EquivocationRow,
    GrantRow,
    HeldSeedRow,
    MemberRow,
    OwedReceiptRow,
    OwedReleaseRow,
    ReceiptRow,
    TombstoneRow,
)


class Views:
    def __init__(self, core: PeerCore) -> None:
        self._core = core

    def name_of(self, peer: str) -> str:
        """The member's name; the short PeerId of one whose membership has not been seen."""
        if peer == self._core.state.me.peer:
            return self._core.state.me.membership.statement.name
        member = self._core.state.get(MemberRow, peer)
        return member.membership.statement.name if member else short(peer)

    def liveness(self, peer: PeerId) -> Liveness:
        contact = self._core.contacts.known.get(peer)
        return contact.liveness if contact else Liveness.GONE

    def link_counts(self) -> LinkCounts:
        counts = Counter(contact.liveness for contact in self._members())
        return LinkCounts(counts[Liveness.ALIVE], counts[Liveness.SUSPECT], counts[Liveness.GONE])

    def _members(self) -> list[Contact]:
        """Without names that were only ever spoken of."""
        return [contact for contact in self._core.contacts.known.values() if contact.is_proved]

    def is_lonely(self) -> bool:
        """Whether somebody that may come back is missing, or nobody was ever found."""
        gone = {row.owner for row in self._core.state.all(TombstoneRow)}
        dialled = (one for one in self._members() if self._core.contacts.is_acquainted(one.peer))
        known = [contact for contact in dialled if contact.peer not in gone]
        return not known or any(contact.liveness != Liveness.ALIVE for contact in known)

    def open_holders(self) -> int:
        return len({row.holder for row in self._core.state.all(GrantRow) if not row.closed_by})

    def peers(self, now: Instant) -> list[PeerView]:
        state = self._core.state
        known = {row.peer for row in state.all(MemberRow)} | self._core.contacts.known.keys()
        views = [self._peer(peer, now) for peer in known if peer != state.me.peer]
        return sorted(views, key=lambda view: (view.name, view.peer))

    def _peer(self, peer: PeerId, now: Instant) -> PeerView:
        state, contact, link = self._core.state, self._core.contacts.known.get(peer), self._core.links.get(peer)
        member, proof = state.get(MemberRow, peer), state.get(EquivocationRow, peer)
        heard_s = link.heard_s if link else contact.silent_since_s if contact and contact.was_linked else None
        return PeerView(
            peer=peer,
            name=self.name_of(peer),
            state=self.liveness(peer),
            address=self._core.contacts.last_address(peer),
            dialled=bool(link and link.dialled),
            generation=link.generation if link else 0,
            held=state.get(HeldSeedRow, peer) is not None,
            holds_mine=any(row.holder == peer and not row.closed_by for row in state.all(GrantRow)),
            cloned=bool(member and member.cloned),
            heard_ms=-1 if heard_s is None else max(0, round((now.boot_s - heard_s) * 1000)),
            equivocated=proof.generation if proof else 0,
        )

    def seeds(self, now: Instant) -> list[SeedView]:
        return [self._seed(row, now) for row in self._core.state.held()]

    def _seed(self, row: HeldSeedRow, now: Instant) -> SeedView:
        use_left_s, hold_left_s = (max(0, int(left_s)) for left_s in self._core.leases.left(row.owner, now))
        is_leased = not self._core.leases.is_over(row.owner)
        return SeedView(
            owner=row.owner,
            name=self.name_of(row.owner),
            architecture=row.manifest.statement.architecture,
            generation=row.generation,
            payload_bytes=row.manifest.statement.payload_bytes,
            payload_sha256=row.payload_sha256,
            confirmed=row.owner in self._core.usage.confirmed and is_leased,
            use_left_s=use_left_s,
            hold_left_s=hold_left_s,
        )

    def holders(self) -> list[HolderView]:
        rows = sorted(self._core.state.all(GrantRow), key=lambda row: row.grant)
        return [self._holder(row) for row in rows]

    def _holder(self, row: GrantRow) -> HolderView:
        return HolderView(
            peer=row.holder,
            name=self.name_of(row.holder),
            generation=row.generation,
            state=self.liveness(row.holder),
            issued_at_s=row.issued_at_s,
            hold_until_s=row.hold_until_s,
            closed_by=row.closed_by,
        )

    def owed(self) -> tuple[OwedAnswers, ...]:
        """Answers that their owners do not have yet, by owner."""
        dates: dict[tuple[PeerId, str], list[int]] = defaultdict(list)
        for owner, kind, issued_at_s in self._answers():
            dates[owner, kind].append(issued_at_s)
        views = (self._owed(owner, kind, found) for (owner, kind), found in dates.items())
        return tuple(sorted(views, key=lambda view: (view.name, view.owner, view.kind)))

    def _answers(self) -> Iterator[tuple[PeerId, str, int]]:
        """Whose, of which kind, and from when."""
        state = self._core.state
        for owed in state.all(OwedReceiptRow):
            yield owed.owner, "receipt", owed.receipt.statement.issued_at_s
        for release in state.all(OwedReleaseRow):
            yield release.owner, "release", release.release.statement.issued_at_s
        for kept in state.all(ReceiptRow):
            if kept.owner != state.me.peer:
                yield kept.owner, "mail", kept.receipt.statement.issued_at_s

    def _owed(self, owner: PeerId, kind: str, dates: list[int]) -> OwedAnswers:
        return OwedAnswers(kind, owner, self.name_of(owner), self.liveness(owner), len(dates), min(dates))
