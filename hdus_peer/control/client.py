"""The command line's side of the control service: synchronous calls, the same values and errors as in the daemon.

Rules
1. Nobody answering is a NotRunningError that says where was looked and what to type; a daemon that ends in the middle
   of a call is one as well. Nothing here waits without a limit, but for the streams, which end with the daemon.
2. Whether anybody listens is asked with a plain socket first: that is quicker than a channel that connects and retries.
"""

import socket
from collections.abc import Callable, Generator
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from hdus_peer.control.address import find_socket, is_short_enough
from hdus_peer.control.codec import from_message, to_message
from hdus_peer.control.port import (
    ExportView,
    HolderView,
    LogEntry,
    LogsWanted,
    PeerStatus,
    PeerView,
    SeedView,
    SelectionView,
    UnlearnProgress,
)
from hdus_peer.control.status import MESSAGE_BYTES_MAX, error_from
from hdus_peer.control.v1 import control_pb2 as pb
from hdus_peer.control.v1 import control_pb2_grpc as rpc
from hdus_peer.domain.task import Task
from hdus_peer.errors import HdusError, NotRunningError, StateError, WorkerError
from hdus_peer.workers.port import Evaluation, Prediction

ANSWER_TIMEOUT_S = 10.0
COMPUTE_TIMEOUT_S = 120.0
CONNECT_TIMEOUT_S = 2.0

_OPTIONS = [
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.use_local_subchannel_pool", 1),
]

A = TypeVar("A", bound=Message)
V = TypeVar("V")


class ControlClient:
    """A connection to the daemon of one state directory; a context manager. Methods raise what the daemon raised."""

    def __init__(self, state: Path) -> None:
        self._state = state
        path = find_socket(state)
        _require_listener(path, state)
        self._channel = grpc.insecure_channel(f"unix:{path}", options=_OPTIONS)
        self._stub = rpc.ControlStub(self._channel)  # type: ignore[no-untyped-call]

    def __enter__(self) -> "ControlClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._channel.close()

    def status(self) -> PeerStatus:
        return from_message(self._ask(self._stub.Status, pb.StatusRequest()), PeerStatus)

    def watch(self) -> Generator[PeerStatus, None, None]:
        """The status now and at every change, until the daemon ends (which is no error) or the generator is closed."""
        return self._listen(self._stub.Watch, pb.WatchRequest(), PeerStatus)

    def task(self) -> Task:
        return from_message(self._ask(self._stub.DescribeTask, pb.DescribeTaskRequest()), Task)

    def peers(self) -> list[PeerView]:
        return [from_message(peer, PeerView) for peer in self._ask(self._stub.Peers, pb.PeersRequest()).peers]

    def seeds(self) -> list[SeedView]:
        return [from_message(seed, SeedView) for seed in self._ask(self._stub.Seeds, pb.SeedsRequest()).seeds]

    def holders(self) -> list[HolderView]:
        found = self._ask(self._stub.Holders, pb.HoldersRequest()).holders
        return [from_message(holder, HolderView) for holder in found]

    def train(self) -> int:
        """Begin a retraining; returns its job epoch at once."""
        reply: pb.TrainReply = self._ask(self._stub.Train, pb.TrainRequest())
        return reply.job_epoch

    def predict(self, rows: bytes, samples: int) -> Prediction:
        """`rows`: normalised little-endian float32 samples."""
        request = pb.PredictRequest(rows=rows, samples=samples)
        return from_message(self._ask(self._stub.Predict, request, COMPUTE_TIMEOUT_S), Prediction)

    def evaluate(self, dataset: str, rule: str = "") -> Evaluation:
        """`dataset`: "local", "global" or "holdout"; `rule`: "" for the configured one."""
        request = pb.EvaluateRequest(dataset=dataset, rule=rule)
        return from_message(self._ask(self._stub.Evaluate, request, COMPUTE_TIMEOUT_S), Evaluation)

    def export(self, file: str, with_seeds: bool, force: bool) -> ExportView:
        """`file`: an absolute path, which the daemon writes."""
        request = pb.ExportRequest(file=file, with_seeds=with_seeds, force=force)
        return from_message(self._ask(self._stub.Export, request, COMPUTE_TIMEOUT_S), ExportView)

    def leave(self, wait_s: float | None = None) -> Generator[UnlearnProgress, None, None]:
        """Leave, or join the leave under way; ends after the last holder, or after `wait_s` (the leave goes on)."""
        return self._listen(self._stub.Leave, pb.LeaveRequest(), UnlearnProgress, wait_s)

    def select(self, samples: str, where: str) -> SelectionView:
        """`samples`: a source, with absolute paths; or `where`: an expression; the other one is ""."""
        request = pb.SelectRequest(samples=samples, where=where)
        return from_message(self._ask(self._stub.Select, request, COMPUTE_TIMEOUT_S), SelectionView)

    def forget(self, name: str, wait_s: float | None = None) -> Generator[UnlearnProgress, None, None]:
        """Forget a selection; ends after the last answer, or after `wait_s` (the forgetting goes on)."""
        return self._listen(self._stub.Forget, pb.ForgetRequest(name=name), UnlearnProgress, wait_s)

    def logs(self, wanted: LogsWanted) -> Generator[LogEntry, None, None]:
        """Entries of the daemon's log; with `follow` until it ends."""
        return self._listen(self._stub.Logs, to_message(wanted, pb.LogsRequest), LogEntry)

    def tell(self, file: str) -> str:
        """Have the daemon obey and pass on the revocation in `file` (absolute); who is revoked."""
        reply: pb.TellReply = self._ask(self._stub.Tell, pb.TellRequest(file=file))
        return reply.peer

    def stop(self) -> None:
        """Ask for an orderly end; returns at once."""
        self._ask(self._stub.Stop, pb.StopRequest())

    def _ask(self, call: Callable[..., A], request: Message, timeout_s: float = ANSWER_TIMEOUT_S) -> A:
        try:
            return call(request, timeout=timeout_s)
        except grpc.RpcError as problem:
            raise self._translated(problem) from problem

    def _listen(
        self, call: Callable[..., Any], request: Message, kind: type[V], wait_s: float | None = None
    ) -> Generator[V, None, None]:
        stream = call(request, timeout=wait_s)
        try:
            for message in stream:
                yield from_message(message, kind)
        except grpc.RpcError as problem:
            if not _is_end(problem, wait_s):
                raise self._translated(problem) from problem
        finally:
            stream.cancel()

    def _translated(self, problem: Any) -> HdusError:
        sentence = problem.details() or "no details"
        answered = error_from(tuple(problem.trailing_metadata() or ()), sentence)
        if answered is not None:
            return answered
        if problem.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
            return not_running(self._state)
        if problem.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            return WorkerError("the daemon did not answer in time: look at `hdus-peer status` and try again")
        return WorkerError(f"the daemon failed at this call ({sentence}): its log says why")


def not_running(state: Path) -> NotRunningError:
    return NotRunningError(f"no daemon answers for the state directory {state}: type `hdus-peer start --state {state}`")


def _is_end(problem: Any, wait_s: float | None) -> bool:
    """Whether the stream ended by what was asked for (its time is over) or with the daemon."""
    if problem.trailing_metadata() and error_from(tuple(problem.trailing_metadata()), ""):
        return False
    codes = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
    return problem.code() in (codes | {grpc.StatusCode.DEADLINE_EXCEEDED} if wait_s is not None else codes)


def _require_listener(path: Path, state: Path) -> None:
    if not is_short_enough(path):  # a daemon that runs there has named another path
        raise not_running(state)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(CONNECT_TIMEOUT_S)
        try:
            probe.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            raise not_running(state) from None
        except PermissionError as problem:
            raise StateError(f"{path} is another user's: run this as the one who started the daemon") from problem
        except OSError as problem:
            raise StateError(f"{path} cannot be opened ({problem}): check the --state directory") from problem
