"""Spreading: to whom a notice goes, and how often.

Rules
1. Of its own notice a peer tells everybody whom it has a link to: they are the holders.
2. What others said it passes on to a few (`overlay.passed_on`): one of many holders would else tell all the others what
   the owner has told them. That once per owner and interval; more within it is coalesced to the maximum by being read
   then, so that a member that signs again and again is not amplified (protocol review, A.11).
3. This is an optimisation: comparing roots is what repairs (`tombstones`).
"""

from hdus_peer.domain.clock import Instant
from hdus_peer.domain.identity import PeerId
from hdus_peer.protocol import overlay, tombstones
from hdus_peer.protocol.alarms import NEVER_S
from hdus_peer.protocol.links import Links
from hdus_peer.protocol.records import TombstoneRow
from hdus_peer.protocol.state import Draft, State


class Spreading:
    def __init__(self, state: State, links: Links) -> None:
        self._state = state
        self._links = links
        self._passed_on_s: dict[PeerId, float] = {}
        self._due_s: dict[PeerId, float] = {}

    def spread(self, row: TombstoneRow, sender: PeerId | None, now: Instant, draft: Draft) -> None:
        """Tell of `row`, which came from `sender`."""
        interval_s = self._state.limits.pass_on_interval_s
        due_s = self._passed_on_s.get(row.owner, -interval_s) + interval_s
        is_mine = row.owner == self._state.me.peer
        if now.boot_s < due_s and not is_mine:
            self._due_s[row.owner] = due_s
            return
        self._passed_on_s[row.owner] = now.boot_s
        others = [link.peer for link in self._links.greeted() if link.peer not in (sender, row.owner)]
        for peer in others if is_mine else self.few(f"{row.owner} {row.through}", others):
            for message in tombstones.messages(self._state, [row], peer, is_whole=False):
                draft.send(peer, message)

    def few(self, what: str, peers: list[PeerId]) -> list[PeerId]:
        """Those of `peers`, in their order, to whom `what` is passed on."""
        chosen = overlay.passed_on(self._state.me.peer, what, peers, self._state.limits.pass_on_max)
        return [peer for peer in peers if peer in chosen]

    def on_timer(self, now: Instant, draft: Draft) -> None:
        for owner in [owner for owner, due_s in self._due_s.items() if due_s <= now.boot_s]:
            del self._due_s[owner]
            row = self._state.get(TombstoneRow, owner)
            if row is not None:
                self.spread(row, None, now, draft)

    def due_s(self) -> float:
        return min(self._due_s.values()) if self._due_s else NEVER_S
