"""Leases, the owner's side: a lease comes with the key, and is renewed as long as the owner wants and the link is up.

Rules
1. A renewal is signed at the instant at which it is sent, and sent by the owner alone, over its own link to each
   holder: nobody can pass one on later, and a holder counts it from its arrival.
2. The sequence, and the latest `hold_until` of each grant, are durable before the renewal leaves: the owner never
   forgets until when a holder may hold its seed.
3. Who left, who is cloned, and who holds an older generation is not renewed: its lease runs out.
"""

from dataclasses import replace

from hdus_peer.domain.clock import Instant
from hdus_peer.domain.envelope import Signed
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.seed import LeaseRenewal
from hdus_peer.protocol.alarms import NEVER_S
from hdus_peer.protocol.links import Links
from hdus_peer.protocol.messages import Renewal
from hdus_peer.protocol.records import GrantRow, MemberRow
from hdus_peer.protocol.state import Draft, State


class Renewing:
    def __init__(self, state: State, links: Links) -> None:
        self._state = state
        self._links = links
        self._due_s = 0.0

    def lease(self, generation: int, now: Instant, draft: Draft) -> Signed[LeaseRenewal]:
        """A new lease of my seed, signed now; its sequence becomes durable with this Step."""
        limits, row = self._state.limits, self._state.row
        sequence, hold_until_s = row.lease_sequence + 1, now.unix_s + limits.lease_hold_s
        latest_s = max(row.hold_until_max_s, hold_until_s)
        self._state.change_self(draft, lease_sequence=sequence, hold_until_max_s=latest_s)
        self._due_s = self._due_s or now.boot_s + limits.lease_renew_s
        use_until_s = now.unix_s + limits.lease_use_s
        return self._state.me.sign(
            LeaseRenewal(self._state.me.peer, generation, sequence, now.unix_s, use_until_s, hold_until_s)
        )

    def on_open(self, peer: PeerId, now: Instant, draft: Draft) -> None:
        """A holder is there again."""
        self._renew({peer}, now, draft)

    def on_timer(self, now: Instant, draft: Draft) -> None:
        if self._due_s <= now.boot_s:
            self._due_s = now.boot_s + self._state.limits.lease_renew_s
            self._renew({link.peer for link in self._links.speaking()}, now, draft)

    def _renew(self, peers: set[PeerId], now: Instant, draft: Draft) -> None:
        grants = self._renewable(peers)
        if not grants:
            return
        renewal = self.lease(grants[0].generation, now, draft)
        for row in grants:
            until_s = max(row.hold_until_s, renewal.statement.hold_until_s)
            self._state.put(draft, replace(row, hold_until_s=until_s))
        for holder in sorted({row.holder for row in grants}):
            draft.send(holder, Renewal(renewal))

    def _renewable(self, peers: set[PeerId]) -> list[GrantRow]:
        """Open grants of what I serve now, to those of `peers` that are in reach and exist once."""
        own = self._state.own_seed()
        if own is None or not self._state.is_active:
            return []
        generation = own.manifest.statement.generation
        grants = [row for row in self._state.all(GrantRow) if row.holder in peers and not row.closed_by]
        grants = [row for row in grants if row.generation == generation]
        return [row for row in grants if self._links.is_speaking(row.holder) and not self._is_cloned(row.holder)]

    def _is_cloned(self, peer: PeerId) -> bool:
        member = self._state.get(MemberRow, peer)
        return member is None or member.cloned

    def due_s(self) -> float:
        return self._due_s if self._state.is_active and self._state.has(GrantRow) else NEVER_S
