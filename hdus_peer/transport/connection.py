"""One dialled connection to one peer: everything that is said over it, except what a link carries.

Rules
1. gRPC's errors end here: callers see UnreachableError, AdmissionError or RefusedError.
2. A payload beyond `SHARED_BYTES_MAX` travels on a connection of its own, so that frames of the link never wait behind
   it; a smaller one is not worth a second handshake. That connection closes by itself when it is idle.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from hdus_peer.domain.identity import PeerId, is_peer_id
from hdus_peer.errors import AdmissionError, HdusError, RefusedError, UnreachableError
from hdus_peer.transport.channel import ACCEPTED, FETCH, IDENTIFY, LINK, UPLOAD, open_channel
from hdus_peer.transport.chunks import decode_chunk, encode_chunk
from hdus_peer.transport.codec import FetchRequest, encode_fetch
from hdus_peer.transport.limits import TransportLimits
from hdus_peer.transport.serving import GONE, Write
from hdus_peer.transport.tls import TlsMaterial
from hdus_peer.wire.v1 import wire_pb2 as wire

SHARED_BYTES_MAX = 256 * 1024


class Connection:
    """To `peer`, whom the certificate that answers must name, or to any member where that is None."""

    def __init__(self, tls: TlsMaterial, peer: PeerId | None, address: str, limits: TransportLimits) -> None:
        self._tls = tls
        self._peer = peer
        self._address = address
        self._limits = limits
        self._channel: Any = open_channel(tls, peer, address, limits)
        self._apart: Any = None

    async def identify(self) -> PeerId:
        """Who answers. Raises UnreachableError, or AdmissionError where the other side's certificate does not fit."""
        request = wire.IdentifyRequest().SerializeToString()
        try:
            with _cancelled_by_callers_only():
                reply = await self._channel.unary_unary(IDENTIFY)(request, timeout=self._limits.dial_s)
            peer = wire.IdentifyReply.FromString(reply).peer_id
        except grpc.aio.AioRpcError as problem:
            raise self._dial_error(problem) from problem
        except DecodeError as problem:
            raise UnreachableError(f"what answers at {self._address} is no peer; check the address") from problem
        if not is_peer_id(peer) or self._peer not in (None, peer):
            raise UnreachableError(f"somebody else answers at {self._address}; wait until the peer is seen again")
        return PeerId(peer)

    async def ask_link(self) -> Any | None:
        """The open stream of a link, or None where the other side's own dial has precedence. Raises
        UnreachableError."""
        call: Any = self._channel.stream_stream(LINK)()
        try:
            with _cancelled_by_callers_only():
                metadata = await call.initial_metadata()
                if ACCEPTED in tuple(metadata or ()):
                    return call
                code = await call.code()
        except BaseException:
            call.cancel()
            raise
        if code is grpc.StatusCode.ALREADY_EXISTS:
            return None
        raise UnreachableError(f"{self._address} refused the link ({code.name.lower()}); it is dialled again by itself")

    async def fetch(self, request: FetchRequest, bytes_left: int) -> AsyncGenerator[bytes, None]:
        """The chunks of a payload. Raises RefusedError("gone" or "malformed") or UnreachableError."""
        call = self._bulk_channel(bytes_left).unary_stream(FETCH)(encode_fetch(request))
        try:
            while (message := await call.read()) is not grpc.aio.EOF:
                yield decode_chunk(message).data
        except grpc.aio.AioRpcError as problem:
            raise _fetch_error(problem) from problem
        finally:
            call.cancel()

    @asynccontextmanager
    async def upload(self, ticket: int, bytes_left: int) -> AsyncIterator[Write]:
        """What writes one chunk of the Upload for `ticket`; leaving the block waits for the other side's reply."""
        call = self._bulk_channel(bytes_left).stream_unary(UPLOAD)()
        try:
            yield lambda data: call.write(encode_chunk(data, ticket))
            await call.done_writing()
            await asyncio.wait_for(call, self._limits.bulk_idle_s)
        finally:
            call.cancel()

    async def close(self) -> None:
        for channel in (self._channel, self._apart):
            if channel is not None:
                await channel.close()

    def _bulk_channel(self, bytes_left: int) -> Any:
        if bytes_left <= SHARED_BYTES_MAX:
            return self._channel
        if self._apart is None:
            self._apart = open_channel(self._tls, self._peer, self._address, self._limits, apart=True)
        return self._apart

    def _dial_error(self, problem: grpc.aio.AioRpcError) -> HdusError:
        code, details = problem.code(), problem.details() or ""
        if code is grpc.StatusCode.UNAUTHENTICATED:
            return AdmissionError(
                f"{self._address} does not accept the certificate of this peer; issue new credentials for it"
            )
        if code is grpc.StatusCode.UNAVAILABLE and "handshake failed" in details.lower():
            return AdmissionError(
                f"what answers at {self._address} is no member of this network, or its certificate has expired; "
                "check the address, or issue new credentials for it"
            )
        return UnreachableError(
            f"nobody answers at {self._address} ({code.name.lower()}); "
            "check that a peer runs there and that its port can be reached"
        )


@contextmanager
def _cancelled_by_callers_only() -> Iterator[None]:
    """gRPC raises CancelledError where the *call* was cancelled, by the other side or by closing the channel; only a
    cancelled *task* may see one."""
    try:
        yield
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise UnreachableError("the connection was closed; it is dialled again by itself") from None


def _fetch_error(problem: grpc.aio.AioRpcError) -> HdusError:
    if problem.code() is grpc.StatusCode.NOT_FOUND:
        return RefusedError(GONE)
    return UnreachableError(f"the payload broke off ({problem.code().name.lower()}); it is resumed by itself")
