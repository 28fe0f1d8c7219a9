"""Containers that are paused, killed and cut off while one of them leaves. `make compose-faults`: the six peers of
docker-compose.yml, of which one leaves in each test, the last of those that run; so their order is that of the file.

What is judged after every fault: the leaver's container ended with 0; its certificate, verified outside of all
containers with the network's root alone, is complete; nobody else has a file of its seed, nor lost another one. At the
end `hdus-peer check` finds nothing in any of the six states.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.compose.stack import PEERS, Stack, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

LEAVE_S = 10
PENDING = 3
"""Exit code of `leave` while somebody has not answered."""

Strike = Callable[[Stack, str], Callable[[], object]]
"""Does something to a peer's container; what it returns takes it back."""


def paused(stack: Stack, name: str) -> Callable[[], object]:
    run("docker", "pause", stack.container(name))
    return lambda: run("docker", "unpause", stack.container(name))


def killed(stack: Stack, name: str) -> Callable[[], object]:
    run("docker", "kill", "--signal=KILL", stack.container(name))
    return lambda: run("docker", "start", stack.container(name))


def disconnected(stack: Stack, name: str) -> Callable[[], object]:
    network = f"{stack.project}_peers"
    run("docker", "network", "disconnect", network, stack.container(name))
    return lambda: run("docker", "network", "connect", "--alias", name, network, stack.container(name))


@pytest.mark.parametrize("strike", [paused, killed, disconnected], ids=lambda strike: strike.__name__)
def test_a_holder_that_is_away_during_a_leave(quick_stack: Stack, strike: Strike, tmp_path: Path) -> None:
    *holders, leaver = sorted(quick_stack.until_complete())
    payload = payload_of(quick_stack, leaver, holders[0])
    take_back = strike(quick_stack, holders[-1])
    assert leave(quick_stack, leaver, holders) == {name: name != holders[-1] for name in holders}
    take_back()
    judge(quick_stack, leaver, holders, payload, tmp_path)


def test_a_leaver_that_is_killed_during_its_leave(quick_stack: Stack, tmp_path: Path) -> None:
    """A holder that is paused keeps it from ending."""
    *holders, leaver = sorted(quick_stack.until_complete())
    payload = payload_of(quick_stack, leaver, holders[0])
    unpause = paused(quick_stack, holders[-1])
    assert leave(quick_stack, leaver, holders) == {name: name != holders[-1] for name in holders}
    start = killed(quick_stack, leaver)
    unpause()
    start()
    judge(quick_stack, leaver, holders, payload, tmp_path)


def test_a_leaver_that_nobody_hears_is_connected_again(quick_stack: Stack, tmp_path: Path) -> None:
    *holders, leaver = sorted(quick_stack.until_complete())
    payload = payload_of(quick_stack, leaver, holders[0])
    connect = disconnected(quick_stack, leaver)
    assert leave(quick_stack, leaver, holders) == dict.fromkeys(holders, False)
    connect()
    judge(quick_stack, leaver, holders, payload, tmp_path)


def test_every_state_is_sound_afterwards(quick_stack: Stack) -> None:
    quick_stack.compose("stop")
    assert {name: quick_stack.checked(name) for name in PEERS} == {name: [] for name in PEERS}


# --- what is done and judged ------------------------------------------------------------------------------------------
def payload_of(stack: Stack, owner: str, holder: str) -> str:
    """The name of the files of its seed at whoever holds it, which `holder` does."""
    (payload,) = (
        seed["payload_sha256"]
        for seed in stack.asked(stack.container(holder), "seeds")["seeds"]
        if seed["name"] == owner
    )
    assert payload in files(stack, holder)
    return str(payload)


def files(stack: Stack, name: str) -> list[str]:
    return run("docker", "exec", stack.container(name), "ls", "/state/seeds", "/state/keys").stdout.split()


def leave(stack: Stack, leaver: str, holders: list[str]) -> dict[str, bool]:
    """Which of these has confirmed when `leave` ends, with somebody pending. (Who left before confirmed then.)"""
    done = stack.typed(stack.container(leaver), "leave", "--yes", f"--wait={LEAVE_S}", "--json")
    assert done.returncode == PENDING, done.stdout + done.stderr
    confirmed = {holder["name"]: holder["confirmed"] for holder in json.loads(done.stdout)["holders"]}
    return {name: confirmed[name] for name in holders}


def judge(stack: Stack, leaver: str, holders: list[str], payload: str, scratch: Path) -> None:
    container = stack.container(leaver)
    stack.until(lambda: not stack.is_running(container), "the leaver's container ended", container)
    assert stack.inspect(container)["State"]["ExitCode"] == 0
    root = stack.copied(stack.container("authority"), "/authority/root.pem", scratch / "root.pem")
    (certificate,) = stack.copied(container, "/state/certificates", scratch / "certificates").iterdir()
    verify = (sys.executable, "-m", "hdus_peer.cli", "certificate", "verify", str(certificate))
    verified = json.loads(run(*verify, f"--root={root}", "--json").stdout)
    standings = {holder["name"]: holder["standing"] for holder in verified["holders"]}
    assert {name: standings.get(name) for name in holders} == dict.fromkeys(holders, "receipt")
    assert sorted(stack.until_complete()) == holders
    for name in holders:
        assert stack.seeds(stack.container(name)).keys() == set(holders) - {name}
        assert payload not in files(stack, name)
