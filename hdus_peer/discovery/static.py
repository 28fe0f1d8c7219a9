"""Addresses that the operator named, reported at start and again and again.

Host names are passed on as they are: they are looked up when somebody dials, so that a changed address is followed.
"""

from collections.abc import Callable

from hdus_peer.discovery.cadence import Cadence, Intervals
from hdus_peer.discovery.port import Sighting


class StaticDiscovery:
    """Reports each of `addresses` (`host:port`); who listens there is not known."""

    def __init__(self, addresses: tuple[str, ...], intervals: Intervals = Intervals()) -> None:  # noqa: B008 - frozen
        self._sightings = tuple(Sighting(None, address) for address in addresses)
        self._cadence = Cadence(intervals, self._round)
        self._found: Callable[[Sighting], None] | None = None

    async def start(self, found: Callable[[Sighting], None]) -> None:
        self._found = found
        await self._cadence.start()

    def lonely(self, is_lonely: bool) -> None:
        self._cadence.lonely(is_lonely)

    def look_again(self) -> None:
        self._cadence.hurry()

    async def stop(self) -> None:
        self._found = None
        await self._cadence.stop()

    async def _round(self) -> None:
        for sighting in self._sightings:
            if self._found is not None:
                self._found(sighting)
