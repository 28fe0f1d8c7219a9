"""docker-compose.yml on a real engine: what its header promises. `make compose-test`; not a part of `make test`.

Any order will do: each test waits until the peers that run hold each other's seeds, and says what it changes.
"""

import json
from typing import Any

import pytest

from tests.compose.stack import PEERS, Stack, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]


def alive(stack: Stack, container: str) -> int:
    status = stack.asked(container, "status")
    return status["links"]["alive"] if status else -1


def test_every_peer_holds_every_seed_and_is_healthy(stack: Stack) -> None:
    for container in stack.until_complete().values():
        stack.until(
            lambda container=container: stack.inspect(container)["State"]["Health"]["Status"] == "healthy",
            "it is healthy",
            container,
        )


def test_the_six_have_six_main_models(stack: Stack) -> None:
    mains = {stack.asked(container, "status")["main"]["architecture"] for container in stack.running().values()}
    assert len(mains) == len(stack.running())


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_is_locked_in(stack: Stack, name: str) -> None:
    """No root, no capability, no writable root, bounds; of volumes its own state alone: never the root key."""
    found = stack.inspect(stack.container(name))
    host, config = found["HostConfig"], found["Config"]
    assert config["User"] == "hdus"
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert not host["PortBindings"]
    assert 0 < host["PidsLimit"] <= 256
    assert 0 < host["Memory"] == host["MemorySwap"]
    mounts = {mount["Destination"]: mount["Name"] for mount in found["Mounts"] if mount["Type"] == "volume"}
    assert mounts == {"/state": f"{stack.project}_{name}"}


def test_a_second_up_changes_nothing(stack: Stack) -> None:
    before = _standing(stack)
    stack.up("--scale", f"guest={len(stack.containers('guest'))}")
    assert _standing(stack) == before


def _standing(stack: Stack) -> dict[str, tuple[Any, ...]]:
    running = stack.running()
    found = {name: stack.inspect(container) for name, container in running.items()}
    ids = {name: stack.asked(container, "status")["peer"] for name, container in running.items()}
    return {name: (one["Id"], one["State"]["StartedAt"], ids[name]) for name, one in found.items()}


def test_a_leaver_is_erased_everywhere_and_stays_away(stack: Stack) -> None:
    running = stack.until_complete()
    name = max(running)
    leaver = running.pop(name)
    done = stack.typed(leaver, "leave", "--yes", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    erasures = {holder["name"]: holder["closed_by"] for holder in json.loads(done.stdout)["holders"]}
    assert {holder: erasures.get(holder) for holder in running} == dict.fromkeys(running, "receipt")
    for other, container in running.items():
        stack.until(lambda at=container: name not in stack.seeds(at), f"{other} lost the seed of {name}", container)

    stack.until(lambda: not stack.is_running(leaver), "the leaver's container ended", leaver)
    ended = stack.inspect(leaver)
    assert (ended["State"]["ExitCode"], ended["RestartCount"]) == (0, 0)
    stack.compose("start", name)
    stack.until(lambda: "has left its network" in stack.log(leaver)[-1], "it says that it has left", leaver)
    stack.until(lambda: not stack.is_running(leaver), "it ended again", leaver)
    ended = stack.inspect(leaver)
    assert (ended["State"]["ExitCode"], ended["RestartCount"]) == (0, 0)
    assert all(name not in stack.seeds(container) for container in running.values())


def test_a_network_that_was_away_comes_back(stack: Stack) -> None:
    """Links, discovery and the exchange of a new seed; the interface may have another name and address."""
    running = stack.until_complete()
    name, container = min(running.items())
    network, others = f"{stack.project}_peers", [each for each in running.values() if each != container]
    stack.until(lambda: alive(stack, container) >= len(others), "all are linked", container)
    held = stack.seeds(container)
    run("docker", "network", "disconnect", network, container)
    stack.until(lambda: alive(stack, container) == 0, "it notices that nobody is there", container)
    assert stack.seeds(container) == held, "a network that is away is no leave"
    assert stack.typed(container, "health").returncode == 0
    run("docker", "network", "connect", "--alias", name, network, container)
    stack.until(lambda: alive(stack, container) >= len(others), "all are linked again", container, 60)

    generation = stack.asked(container, "status")["generation"]
    assert stack.typed(container, "train").returncode == 0
    for other in others:
        stack.until(lambda at=other: stack.seeds(at).get(name, 0) > generation, f"{other} has the new seed", container)


def test_a_peer_that_is_killed_comes_back_as_it_was(stack: Stack) -> None:
    running = stack.until_complete()
    container = running[sorted(running)[1]]
    before, held, restarts = stack.asked(container, "status"), stack.seeds(container), _restarts(stack, container)
    run("docker", "exec", container, "sh", "-c", f"kill -9 {before['pid']}")
    stack.until(lambda: _restarts(stack, container) > restarts, "the engine started it again", container)
    stack.until(lambda: stack.seeds(container).items() >= held.items(), "its seeds are in use again", container)
    after = stack.asked(container, "status")
    assert (after["peer"], after["generation"]) == (before["peer"], before["generation"])
    assert after["training"]["state"] == "done"
    log = stack.log(container)
    since = log[max(number for number, line in enumerate(log) if " Started " in line) :]
    assert not [line for line in since if "TrainingProgressed" in line or "SeedPublished" in line]


def _restarts(stack: Stack, container: str) -> int:
    return int(stack.inspect(container)["RestartCount"])


def test_guests_are_peers_of_their_own(stack: Stack) -> None:
    running = stack.until_complete()
    stack.up("--scale", "guest=3")
    guests = stack.containers("guest")
    assert len(guests) == 3
    for guest in guests:
        stack.until(lambda at=guest: running.keys() <= stack.seeds(at).keys(), "it holds the seeds of all", guest)
    names = {stack.asked(guest, "status")["name"] for guest in guests}
    assert len(names) == 3
    assert all(name.startswith("guest-") for name in names)
    for container in running.values():
        stack.until(lambda at=container: names <= stack.seeds(at).keys(), f"{container} holds {names}", container)

    left = run("docker", "exec", guests[0], "ls", "/guests").stdout.split()
    assert not {f"{name}.credentials" for name in names} & set(left), "what was taken is still in the pool"
    run("docker", "restart", guests[0])
    stack.until(lambda: stack.asked(guests[0], "status"), "it runs again", guests[0])
    assert stack.asked(guests[0], "status")["name"] in names
    assert run("docker", "exec", guests[0], "ls", "/guests").stdout.split() == left, "it kept the identity that it has"
    volumes = [mount["Name"] for guest in guests for mount in stack.inspect(guest)["Mounts"]
               if mount["Destination"] == "/state"]  # fmt: skip
    assert len(set(volumes)) == 3
