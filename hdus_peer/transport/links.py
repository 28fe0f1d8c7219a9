"""Which links there are: at most one per peer, each reported up and down exactly once.

Rules (2 of the port)
1. Of two dials that crossed, the one from the lower PeerId stays. So an incoming link is refused while this side, being
   the lower, has a link that it dialled, or has asked for one and waits for the answer. A dial that has not reached
   the other side yet has no such right: behind a firewall it never would, and the incoming link is all there is.
2. Dials cross only within the time that a dial may take. Whoever asks later, though a link to it is up, does not know
   of that link: it lost it (a partition that has healed), or it is another device of that identity. The newer stays.
3. Of two links from the same side the newer stays: the other end has lost the older one.
4. A link is reported down before its successor is reported up, and nothing is heard of it afterwards.

Pure bookkeeping, shared by every transport: no I/O, no tasks. A link that is dead, and whose other end does not ask
again, is kept until keepalive or the protocol's heartbeat ends it.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from hdus_peer.domain.identity import PeerId
from hdus_peer.transport.port import TransportListener


class TableLink(Protocol):
    @property
    def peer(self) -> PeerId: ...

    @property
    def dialled(self) -> bool:
        """By this side."""

    def close(self, reason: str) -> None:
        """End it soon; deliver nothing of it from now on."""


L = TypeVar("L", bound=TableLink)


class LinkTable(Generic[L]):
    def __init__(
        self,
        me: PeerId,
        listener: TransportListener,
        crossing_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`crossing_s`: how long a dial may take, and so for how long after a link came up another may cross it."""
        self._me = me
        self._listener = listener
        self._crossing_s = crossing_s
        self._clock = clock
        self._since_s: dict[PeerId, float] = {}
        self._links: dict[PeerId, L] = {}
        self._asked: set[PeerId] = set()
        self._waiting: dict[PeerId, asyncio.Event] = {}

    def __len__(self) -> int:
        return len(self._links)

    def get(self, peer: PeerId) -> L | None:
        return self._links.get(peer)

    def peers(self) -> list[PeerId]:
        return list(self._links)

    @contextmanager
    def asking(self, peer: PeerId) -> Iterator[None]:
        """While the other side decides over a link that this side has asked for."""
        self._asked.add(peer)
        try:
            yield
        finally:
            self._asked.discard(peer)

    def is_asking(self, peer: PeerId) -> bool:
        return peer in self._asked

    def accepts(self, peer: PeerId) -> bool:
        """Whether a link that `peer` dialled may come up now."""
        current = self._links.get(peer)
        mine = peer in self._asked or (current is not None and current.dialled and self._is_fresh(peer))
        return not (mine and self._me < peer)

    def _is_fresh(self, peer: PeerId) -> bool:
        """Whether the link to `peer` came up so lately that a dial from there may still cross it."""
        return self._clock() < self._since_s[peer] + self._crossing_s

    def up(self, link: L) -> bool:
        """Enter `link` and report it, after whatever it replaces. False where another link stays instead."""
        current = self._links.get(link.peer)
        if current is not None and link.dialled and not current.dialled and link.peer < self._me:
            return False
        if current is not None:
            self.drop(current, "replaced")
        self._links[link.peer], self._since_s[link.peer] = link, self._clock()
        self._listener.on_link_up(link.peer, link.dialled)
        if waiting := self._waiting.pop(link.peer, None):
            waiting.set()
        return True

    def drop(self, link: L, reason: str) -> None:
        """Close `link` and report it down, unless that has happened already."""
        if self._links.get(link.peer) is not link:
            return
        del self._links[link.peer], self._since_s[link.peer]
        link.close(reason)
        self._listener.on_link_down(link.peer, reason)

    def drop_peer(self, peer: PeerId, reason: str) -> None:
        """Drop whatever link there is to `peer`."""
        if link := self._links.get(peer):
            self.drop(link, reason)

    async def wait_up(self, peer: PeerId, timeout_s: float) -> bool:
        """Whether a link to `peer` is up, after waiting at most `timeout_s` for one."""
        if peer not in self._links:
            waiting = self._waiting.setdefault(peer, asyncio.Event())
            try:
                await asyncio.wait_for(waiting.wait(), timeout_s)
            except TimeoutError:
                self._waiting.pop(peer, None)
        return peer in self._links
