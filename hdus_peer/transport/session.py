"""What the two halves of a running gRPC transport (`server`, `dialler`) share: its links, its bulk streams, and what
becomes of a frame.

Rules (3 and 5 of the port)
1. A frame that cannot be decoded is dropped and counted, and its link stays.
2. A full outgoing queue closes the link, and is counted ("unread"): the protocol repairs by itself.
3. Nobody is listened to beyond its allowance.
4. Frames of the transport's own (FetchRequest, FetchRefused) are never shown to the protocol, nor taken from the side
   that has no business sending them.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from hdus_peer.domain.identity import PeerId
from hdus_peer.errors import ForgedError, MalformedError, RefusedError, StorageError, UnreachableError
from hdus_peer.protocol.messages import Message
from hdus_peer.transport.allowance import FLOODING, Allowances
from hdus_peer.transport.codec import FRAME_BYTES_MAX, Codec, FetchRefused, FetchRequest, encode_frame
from hdus_peer.transport.fetching import Fetching
from hdus_peer.transport.limits import TransportLimits
from hdus_peer.transport.link import CONNECTION_LOST, STREAM_ERRORS, Link, Stream, nothing
from hdus_peer.transport.links import LinkTable
from hdus_peer.transport.port import TransportListener
from hdus_peer.transport.serving import Serving
from hdus_peer.transport.tasks import Tasks


class Session:
    def __init__(self, me: PeerId, codec: Codec, limits: TransportLimits, listener: TransportListener) -> None:
        self.me = me
        self.codec = codec
        self.limits = limits
        self.listener = listener
        self.links: LinkTable[Link] = LinkTable(me, listener, limits.dial_s)
        self.serving = Serving(listener, limits)
        self.fetching: Fetching[Link] = Fetching(limits, self.queue)
        self.allowances = Allowances(limits)
        self.tasks = Tasks()

    def send(self, peer: PeerId, message: Message) -> None:
        """Queue `message` for `peer`; without a link it is dropped."""
        if link := self.links.get(peer):
            self.queue(link, encode_frame(message))

    def queue(self, link: Link, frame: bytes) -> None:
        if len(frame) > FRAME_BYTES_MAX:
            self.listener.on_refused(link.peer, "unsendable")
        elif self.links.get(link.peer) is link and not link.offer(frame):
            self.listener.on_refused(link.peer, "unread")
            self.links.drop(link, "queue full")

    async def carry(self, link: Link, stream: Stream, half_close: Callable[[], Awaitable[None]] = nothing) -> None:
        """Carry the frames of a link that is up, until it ends; then it is reported down."""
        reason = CONNECTION_LOST
        try:
            reason = await link.run(stream, lambda frame: self._receive(link, frame), half_close)
        finally:
            self.links.drop(link, reason)

    async def _receive(self, link: Link, frame: bytes) -> None:
        """Take a frame; returns when the next one may be read."""
        self._decode(link, frame)
        await self.listen_to(link.peer, len(frame))

    async def listen_to(self, peer: PeerId, size: int) -> None:
        """Count `size` bytes against the allowance of `peer`; returns when more may be taken from it."""
        pause_s = self.allowances.spend(peer, size)
        if pause_s > 0:
            self.listener.on_refused(peer, FLOODING)
            await asyncio.sleep(pause_s)

    def _decode(self, link: Link, frame: bytes) -> None:
        try:
            decoded = self.codec.decode_frame(frame)
        except MalformedError:
            self.listener.on_refused(link.peer, "malformed")
        except ForgedError:
            self.listener.on_refused(link.peer, "forged")
        else:
            self._take(link, decoded)

    def _take(self, link: Link, frame: Message | FetchRequest | FetchRefused) -> None:
        if isinstance(frame, FetchRequest) and link.dialled:
            self.tasks.spawn(self._upload(link, frame))
        elif isinstance(frame, FetchRefused) and not link.dialled:
            self.fetching.refused(link.peer, frame)
        elif isinstance(frame, FetchRequest | FetchRefused):
            self.listener.on_refused(link.peer, "misplaced")
        else:
            self.listener.on_message(link.peer, frame)

    async def _upload(self, link: Link, request: FetchRequest) -> None:
        """Answer a FetchRequest of the side that could not call."""
        assert link.connection is not None
        start = partial(link.connection.upload, request.ticket)
        try:
            await self.serving.serve(link.peer, request, start)
            return
        except RefusedError as refusal:
            word = str(refusal)
        except (UnreachableError, StorageError) as problem:
            word = "stalled" if isinstance(problem, UnreachableError) else "unreadable"
            self.listener.on_refused(link.peer, word)
        except STREAM_ERRORS:  # the other side stopped taking it, which is its right
            return
        self.queue(link, encode_frame(FetchRefused(request.ticket, word)))
