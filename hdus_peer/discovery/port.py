"""Finding addresses of other members. A discovery only ever *suggests*: who really answers is proved by TLS.

Rule: addresses are reported again and again (at least whenever the source announces itself); the receiver decides
whether to dial. Liveness is the protocol's own and never taken from here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from hdus_peer.domain.identity import PeerId


@dataclass(frozen=True, slots=True)
class Sighting:
    """Somebody at `address` (`host:port`) claims to be `peer`, or only the address is known."""

    peer: PeerId | None
    address: str


class Discovery(Protocol):
    async def start(self, found: Callable[[Sighting], None]) -> None: ...

    def lonely(self, is_lonely: bool) -> None:
        """Whether some member that was known is missing: look and announce more often while it is."""

    def look_again(self) -> None:
        """The device woke up, or its network is another one: report and announce anew, at once."""

    async def stop(self) -> None: ...
