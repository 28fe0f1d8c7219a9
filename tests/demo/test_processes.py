"""Peers' processes: whatever they do, they end, and one that ends too early says why."""

import os
import signal
from pathlib import Path

import pytest

from hdus_peer.demo import processes
from hdus_peer.demo.plan import DemoOptions, PeerPlan, plan_network
from hdus_peer.errors import WorkerError


@pytest.fixture
def peer(tmp_path: Path) -> PeerPlan:
    planned = plan_network(tmp_path, DemoOptions("digits", 3, None, 0, None, False), is_picture=True).peers[0]
    planned.directory.mkdir()
    planned.config.write_text("nonsense = 1\n")
    return planned


def test_a_peer_that_ends_says_why(peer: PeerPlan) -> None:
    (started,) = processes.start([peer])
    assert started.wait(30) == 2
    with pytest.raises(WorkerError, match=r"anna ended with exit code 2(.|\n)*log\.txt(.|\n)*nonsense"):
        started.check()
    processes.stop([started])
    processes.stop([started])


def test_a_peer_that_does_not_obey_is_killed(peer: PeerPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"
    monkeypatch.setattr(processes, "command", lambda *words: [processes.sys.executable, "-c", stubborn])
    (started,) = processes.start([peer])
    while b"up" not in peer.log.read_bytes():
        started.check()
    processes.stop([started], timeout_s=0.05)
    assert started.wait(0) == -signal.SIGKILL


def test_the_users_settings_do_not_reach_the_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HDUS_PREDICT__RHO", "0.1")
    given = processes.environment()
    assert "HDUS_PREDICT__RHO" not in given
    assert given["PATH"] == os.environ["PATH"]
