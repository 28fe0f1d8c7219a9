"""Links between peers, and bulk transfer of sealed payloads.

Rules every implementation upholds (`tests/contracts/transport.py` is the suite)
1. A peer is a `PeerId` proved by the handshake; no byte of protocol is read from anybody else.
2. At most one link per peer. Of two dials that crossed, the one from the lower PeerId stays; of two from the same
   side, the newer. Every link that was reported up is reported down exactly once.
3. Messages of one link arrive in order, each once, already decoded and with their signatures verified; what is not
   decodable is dropped and counted through `on_refused`, and the link stays.
4. `fetch` works in whichever direction the link was dialled. Nothing waits longer than the stated deadlines.
5. `send` never blocks. A full outgoing queue closes the link: the protocol repairs by itself.
"""

from collections.abc import AsyncGenerator
from typing import Protocol

from hdus_peer.domain.identity import PeerId
from hdus_peer.protocol.messages import Message
from hdus_peer.protocol.payload import Readable


class TransportListener(Protocol):
    """What a transport tells its owner; every call is synchronous and short, on the event loop."""

    def on_link_up(self, peer: PeerId, dialled: bool) -> None: ...

    def on_link_down(self, peer: PeerId, reason: str) -> None: ...

    def on_message(self, peer: PeerId, message: Message) -> None: ...

    def on_refused(self, peer: PeerId | None, reason: str) -> None:
        """Something that cannot be accepted was dropped; `reason` is one word, for counting."""

    def open_payload(self, peer: PeerId, payload_sha256: str) -> Readable | None:
        """The payload that `peer` may fetch now, or None (answered as gone)."""


class Transport(Protocol):
    async def start(self, listener: TransportListener) -> None: ...

    @property
    def address(self) -> str:
        """Where this peer listens, `host:port` with the port that was really bound."""

    async def identify(self, address: str) -> PeerId:
        """Who answers at `address`; nothing else is said. Raises UnreachableError or AdmissionError."""

    async def dial(self, peer: PeerId, address: str) -> None:
        """Open a link; returns once it is up (also when one was up already). Raises UnreachableError."""

    def send(self, peer: PeerId, message: Message) -> None: ...

    def hang_up(self, peer: PeerId) -> None: ...

    def fetch(self, peer: PeerId, payload_sha256: str, offset: int, payload_bytes: int) -> AsyncGenerator[bytes, None]:
        """The ciphertext from `offset` on, in chunks of at most 1 MiB. Raises RefusedError("gone") where the owner no
        longer serves it, RefusedError("oversized" or "malformed") where something else comes, UnreachableError when
        the link or the stream ends early. Close it (`aclosing`) where it is left before its end."""

    def cancel_serve(self, payload_sha256: str) -> None:
        """Abort every outgoing stream of this payload."""

    async def stop(self) -> None: ...
