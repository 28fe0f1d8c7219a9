"""What was refused, counted by its word, and by who sent it: so that a member gone bad has a name.

Rule: bounded, whoever sends what. Words are the program's own; of peers the latest are kept, because who is a nuisance
now is what matters, and a flood is counted once a second where garbage is counted a thousand times.
"""

import itertools
from collections import Counter, OrderedDict
from collections.abc import Callable

from hdus_peer.control.port import Offender
from hdus_peer.domain.identity import PeerId

PEERS_MAX = 256
LATEST_SHOWN = 8


class Refusals:
    def __init__(self) -> None:
        self.by_reason: Counter[str] = Counter()
        self._by_peer: OrderedDict[PeerId, Counter[str]] = OrderedDict()

    def count(self, peer: PeerId | None, reason: str) -> None:
        self.by_reason[reason] += 1
        if peer is not None:
            self._counter_of(peer)[reason] += 1

    def latest(self, name_of: Callable[[str], str]) -> tuple[Offender, ...]:
        """Those of whom something was refused, the latest first, at most LATEST_SHOWN of them."""
        shown = itertools.islice(reversed(self._by_peer.items()), LATEST_SHOWN)
        return tuple(Offender(peer, name_of(peer), dict(counted)) for peer, counted in shown)

    def _counter_of(self, peer: PeerId) -> Counter[str]:
        counted = self._by_peer.setdefault(peer, Counter())
        self._by_peer.move_to_end(peer)
        if len(self._by_peer) > PEERS_MAX:
            self._by_peer.popitem(last=False)
        return counted
