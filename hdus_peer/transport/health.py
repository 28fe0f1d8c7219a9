"""grpc.health.v1 on the peer port: whether this peer takes part, in the words that every probe knows.

Rules
1. It is asked under the same mutual TLS as everything else on that port: only a member enters a handler.
2. SERVING from the end of the start until the stop begins. A peer that is leaving is NOT_SERVING although it answers:
   nobody gets a seed from it any more. So this says "ready", not "alive": nothing should be killed for it.
3. A watcher that reads slowly holds up nobody: a change is one value and one wake-up, never a write that is waited for.
   (The servicer that comes with the messages writes to its watchers under the lock that a change needs.)

The server as a whole ("") and the peer service have the same status. Absent on purpose: any other service.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2

from hdus_peer.domain.address import join_address, split_address
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.tls_name import tls_name
from hdus_peer.errors import AdmissionError, WorkerError
from hdus_peer.wire.v1 import wire_pb2 as wire

HEALTH_SERVICE = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
CHECK, WATCH = (f"/{HEALTH_SERVICE}/{name}" for name in ("Check", "Watch"))
SERVICES = ("", wire.DESCRIPTOR.services_by_name["Peer"].full_name)
ANSWER_TIMEOUT_S = 3.0
_HANDSHAKE_FAILED = ("handshake failed", "verification check failed")
_LOOPBACK_OF = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1"}  # gRPC listens for both families at either

Context = grpc.aio.ServicerContext[Any, Any]
Status = health_pb2.HealthCheckResponse
Enter = Callable[[Context], Awaitable[object]]


class Health:
    """The answering half. `enter` admits a caller, or ends the call."""

    def __init__(self, enter: Enter) -> None:
        self._enter = enter
        self._is_serving = False
        self._is_over = False
        self._changed = asyncio.Event()

    def set_serving(self, is_serving: bool) -> None:
        if is_serving != self._is_serving and not self._is_over:
            self._is_serving = is_serving
            self._wake()

    def end(self) -> None:
        """NOT_SERVING from now on; every watcher is told so, and its stream ends."""
        self._is_serving, self._is_over = False, True
        self._wake()

    def handlers(self) -> grpc.GenericRpcHandler:
        methods: dict[str, Any] = {
            "Check": grpc.unary_unary_rpc_method_handler(self._check),
            "Watch": grpc.unary_stream_rpc_method_handler(self._watch),
        }
        return grpc.method_handlers_generic_handler(HEALTH_SERVICE, methods)

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _check(self, request: bytes, context: Context) -> bytes:
        await self._enter(context)
        service = await _service_in(request, context)
        if service not in SERVICES:
            await context.abort(grpc.StatusCode.NOT_FOUND, "there is no such service here")
        return self._answer(service)

    async def _watch(self, request: bytes, context: Context) -> AsyncGenerator[bytes, None]:
        await self._enter(context)
        service = await _service_in(request, context)
        told = b""
        while True:
            changed, answer = self._changed, self._answer(service)
            if answer != told:
                yield answer
                told = answer
            elif self._is_over:
                return
            else:
                await changed.wait()

    def _answer(self, service: str) -> bytes:
        status = Status.SERVING if self._is_serving else Status.NOT_SERVING
        return Status(status=status if service in SERVICES else Status.SERVICE_UNKNOWN).SerializeToString()


async def _service_in(request: bytes, context: Context) -> str:
    try:
        return health_pb2.HealthCheckRequest.FromString(request).service
    except DecodeError:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no HealthCheckRequest")
        raise AssertionError("abort always raises") from None


def ask_health(peer: PeerId, listen: str, root_pem: bytes, chain_pem: bytes, key_pem: bytes) -> bool:
    """Whether `peer`, and nobody else, is SERVING on this host where it says that it listens, asked with these
    credentials: by `hdus-peer health`, hence synchronous. Raises AdmissionError where the handshake fails, WorkerError
    where no answer comes."""
    host, port = split_address(listen)
    address = join_address(_LOOPBACK_OF.get(host, host), port)
    credentials = grpc.ssl_channel_credentials(root_pem, key_pem, chain_pem)
    options = [("grpc.ssl_target_name_override", tls_name(peer)), ("grpc.enable_http_proxy", 0)]
    with grpc.secure_channel(address, credentials, options) as channel:
        check = channel.unary_unary(CHECK, health_pb2.HealthCheckRequest.SerializeToString, Status.FromString)
        try:
            reply: health_pb2.HealthCheckResponse = check(health_pb2.HealthCheckRequest(), timeout=ANSWER_TIMEOUT_S)
        except grpc.RpcError as problem:
            raise _translated(address, problem) from problem
    return reply.status == Status.SERVING


def _translated(address: str, problem: Any) -> AdmissionError | WorkerError:
    if any(words in (problem.details() or "").lower() for words in _HANDSHAKE_FAILED):
        return AdmissionError(
            f"the peer port {address} does not accept the credentials in the state directory, or answers with others: "
            "look whether they have expired, and restart the daemon"
        )
    return WorkerError(
        f"the daemon runs, but its peer port {address} gives no answer ({problem.code().name.lower()}): "
        "look at its log, or restart it"
    )
