"""Discovery without a network: everybody who was given the same `Neighbourhood` hears everybody of its own network.

The twin of `mdns` for tests of whatever uses a discovery; it passes the same contract suite.
"""

from collections.abc import Callable

from hdus_peer.discovery.cadence import Cadence, Intervals
from hdus_peer.discovery.port import Sighting
from hdus_peer.domain.identity import PeerId


class Neighbourhood:
    """The air that announcements travel through."""

    def __init__(self) -> None:
        self.hearers: dict[tuple[PeerId, str], Callable[[Sighting], None]] = {}

    def announce(self, network: str, sighting: Sighting) -> None:
        for (peer, its_network), found in list(self.hearers.items()):
            if its_network == network and peer != sighting.peer:
                found(sighting)


class MemoryDiscovery:
    """Announces `me` at `address` to all others of `network` in the neighbourhood."""

    def __init__(
        self,
        neighbourhood: Neighbourhood,
        me: PeerId,
        network: str,
        address: str,
        intervals: Intervals = Intervals(),  # noqa: B008 - a frozen value
    ) -> None:
        self._neighbourhood, self._network = neighbourhood, network
        self._key, self._sighting = (me, network), Sighting(me, address)
        self._cadence = Cadence(intervals, self._round)

    async def start(self, found: Callable[[Sighting], None]) -> None:
        self._neighbourhood.hearers[self._key] = found
        await self._cadence.start()

    def lonely(self, is_lonely: bool) -> None:
        self._cadence.lonely(is_lonely)

    def look_again(self) -> None:
        self._cadence.hurry()

    async def stop(self) -> None:
        self._neighbourhood.hearers.pop(self._key, None)
        await self._cadence.stop()

    async def _round(self) -> None:
        self._neighbourhood.announce(self._network, self._sighting)
