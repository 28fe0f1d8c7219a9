"""`hdus-peer health` where the peer port has nothing good to say; where it has, see tests/integration/test_leave.py."""

import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from hdus_peer.admission import authority
from tests.cli.conftest import Typed
from tests.control.memory_daemon import STATUS, MemoryDaemon


@pytest.fixture
def credentials(state: Path, tmp_path: Path) -> None:
    """Those of some member, where a daemon keeps them."""
    authority.create_network(tmp_path / "home", "home", "digits")
    authority.issue_file(tmp_path / "home", "mira", state / "credentials")


def test_no_daemon(typed: Typed) -> None:
    shown = typed("health")
    assert shown.exit_code == 8
    assert "hdus-peer start" in shown.stderr


def test_no_credentials(daemon: MemoryDaemon, typed: Typed) -> None:
    shown = typed("health")
    assert shown.exit_code == 4
    assert "cannot be read" in shown.stderr


@pytest.mark.usefixtures("credentials")
def test_a_peer_port_that_does_not_answer(daemon: MemoryDaemon, typed: Typed) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        daemon.statuses = [replace(STATUS, address=f"127.0.0.1:{free.getsockname()[1]}")]
    shown = typed("health", "--json")
    assert shown.exit_code == 7
    answer = json.loads(shown.stdout)
    assert (answer["kind"], answer["exit_code"]) == ("WorkerError", 7)
    assert "gives no answer" in answer["error"]
