"""What was refused, counted by its word, and by who sent it: so that a member gone bad has a name.

Rule: bounded, whoever sends what. Words are the program's own; of peers the most refused are kept.
"""

from collections import Counter
from collections.abc import Callable

from hdus_peer.control.port import Offender
from hdus_peer.domain.identity import PeerId

PEERS_MAX = 256
WORST_SHOWN = 5


class Refusals:
    def __init__(self) -> None:
        self.by_reason: Counter[str] = Counter()
        self._by_peer: dict[PeerId, Counter[str]] = {}

    def count(self, peer: PeerId | None, reason: str) -> None:
        self.by_reason[reason] += 1
        if peer is not None:
            self._room_for(peer)[reason] += 1

    def worst(self, name_of: Callable[[str], str]) -> tuple[Offender, ...]:
        """Those of whom most was refused, the worst first, at most WORST_SHOWN of them."""
        ranked = sorted(self._by_peer.items(), key=lambda one: (-one[1].total(), one[0]))
        return tuple(Offender(peer, name_of(peer), dict(counted)) for peer, counted in ranked[:WORST_SHOWN])

    def _room_for(self, peer: PeerId) -> Counter[str]:
        if peer not in self._by_peer and len(self._by_peer) >= PEERS_MAX:
            del self._by_peer[min(self._by_peer, key=lambda one: self._by_peer[one].total())]
        return self._by_peer.setdefault(peer, Counter())
