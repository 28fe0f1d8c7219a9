"""What a leave is compared with: an empty call to the same holders over the same mutual TLS, and one durable commit.

The calls go out side by side on connections that are open already, and count until the last one is answered; the commit
is one row in a ledger like theirs, on the same disk. Both are the least that any leave must do.
"""

import asyncio
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import uvloop

from hdus_peer.admission.credentials import load
from hdus_peer.domain.identity import Identity, PeerId
from hdus_peer.protocol.records import FloorRow
from hdus_peer.protocol.step import Put
from hdus_peer.repository.durable import DurableRepository
from hdus_peer.transport.channel import IDENTIFY, open_channel
from hdus_peer.transport.limits import TransportLimits
from hdus_peer.transport.tls import TlsMaterial


def tls_material(credentials: Path) -> TlsMaterial:
    found = load(credentials)
    return TlsMaterial(
        found.root_certificate_pem,
        found.certificate_chain_pem,
        found.private_key_pem,
        found.network,
        found.root_public_key,
    )


class EmptyCalls:
    """Connections as the member of `credentials` to the peers at `addresses`, and a ledger in `directory`."""

    def __init__(self, credentials: Path, addresses: Sequence[tuple[PeerId, str]], directory: Path) -> None:
        self._tls, self._addresses = tls_material(credentials), addresses
        self._repository = DurableRepository(directory, ballast_bytes=0)
        self._channels: list[Any] = []
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self._owner = Identity.generate().peer_id

    def __enter__(self) -> "EmptyCalls":
        self._runner.run(self._open())
        self.seconds()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self._close())
        self._runner.close()
        self._repository.close()

    def seconds(self) -> float:
        """One round of calls and one commit."""
        return self._runner.run(self._call_all()) + self._commit()

    async def _open(self) -> None:
        limits = TransportLimits()
        self._channels = [open_channel(self._tls, peer, address, limits) for peer, address in self._addresses]

    async def _close(self) -> None:
        await asyncio.gather(*(channel.close() for channel in self._channels))

    async def _call_all(self) -> float:
        began_s = time.perf_counter()
        await asyncio.gather(*(channel.unary_unary(IDENTIFY)(b"") for channel in self._channels))
        return time.perf_counter() - began_s

    def _commit(self) -> float:
        write = Put(FloorRow(self._owner, 1, secrets.token_hex(32)))
        began_s = time.perf_counter()
        self._repository.commit([write])
        return time.perf_counter() - began_s
