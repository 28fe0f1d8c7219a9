"""The worlds in which the transport contract runs: real sockets with mutual TLS, and one process's memory."""

import asyncio
import socket

from hdus_peer.domain.identity import Identity
from hdus_peer.transport.grpc import GrpcTransport
from hdus_peer.transport.limits import TransportLimits
from hdus_peer.transport.memory import MemoryNetwork, MemoryTransport
from tests.contracts.transport import Node
from tests.transport.certificates import Authority

LIMITS = TransportLimits()


class GrpcWorld:
    def __init__(self, listen: str = "127.0.0.1:0") -> None:
        self.authority = Authority()
        self._listen = listen
        self._nodes: list[Node] = []

    async def join(self, identity: Identity | None = None, limits: TransportLimits | None = None) -> Node:
        node = Node(identity or Identity.generate())
        node.transport = self.transport(node, limits or LIMITS)
        await node.transport.start(node)
        self._nodes.append(node)
        return node

    def transport(self, node: Node, limits: TransportLimits = LIMITS) -> GrpcTransport:
        return GrpcTransport(node.me, self.authority.material(node.me), self._listen, limits)

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
