"""The control service inside the daemon: gRPC on a Unix socket of mode 0600.

Rules
1. Only the owner of the state directory can open the socket: the file system admits, so there is no second password.
2. The service decides nothing: every call goes to the `ControlledDaemon`, every HdusError back to the caller as it is.
3. `stop` lets running calls finish within its grace, so that the last value of a leave arrives, and removes the socket.
4. The service describes itself (gRPC reflection), so that grpcurl and its like need no .proto. Here only: on the peer
   port there is nobody to whom the protocol would be news.
"""

import contextlib
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import grpc
import grpc.aio
from google.protobuf.message import Message
from grpc_reflection.v1alpha import reflection

from hdus_peer.control.address import choose_socket
from hdus_peer.control.codec import from_message, to_message
from hdus_peer.control.port import ControlledDaemon, ExportWanted, LogsWanted
from hdus_peer.control.status import MESSAGE_BYTES_MAX, trailers
from hdus_peer.control.v1 import control_pb2 as pb
from hdus_peer.control.v1 import control_pb2_grpc as rpc
from hdus_peer.errors import HdusError, StateError

M = TypeVar("M", bound=Message)
Context = grpc.aio.ServicerContext[Any, Any]

_SERVICE = pb.DESCRIPTOR.services_by_name["Control"].full_name
_OPTIONS = [
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.so_reuseport", 0),
]


class ControlServer:
    """Serves `daemon` on the socket of the state directory `state` between `start` and `stop`."""

    def __init__(self, daemon: ControlledDaemon, state: Path) -> None:
        self._daemon = daemon
        self._state = state
        self._server: grpc.aio.Server | None = None
        self._socket: Path | None = None

    async def start(self) -> Path:
        """Listen; the path of the socket. The caller holds the lock of the state directory, so that a socket that is
        there already is a dead daemon's. Raises StateError."""
        socket = choose_socket(self._state)
        _clear(socket)
        server = grpc.aio.server(options=_OPTIONS)
        rpc.add_ControlServicer_to_server(_Service(self._daemon), server)  # type: ignore[no-untyped-call]
        reflection.enable_server_reflection((_SERVICE, reflection.SERVICE_NAME), server)
        _bind_privately(server, socket)
        await server.start()
        self._server, self._socket = server, socket
        return socket

    async def stop(self, grace_s: float = 1.0) -> None:
        """Refuse new calls, give running ones `grace_s`, remove the socket. Idempotent."""
        server, self._server = self._server, None
        if server is not None:
            await server.stop(grace_s)
        if self._socket is not None:
            self._socket.unlink(missing_ok=True)


def _clear(socket: Path) -> None:
    try:
        socket.unlink(missing_ok=True)
    except OSError as problem:
        sentence = f"{socket} is in the way of the control socket ({problem.strerror}): remove it, then start again"
        raise StateError(sentence) from problem


def _bind_privately(server: grpc.aio.Server, socket: Path) -> None:
    before = os.umask(0o177)
    try:
        server.add_insecure_port(f"unix:{socket}")
    except RuntimeError as problem:
        raise StateError(f"the control socket {socket} cannot be made: check the rights of its directory") from problem
    finally:
        os.umask(before)


class _Service(rpc.ControlServicer):
    def __init__(self, daemon: ControlledDaemon) -> None:
        self._daemon = daemon

    async def Status(self, request: pb.StatusRequest, context: Context) -> pb.PeerStatus:
        return to_message(await _answer(context, self._daemon.status), pb.PeerStatus)

    async def Watch(self, request: pb.WatchRequest, context: Context) -> AsyncGenerator[pb.PeerStatus, None]:
        async for status in _stream(context, self._daemon.watch):
            yield to_message(status, pb.PeerStatus)

    async def DescribeTask(self, request: pb.DescribeTaskRequest, context: Context) -> pb.Task:
        return to_message(await _answer(context, self._daemon.task), pb.Task)

    async def Peers(self, request: pb.PeersRequest, context: Context) -> pb.PeerList:
        found = await _answer(context, self._daemon.peers)
        return pb.PeerList(peers=[to_message(peer, pb.PeerView) for peer in found])

    async def Seeds(self, request: pb.SeedsRequest, context: Context) -> pb.SeedList:
        found = await _answer(context, self._daemon.seeds)
        return pb.SeedList(seeds=[to_message(seed, pb.SeedView) for seed in found])

    async def Holders(self, request: pb.HoldersRequest, context: Context) -> pb.HolderList:
        found = await _answer(context, self._daemon.holders)
        return pb.HolderList(holders=[to_message(holder, pb.HolderView) for holder in found])

    async def Train(self, request: pb.TrainRequest, context: Context) -> pb.TrainReply:
        return pb.TrainReply(job_epoch=await _answer(context, self._daemon.train))

    async def Predict(self, request: pb.PredictRequest, context: Context) -> pb.Prediction:
        answer = await _answer(context, lambda: self._daemon.predict(request.rows, request.samples))
        return to_message(answer, pb.Prediction)

    async def Evaluate(self, request: pb.EvaluateRequest, context: Context) -> pb.Evaluation:
        answer = await _answer(context, lambda: self._daemon.evaluate(request.dataset, request.rule))
        return to_message(answer, pb.Evaluation)

    async def Export(self, request: pb.ExportRequest, context: Context) -> pb.ExportView:
        wanted = ExportWanted(request.file, request.with_seeds, request.force)
        return to_message(await _answer(context, lambda: self._daemon.export(wanted)), pb.ExportView)

    async def Leave(self, request: pb.LeaveRequest, context: Context) -> AsyncGenerator[pb.UnlearnProgress, None]:
        async for progress in _stream(context, self._daemon.leave):
            yield to_message(progress, pb.UnlearnProgress)

    async def Select(self, request: pb.SelectRequest, context: Context) -> pb.SelectionView:
        found = await _answer(context, lambda: self._daemon.select(request.samples, request.where))
        return to_message(found, pb.SelectionView)

    async def Forget(self, request: pb.ForgetRequest, context: Context) -> AsyncGenerator[pb.UnlearnProgress, None]:
        async for progress in _stream(context, lambda: self._daemon.forget(request.name)):
            yield to_message(progress, pb.UnlearnProgress)

    async def Logs(self, request: pb.LogsRequest, context: Context) -> AsyncGenerator[pb.LogEntry, None]:
        wanted = from_message(request, LogsWanted)
        async for entry in _stream(context, lambda: self._daemon.logs(wanted)):
            yield to_message(entry, pb.LogEntry)

    async def Tell(self, request: pb.TellRequest, context: Context) -> pb.TellReply:
        return pb.TellReply(peer=await _answer(context, lambda: self._daemon.tell(request.file)))

    async def Stop(self, request: pb.StopRequest, context: Context) -> pb.StopReply:
        await _answer(context, self._daemon.stop)
        return pb.StopReply()


A = TypeVar("A")


async def _answer(context: Context, call: Callable[[], Awaitable[A]]) -> A:
    try:
        return await call()
    except HdusError as problem:
        await _refuse(context, problem)
        raise AssertionError("abort always raises") from problem


async def _stream(context: Context, call: Callable[[], AsyncGenerator[A, None]]) -> AsyncGenerator[A, None]:
    try:
        async with contextlib.aclosing(call()) as values:
            async for value in values:
                yield value
    except HdusError as problem:
        await _refuse(context, problem)


async def _refuse(context: Context, problem: HdusError) -> None:
    await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(problem), trailers(problem))
