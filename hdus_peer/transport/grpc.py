"""The transport over gRPC with mutual TLS: puts `server`, `dialler` and what they share together into the port.

It upholds the five rules of `port`; each is explained where it is kept: identity in `tls`, one link per peer in
`links`, decoding in `codec`, bulk in `fetching` and `serving`, bounds in `limits` and `channel`.
"""

import asyncio
from collections.abc import AsyncGenerator

from hdus_peer.domain.identity import PeerId
from hdus_peer.errors import StateError
from hdus_peer.protocol.messages import Message
from hdus_peer.transport.codec import Codec, FetchRequest
from hdus_peer.transport.dialler import Dialler
from hdus_peer.transport.limits import TransportLimits
from hdus_peer.transport.port import TransportListener
from hdus_peer.transport.server import Server
from hdus_peer.transport.session import Session
from hdus_peer.transport.tls import TlsMaterial

DEFAULT_LIMITS = TransportLimits()


class GrpcTransport:
    """One peer's transport. `listen`: `host:port`, with port 0 for any free one. Before `start` has returned
    nothing else may be called but `cancel_serve` (erasures that a crash interrupted are done first) and `stop`."""

    def __init__(self, me: PeerId, tls: TlsMaterial, listen: str, limits: TransportLimits = DEFAULT_LIMITS) -> None:
        self._me = me
        self._tls = tls
        self._listen = listen
        self._limits = limits
        self._started: tuple[Session, Server, Dialler] | None = None
        self._address = ""

    async def start(self, listener: TransportListener) -> None:
        """Raises ConfigurationError where `listen` cannot be had."""
        codec = Codec(self._tls.network, self._tls.root_public_key)
        session = Session(self._me, codec, self._limits, listener)
        server = Server(session, self._tls)
        self._address = await server.start(self._listen)
        self._started = (session, server, Dialler(session, self._tls))

    @property
    def address(self) -> str:
        return self._address

    @property
    def handlers_entered(self) -> int:
        """How many calls have passed the handshake since the start."""
        return self._parts[1].handlers_entered

    def set_serving(self, is_serving: bool) -> None:
        """What grpc.health.v1 says from now on; NOT_SERVING until this was called, and once `stop` was."""
        if self._started is not None:
            self._started[1].health.set_serving(is_serving)

    async def identify(self, address: str) -> PeerId:
        return await self._parts[2].identify(address)

    async def dial(self, peer: PeerId, address: str) -> None:
        await self._parts[2].dial(peer, address)

    def send(self, peer: PeerId, message: Message) -> None:
        self._parts[0].send(peer, message)

    def hang_up(self, peer: PeerId) -> None:
        self._parts[0].links.drop_peer(peer, "hung up")

    def fetch(self, peer: PeerId, payload_sha256: str, offset: int, payload_bytes: int) -> AsyncGenerator[bytes, None]:
        session = self._parts[0]
        request = FetchRequest(payload_sha256, offset, 0)
        return session.fetching.fetch(session.links.get(peer), request, payload_bytes)

    def cancel_serve(self, payload_sha256: str) -> None:
        if self._started is not None:
            self._started[0].serving.cancel(payload_sha256)

    @property
    def _parts(self) -> tuple[Session, Server, Dialler]:
        if self._started is None:
            raise StateError("the transport is used before it was started; this is a fault of the program, report it")
        return self._started

    async def stop(self) -> None:
        """Hang up everywhere, flush what was queued for a moment, end everything. May be called again."""
        if self._started is None:
            return
        session, server, _ = self._started
        for peer in session.links.peers():
            session.links.drop_peer(peer, "stopped")
        session.serving.cancel()
        await asyncio.gather(session.tasks.finish(self._limits.flush_s), server.stop(self._limits.flush_s))
