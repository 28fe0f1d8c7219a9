"""The worlds in which the transport contract runs: real sockets with mutual TLS, and one process's memory."""

import asyncio
import socket

from hdus_peer.domain.identity import Identity
from hdus_peer.transport.grpc import GrpcTransport
from hdus_peer.transport.limits import TransportLimits
from hdus_peer.transport.memory import MemoryNetwork, MemoryTransport
from hdus_peer.transport.tls import TlsMaterial
from tests.contracts.transport import Node
from tests.transport.certificates import Authority

LIMITS = TransportLimits()


class GrpcWorld:
    def __init__(self) -> None:
        self.authority = Authority()
        self._nodes: list[Node] = []

    async def join(
        self,
        identity: Identity | None = None,
        limits: TransportLimits | None = None,
        *,
        material: TlsMaterial | None = None,
        listen: str = "127.0.0.1:0",
    ) -> Node:
        """`material`: of the test's choice instead of what the authority issues."""
        node = Node(identity or Identity.generate())
        material = material or self.authority.material(node.me)
        node.transport = GrpcTransport(node.me, material, listen, limits or LIMITS)
        await node.transport.start(node)
        self._nodes.append(node)
        return node

    async def nowhere(self) -> str:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return f"127.0.0.1:{free.getsockname()[1]}"

    async def close(self) -> None:
        await asyncio.gather(*(node.transport.stop() for node in self._nodes))


class MemoryWorld:
    def __init__(self) -> None:
        self._network = MemoryNetwork()
        self._nodes: list[Node] = []

    async def join(self, identity: Identity | None = None, limits: TransportLimits | None = None) -> Node:
        node = Node(identity or Identity.generate())
        node.transport = MemoryTransport(node.me, self._network, limits or LIMITS)
        await node.transport.start(node)
        self._nodes.append(node)
        return node

    async def nowhere(self) -> str:
        return "memory:0"

    async def close(self) -> None:
        await asyncio.gather(*(node.transport.stop() for node in self._nodes))
