"""The calling half: asking who is there, and opening links.

Rules
1. A dial is over within its deadline, whatever the other side does.
2. An address is asked first who it is (one round trip, which also proves that it can be reached); only then is a link
   asked for, because from that moment on a dial may have precedence over one from the other side (`links`).
3. A dial that yields waits for the other side's link for a moment, and asks again when none came.
"""

import asyncio
from typing import Any

from hdus_peer.domain.identity import PeerId, short
from hdus_peer.errors import AdmissionError, UnreachableError
from hdus_peer.transport.connection import Connection
from hdus_peer.transport.link import Link
from hdus_peer.transport.session import Session
from hdus_peer.transport.tls import TlsMaterial


class Dialler:
    def __init__(self, session: Session, tls: TlsMaterial) -> None:
        self._session = session
        self._tls = tls

    async def identify(self, address: str) -> PeerId:
        """Who answers at `address`. Raises UnreachableError or AdmissionError."""
        connection = Connection(self._tls, None, address, self._session.limits)
        try:
            return await connection.identify()
        finally:
            await connection.close()

    async def dial(self, peer: PeerId, address: str) -> None:
        """Return once a link to `peer` is up. Raises UnreachableError."""
        if peer == self._session.me:
            raise UnreachableError(f"{address} is this peer's own address; nobody else is there")
        if self._session.links.get(peer):
            return
        connection = Connection(self._tls, peer, address, self._session.limits)
        is_carrying = False
        try:
            async with asyncio.timeout(self._session.limits.dial_s):
                is_carrying = await self._open_link(connection, peer)
        except TimeoutError as problem:
            sentence = f"{short(peer)} did not answer at {address} in time; it is dialled again by itself"
            raise UnreachableError(sentence) from problem
        except AdmissionError as problem:
            raise UnreachableError(str(problem)) from problem
        finally:
            if not is_carrying:
                await connection.close()

    async def _open_link(self, connection: Connection, peer: PeerId) -> bool:
        """Wait until a link is up; whether it is one over `connection`."""
        links = self._session.links
        await connection.identify()
        while links.get(peer) is None:
            if not links.is_asking(peer):
                with links.asking(peer):
                    call = await connection.ask_link()
                    if call is not None and self._up(connection, peer, call):
                        return True
            await links.wait_up(peer, self._session.limits.crossing_pause_s)
        return False

    def _up(self, connection: Connection, peer: PeerId, call: Any) -> bool:
        link = Link(peer, self._session.limits, connection)
        if not self._session.links.up(link):
            call.cancel()
            return False
        self._session.tasks.spawn(self._carry(link, connection, call))
        return True

    async def _carry(self, link: Link, connection: Connection, call: Any) -> None:
        try:
            await self._session.carry(link, call, call.done_writing)
        finally:
            call.cancel()
            await connection.close()
