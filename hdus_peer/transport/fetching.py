"""Fetching sealed payloads from a peer, whichever side dialled the link.

The dialler pulls with `Fetch`. The accepted side cannot call: it sends a FetchRequest with a ticket on the link, and
the dialler answers with an `Upload` that carries the ticket, or with a FetchRefused. Either way a pipe is filled, and
the fetch reads from the pipe.

Rules: a ticket is good for one Upload of the peer that it was sent to. A fetch ends with its link. More bytes than were
announced end a fetch.
"""

import itertools
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Generic, Protocol, TypeVar

from hdus_peer.domain.identity import PeerId
from hdus_peer.errors import RefusedError, UnreachableError
from hdus_peer.transport.codec import FetchRefused, FetchRequest, encode_frame
from hdus_peer.transport.limits import TransportLimits
from hdus_peer.transport.pipe import Pipe
from hdus_peer.transport.serving import GONE


class PayloadSource(Protocol):
    """What a dialled link offers."""

    def fetch(self, request: FetchRequest, bytes_left: int, /) -> AsyncGenerator[bytes, None]: ...


class FetchLink(Protocol):
    """`source` is None where the other side dialled; `pipes` fail when the link goes down."""

    @property
    def peer(self) -> PeerId: ...

    @property
    def pipes(self) -> set[Pipe]: ...

    @property
    def source(self) -> PayloadSource | None: ...


F = TypeVar("F", bound=FetchLink)


class Fetching(Generic[F]):
    """`queue` puts a frame on a link."""

    def __init__(self, limits: TransportLimits, queue: Callable[[F, bytes], None]) -> None:
        self._limits = limits
        self._queue = queue
        self._tickets: dict[tuple[PeerId, int], Pipe] = {}
        self._numbers = itertools.count(1)

    async def fetch(self, link: F | None, request: FetchRequest, payload_bytes: int) -> AsyncGenerator[bytes, None]:
        """The bytes from the request's offset up to `payload_bytes`. Raises RefusedError (one word: "gone",
        "oversized", "malformed") or UnreachableError."""
        bytes_left = payload_bytes - request.offset
        if link is None:
            raise UnreachableError("there is no link to the owner; the payload is fetched once there is")
        if bytes_left <= 0:
            return
        with self._asked(link, request, bytes_left) as pipe:
            async with aclosing(pipe.chunks(self._limits, bytes_left)) as chunks:
                async for chunk in chunks:
                    bytes_left -= len(chunk)
                    if bytes_left < 0:
                        raise RefusedError("oversized")
                    yield chunk
                    if bytes_left == 0:
                        pipe.is_complete = True
                        return
        raise UnreachableError("the payload ended before its size; it is fetched again")

    def claim(self, peer: PeerId, ticket: int) -> Pipe | None:
        """The pipe that an Upload of `peer` with `ticket` fills; None where nothing was asked under it."""
        return self._tickets.pop((peer, ticket), None)

    def refused(self, peer: PeerId, refusal: FetchRefused) -> None:
        """There will be no Upload for a ticket."""
        if pipe := self.claim(peer, refusal.ticket):
            later = UnreachableError(f"the owner cannot send it now ({refusal.reason}); it is asked again later")
            pipe.fail(RefusedError(GONE) if refusal.reason == GONE else later)

    @contextmanager
    def _asked(self, link: F, request: FetchRequest, bytes_left: int) -> Iterator[Pipe]:
        pipe = Pipe()
        ticket = 0
        link.pipes.add(pipe)
        try:
            if link.source is not None:
                pipe.fill(link.source.fetch(request, bytes_left))
            else:
                ticket = next(self._numbers)
                self._tickets[link.peer, ticket] = pipe
                self._queue(link, encode_frame(FetchRequest(request.payload_sha256, request.offset, ticket)))
            yield pipe
        finally:
            self._tickets.pop((link.peer, ticket), None)
            link.pipes.discard(pipe)
            pipe.abandon()
