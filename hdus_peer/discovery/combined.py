"""Several discoveries behind the one port: what any of them finds is found."""

import asyncio
from collections.abc import Callable

from hdus_peer.discovery.port import Discovery, Sighting


class CombinedDiscovery:
    """Starts, tells and stops all of `parts` together."""

    def __init__(self, parts: tuple[Discovery, ...]) -> None:
        self._parts = parts

    async def start(self, found: Callable[[Sighting], None]) -> None:
        await asyncio.gather(*(part.start(found) for part in self._parts))

    def lonely(self, is_lonely: bool) -> None:
        for part in self._parts:
            part.lonely(is_lonely)

    def look_again(self) -> None:
        for part in self._parts:
            part.look_again()

    async def stop(self) -> None:
        await asyncio.gather(*(part.stop() for part in self._parts))
