"""Server and client over a real Unix socket, with a daemon in memory behind them."""

import os
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from hdus_peer.control.client import ControlClient
from hdus_peer.control.port import LogsWanted
from hdus_peer.control.server import ControlServer
from hdus_peer.domain.identity import PeerId
from hdus_peer.errors import DataError, ForgedError, HdusError, NotRunningError, StateError, StorageError, WorkerError
from tests.control.memory_daemon import (
    CHOSEN,
    ENTRIES,
    FORGET,
    HOLDERS,
    LEAVE,
    PEERS,
    SEEDS,
    STATUS,
    TASK,
    MemoryDaemon,
    served,
)


@pytest.fixture
def daemon() -> MemoryDaemon:
    return MemoryDaemon()


@pytest.fixture
def client(daemon: MemoryDaemon, state: Path) -> Iterator[ControlClient]:
    with served(daemon, state), ControlClient(state) as client:
        yield client


def test_every_value_arrives_as_the_daemon_gave_it(client: ControlClient) -> None:
    assert client.status() == STATUS
    assert client.task() == TASK
    assert client.peers() == PEERS
    assert client.seeds() == SEEDS
    assert client.holders() == HOLDERS


def test_predict_and_evaluate(client: ControlClient, daemon: MemoryDaemon) -> None:
    answer = client.predict(bytes(2 * 64 * 4), 2)
    assert (len(answer.alone), len(answer.ensemble)) == (2, 2)
    assert daemon.predicted == [(512, 2)]
    found = client.evaluate("global", "logit-mean")
    assert (found.dataset, found.rule, found.samples) == ("global", "logit-mean", 300)


def test_rows_of_many_megabytes_pass(client: ControlClient, daemon: MemoryDaemon) -> None:
    client.predict(bytes(16 * 1024 * 1024), 1)
    assert daemon.predicted == [(16 * 1024 * 1024, 1)]


def test_train_returns_the_epoch_at_once(client: ControlClient) -> None:
    assert [client.train(), client.train()] == [1, 2]


def test_watch_ends_with_the_daemon(client: ControlClient, daemon: MemoryDaemon) -> None:
    daemon.statuses = [STATUS, STATUS]
    assert list(client.watch()) == [STATUS, STATUS]


def test_the_log_arrives_entry_by_entry(client: ControlClient, daemon: MemoryDaemon) -> None:
    wanted = LogsWanted(1, "error", follow=True, events_only=True)
    assert list(client.logs(wanted)) == ENTRIES[-1:]
    assert daemon.wanted == [wanted]


def test_leave_streams_until_the_last_holder(client: ControlClient) -> None:
    assert list(client.leave()) == LEAVE


def test_a_selection_is_forgotten_under_its_name(client: ControlClient, daemon: MemoryDaemon) -> None:
    chosen = client.select("npz:/some.npz", "")
    assert chosen == CHOSEN
    assert list(client.forget(chosen.name)) == FORGET
    assert (daemon.selected, daemon.forgotten) == ([("npz:/some.npz", "")], [CHOSEN.name])


def test_leave_stops_waiting_and_the_leave_goes_on(client: ControlClient, daemon: MemoryDaemon) -> None:
    daemon.leaves = LEAVE[:2]
    assert list(client.leave(wait_s=0.2)) == LEAVE[:2]
    assert daemon.abandoned.wait(5)


@pytest.mark.parametrize("kind", [DataError, StateError, StorageError, WorkerError, ForgedError, HdusError])
def test_an_error_keeps_its_class_and_its_sentence(
    kind: type[HdusError], client: ControlClient, daemon: MemoryDaemon
) -> None:
    daemon.failure = kind("the disk is full — löschen Sie etwas")
    for call in (client.status, client.train, lambda: list(client.watch()), lambda: list(client.leave(5))):
        with pytest.raises(HdusError) as caught:
            call()
        assert type(caught.value) is kind
        assert str(caught.value) == "the disk is full — löschen Sie etwas"


def test_a_fault_of_the_daemon_itself_is_a_worker_error(client: ControlClient, daemon: MemoryDaemon) -> None:
    with pytest.raises(WorkerError, match="its log says why"):
        client.predict(b"", 1)


def test_stop_ends_the_daemon_and_removes_the_socket(daemon: MemoryDaemon, state: Path) -> None:
    with served(daemon, state):
        with ControlClient(state) as client:
            client.stop()
        assert daemon.stopped.wait(5)
    assert not (state / "control.sock").exists()


def test_nobody_answers(state: Path) -> None:
    with pytest.raises(NotRunningError, match=f"hdus-peer start --state {state}"):
        ControlClient(state)


def test_nobody_answers_for_a_directory_too_deep_for_a_socket(state: Path) -> None:
    with pytest.raises(NotRunningError):
        ControlClient(state / ("d" * 107))


def test_a_socket_that_a_dead_daemon_left(state: Path) -> None:
    _dead_socket(state / "control.sock")
    with pytest.raises(NotRunningError):
        ControlClient(state)


def test_a_daemon_that_ends_in_mid_call(client: ControlClient, daemon: MemoryDaemon) -> None:
    daemon.stopped.set()
    with pytest.raises(NotRunningError):
        _ask_forever(client)


async def test_the_socket_is_for_its_owner_alone(state: Path) -> None:
    server = ControlServer(MemoryDaemon(), state)
    path = await server.start()
    mode = path.stat().st_mode
    await server.stop(0)
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


async def test_a_dead_socket_is_replaced(state: Path) -> None:
    _dead_socket(state / "control.sock")
    server = ControlServer(MemoryDaemon(), state)
    await server.start()
    await server.stop(0)
    await server.stop(0)
    assert list(state.iterdir()) == []


async def test_what_is_no_socket_and_in_its_way_is_said(state: Path) -> None:
    (state / "control.sock").mkdir()
    with pytest.raises(StateError, match=r"control\.sock is in the way .*: remove it, then start again"):
        await ControlServer(MemoryDaemon(), state).start()


async def test_a_state_directory_that_is_gone(state: Path) -> None:
    server = ControlServer(MemoryDaemon(), state / "gone")
    with pytest.raises(StateError, match="rights"):
        await server.start()


def test_names_are_not_mistaken_for_errors(client: ControlClient, daemon: MemoryDaemon) -> None:
    daemon.failure = type("Unheard", (HdusError,), {})("something of a later version")
    with pytest.raises(HdusError, match="later version") as caught:
        client.status()
    assert type(caught.value) is HdusError


def test_several_clients_at_once(client: ControlClient, state: Path) -> None:
    names: list[PeerId] = []

    def ask() -> None:
        with ControlClient(state) as other:
            names.append(other.status().peer)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert names == [STATUS.peer] * 4


def _ask_forever(client: ControlClient) -> None:
    while True:
        client.status()


def _dead_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(os.fspath(path))


def test_the_socket_describes_itself(daemon: MemoryDaemon, state: Path) -> None:
    """What grpcurl asks first: which services there are, and the messages of one."""
    asked = (
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="hdus_peer.control.v1.Control"),
    )
    with served(daemon, state), grpc.insecure_channel(f"unix:{state / 'control.sock'}") as channel:
        ask = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo
        listed, described = ask(iter(asked), timeout=10)
    names = {service.name for service in listed.list_services_response.service}
    assert names == {"hdus_peer.control.v1.Control", "grpc.reflection.v1alpha.ServerReflection"}
    assert b"PeerStatus" in b"".join(described.file_descriptor_response.file_descriptor_proto)
