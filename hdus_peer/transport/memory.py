"""The transport within one process, without sockets or certificates: for tests of whatever stands above the port.

It upholds the same rules and passes the same suite as `grpc`. Messages pass as the frozen values that they are, each in
a turn of the event loop of its own; identity is the registration in a `MemoryNetwork` instead of a handshake.
Deliberately absent: encoding, signatures and refused bytes (`codec` has its own tests), and virtual time.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncGenerator

from hdus_peer.domain.identity import PeerId, short
from hdus_peer.errors import RefusedError, UnreachableError
from hdus_peer.protocol.messages import Message
from hdus_peer.transport.chunks import PayloadReader
from hdus_peer.transport.codec import FetchRequest
from hdus_peer.transport.fetching import Fetching
from hdus_peer.transport.limits import TransportLimits
from hdus_peer.transport.links import LinkTable
from hdus_peer.transport.pipe import Pipe
from hdus_peer.transport.port import TransportListener
from hdus_peer.transport.serving import GONE

DEFAULT_LIMITS = TransportLimits()


class MemoryNetwork:
    """Who listens where."""

    def __init__(self) -> None:
        self._listening: dict[str, MemoryTransport] = {}
        self._ports = itertools.count(1)

    def listen(self, transport: "MemoryTransport") -> str:
        address = f"memory:{next(self._ports)}"
        self._listening[address] = transport
        return address

    def leave(self, address: str) -> None:
        self._listening.pop(address, None)

    def at(self, address: str) -> "MemoryTransport":
        """Raises UnreachableError."""
        if address not in self._listening:
            raise UnreachableError(f"nobody answers at {address}")
        return self._listening[address]


class MemoryLink:
    """One end of a link; `other` is the far one."""

    other: "MemoryLink"

    def __init__(self, home: "MemoryTransport", peer: PeerId, *, dialled: bool) -> None:
        self.home = home
        self.peer = peer
        self.dialled = dialled
        self.pipes: set[Pipe] = set()
        self._queue: deque[Message] = deque()

    @property
    def source(self) -> "MemoryLink":
        return self

    def offer(self, message: Message) -> bool:
        """Queue `message`; False where the queue is full."""
        if len(self._queue) >= self.home.limits.outgoing_frames_max:
            return False
        self._queue.append(message)
        asyncio.get_running_loop().call_soon(self._deliver_next)
        return True

    def close(self, reason: str) -> None:
        for pipe in tuple(self.pipes):
            pipe.fail(UnreachableError(f"the link went down ({reason}); it is dialled again by itself"))
        asyncio.get_running_loop().call_soon(self.other.home.links.drop, self.other, "closed by the peer")

    def _deliver_next(self) -> None:
        self.other.home.take(self.other, self._queue.popleft())

    def fetch(self, request: FetchRequest, _bytes_left: int) -> AsyncGenerator[bytes, None]:
        return self.other.home.serve(self.other, request)


class MemoryTransport:
    def __init__(self, me: PeerId, network: MemoryNetwork, limits: TransportLimits = DEFAULT_LIMITS) -> None:
        self.me = me
        self.limits = limits
        self.links: LinkTable[MemoryLink]
        self._listener: TransportListener
        self._network = network
        self._fetching: Fetching[MemoryLink] = Fetching(limits, lambda *_: None)
        self._withdrawn: dict[str, int] = {}
        self._address = ""

    async def start(self, listener: TransportListener) -> None:
        self._listener = listener
        self.links = LinkTable(self.me, listener, self.limits.dial_s)
        self._address = self._network.listen(self)

    @property
    def address(self) -> str:
        return self._address

    async def identify(self, address: str) -> PeerId:
        await asyncio.sleep(0)
        return self._network.at(address).me

    async def dial(self, peer: PeerId, address: str) -> None:
        await asyncio.sleep(0)
        far = self._network.at(address)
        if far.me != peer or peer == self.me:
            raise UnreachableError(f"{short(peer)} does not answer at {address}; somebody else does")
        deadline = asyncio.get_running_loop().time() + self.limits.dial_s
        while self.links.get(peer) is None:
            if far.links.accepts(self.me):
                return self._connect(far)
            if asyncio.get_running_loop().time() > deadline:
                raise UnreachableError(f"{short(peer)} keeps a link that is no more; it is dialled again by itself")
            await self.links.wait_up(peer, self.limits.crossing_pause_s)
        return None

    def send(self, peer: PeerId, message: Message) -> None:
        link = self.links.get(peer)
        if link is not None and not link.offer(message):
            self.links.drop(link, "queue full")

    def hang_up(self, peer: PeerId) -> None:
        self.links.drop_peer(peer, "hung up")

    def fetch(self, peer: PeerId, payload_sha256: str, offset: int, payload_bytes: int) -> AsyncGenerator[bytes, None]:
        return self._fetching.fetch(self.links.get(peer), FetchRequest(payload_sha256, offset, 0), payload_bytes)

    def cancel_serve(self, payload_sha256: str) -> None:
        self._withdrawn[payload_sha256] = self._withdrawn.get(payload_sha256, 0) + 1

    async def stop(self) -> None:
        self._network.leave(self._address)
        for peer in self.links.peers():
            self.links.drop_peer(peer, "stopped")
        await asyncio.sleep(0)

    def take(self, link: MemoryLink, message: Message) -> None:
        """A message came in on `link`."""
        if self.links.get(link.peer) is link:
            self._listener.on_message(link.peer, message)

    async def serve(self, link: MemoryLink, request: FetchRequest) -> AsyncGenerator[bytes, None]:
        """What the peer at the other end of `link` fetches. Raises RefusedError("gone")."""
        payload = self._listener.open_payload(link.peer, request.payload_sha256)
        if payload is None:
            raise RefusedError(GONE)
        withdrawn_before = self._withdrawn.get(request.payload_sha256, 0)
        reader = PayloadReader(payload, request.offset)
        try:
            async for chunk in reader.chunks():
                if self._withdrawn.get(request.payload_sha256, 0) > withdrawn_before:
                    raise RefusedError(GONE)
                yield chunk
        finally:
            reader.close()

    def _connect(self, far: "MemoryTransport") -> None:
        near_end = MemoryLink(self, far.me, dialled=True)
        far_end = MemoryLink(far, self.me, dialled=False)
        near_end.other, far_end.other = far_end, near_end
        far.links.up(far_end)
        self.links.up(near_end)
