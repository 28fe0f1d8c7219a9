"""The listening half: what a peer answers when it is called.

Rules
1. The caller is who its certificate says; a handler is entered only after mutual TLS. `handlers_entered` counts, so
   that a test can see that a stranger never enters one. A caller has so many calls under way at most, and waits where
   it has used up its allowance.
2. Whatever a caller sends gives an answer, a refusal or a broken-off stream: no handler fails on bytes.

Absent on purpose: what an accepted link carries (`session`), who may fetch what (the listener), and reflection: a
member knows the protocol, and nobody else needs to.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NoReturn

import grpc
from google.protobuf.message import DecodeError

from hdus_peer.domain.address import join_address, split_address
from hdus_peer.domain.identity import PeerId
from hdus_peer.errors import (
    AdmissionError,
    ConfigurationError,
    MalformedError,
    RefusedError,
    StorageError,
    UnreachableError,
)
from hdus_peer.transport.allowance import FLOODING
from hdus_peer.transport.channel import ACCEPTED, SERVICE, server_options
from hdus_peer.transport.chunks import Chunk, decode_chunk, encode_chunk
from hdus_peer.transport.health import Health
from hdus_peer.transport.link import STREAM_ERRORS, Link
from hdus_peer.transport.serving import BUSY, GONE, Write
from hdus_peer.transport.session import Session
from hdus_peer.transport.tls import TlsMaterial, peer_of, server_credentials
from hdus_peer.wire.v1 import wire_pb2 as wire

_REFUSALS = {GONE: grpc.StatusCode.NOT_FOUND, BUSY: grpc.StatusCode.RESOURCE_EXHAUSTED}

Status = tuple[grpc.StatusCode, str]
Context = grpc.aio.ServicerContext[Any, Any]


class Server:
    def __init__(self, session: Session, tls: TlsMaterial) -> None:
        self.handlers_entered = 0
        self.health = Health(self._enter)
        self._session = session
        self._calls: Counter[PeerId] = Counter()
        self._server = grpc.aio.server(options=server_options(session.limits))
        peer_service = grpc.method_handlers_generic_handler(SERVICE, self._handlers())
        self._server.add_generic_rpc_handlers((peer_service, self.health.handlers()))
        self._credentials = server_credentials(tls)

    async def start(self, listen: str) -> str:
        """Listen at `listen` (`host:port`, 0 for any free port); the address that was really bound. Raises
        ConfigurationError."""
        try:
            host, _ = split_address(listen)
            port = self._server.add_secure_port(listen, self._credentials)
        except (RuntimeError, ValueError) as problem:
            raise ConfigurationError(
                f"cannot listen at {listen}: the port is taken or the address is not of this machine; "
                "choose another one, or stop what uses it"
            ) from problem
        await self._server.start()
        return join_address(host, port)

    async def stop(self, grace_s: float) -> None:
        self.health.end()
        await self._server.stop(grace_s)

    def _handlers(self) -> dict[str, Any]:
        return {
            "Identify": grpc.unary_unary_rpc_method_handler(self._identify),
            "Link": grpc.stream_stream_rpc_method_handler(self._link),
            "Fetch": grpc.unary_stream_rpc_method_handler(self._fetch),
            "Upload": grpc.stream_unary_rpc_method_handler(self._upload),
        }

    async def _enter(self, context: Context) -> PeerId:
        self.handlers_entered += 1
        try:
            peer = peer_of(context.auth_context())
        except AdmissionError as problem:
            await self._refuse(context, None, "nameless", (grpc.StatusCode.UNAUTHENTICATED, str(problem)))
        if self._calls[peer] >= self._session.limits.calls_per_peer_max:
            await self._refuse(context, peer, FLOODING, (grpc.StatusCode.RESOURCE_EXHAUSTED, "too many calls at once"))
        self._calls[peer] += 1
        ended: Any = partial(self._ended, peer)  # what the stubs ask for is no callable type
        context.add_done_callback(ended)
        await self._session.listen_to(peer, self._session.limits.call_frames * self._session.limits.frame_bytes)
        return peer

    def _ended(self, peer: PeerId, _context: object) -> None:
        self._calls[peer] -= 1
        if not self._calls[peer]:
            del self._calls[peer]

    async def _refuse(self, context: Context, peer: PeerId | None, word: str, status: Status) -> NoReturn:
        self._session.listener.on_refused(peer, word)
        await _abort(context, status)

    async def _identify(self, request: bytes, context: Context) -> bytes:
        peer = await self._enter(context)
        if not _is_identify_request(request):
            await self._refuse(context, peer, "malformed", (grpc.StatusCode.INVALID_ARGUMENT, "no IdentifyRequest"))
        return wire.IdentifyReply(peer_id=self._session.me).SerializeToString()

    async def _link(self, _frames: AsyncIterator[bytes], context: Context) -> None:
        peer = await self._enter(context)
        links = self._session.links
        if peer == self._session.me:
            await self._refuse(context, peer, "cloned", (grpc.StatusCode.PERMISSION_DENIED, "this identity runs here"))
        if not links.accepts(peer):
            await _abort(context, (grpc.StatusCode.ALREADY_EXISTS, "the other dial stays"))
        if links.get(peer) is None and len(links) >= self._session.limits.links_max:
            await self._refuse(context, peer, "crowded", (grpc.StatusCode.RESOURCE_EXHAUSTED, "no room for a link"))
        link = Link(peer, self._session.limits)
        links.up(link)
        try:
            await context.send_initial_metadata((ACCEPTED,))
            await self._session.carry(link, context)
        finally:
            links.drop(link, "connection lost")

    async def _fetch(self, request: bytes, context: Context) -> None:
        peer = await self._enter(context)

        @asynccontextmanager
        async def start(_bytes_left: int) -> AsyncIterator[Write]:
            yield lambda data: context.write(encode_chunk(data))

        try:
            await self._session.serving.serve(peer, self._session.codec.decode_fetch(request), start)
        except MalformedError as problem:
            await self._refuse(context, peer, "malformed", (grpc.StatusCode.INVALID_ARGUMENT, str(problem)))
        except RefusedError as refusal:
            await _abort(context, (_REFUSALS[str(refusal)], str(refusal)))
        except UnreachableError as problem:
            await self._refuse(context, peer, "stalled", (grpc.StatusCode.ABORTED, str(problem)))
        except StorageError:
            await self._refuse(context, peer, "unreadable", (grpc.StatusCode.INTERNAL, "the payload cannot be read"))

    async def _upload(self, _chunks: AsyncIterator[bytes], context: Context) -> bytes:
        peer = await self._enter(context)
        try:
            first = await self._first_chunk(context)
        except (RefusedError, UnreachableError):
            await self._refuse(context, peer, "malformed", (grpc.StatusCode.INVALID_ARGUMENT, "no first chunk"))
        pipe = self._session.fetching.claim(peer, first.ticket)
        if pipe is None:
            await self._refuse(context, peer, "unasked", (grpc.StatusCode.NOT_FOUND, "nobody asked for this"))
        filling = pipe.fill(_received(first, context))
        try:
            await asyncio.wait({filling})
        finally:
            filling.cancel()
        is_unwanted = filling.cancelled() and not pipe.is_complete
        del first, filling  # gRPC remembers where it was aborted: no chunk may be in hand there
        if is_unwanted:
            await _abort(context, (grpc.StatusCode.ABORTED, "no longer wanted"))
        return wire.UploadReply().SerializeToString()

    async def _first_chunk(self, context: Context) -> Chunk:
        """Raises RefusedError or UnreachableError."""
        try:
            message = await asyncio.wait_for(context.read(), self._session.limits.bulk_idle_s)
        except TimeoutError as problem:
            raise UnreachableError("an Upload without a byte") from problem
        if message is grpc.aio.EOF:
            raise RefusedError("empty")
        return decode_chunk(message)


async def _abort(context: Context, status: Status) -> NoReturn:
    try:
        await context.abort(*status)
    except grpc.aio.InternalError:  # the caller hung up before it heard the status: nobody is left to tell
        raise asyncio.CancelledError from None


async def _received(first: Chunk, context: Context) -> AsyncGenerator[bytes, None]:
    yield first.data
    try:
        while (message := await context.read()) is not grpc.aio.EOF:
            yield decode_chunk(message).data
    except STREAM_ERRORS as problem:
        raise UnreachableError("the upload broke off; it is resumed by itself") from problem


def _is_identify_request(request: bytes) -> bool:
    try:
        wire.IdentifyRequest.FromString(request)
    except DecodeError:
        return False
    return True
