"""All peers of one network at once: their processes, and a control client to each.

Rule: peers are asked side by side, so that a slow one delays nobody; one that is not up yet, or has left, is absent
from an answer and no error.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from hdus_peer.control.client import ControlClient
from hdus_peer.control.port import PeerStatus
from hdus_peer.demo import processes
from hdus_peer.demo.plan import NetworkPlan, PeerPlan, write_configs
from hdus_peer.demo.processes import PeerProcess
from hdus_peer.errors import NotRunningError, WorkerError

POLL_INTERVAL_S = 0.2
STALL_TIMEOUT_S = 120.0

A = TypeVar("A")
Statuses = dict[str, PeerStatus]


class Fleet:
    """The running peers of `plan`, by name."""

    def __init__(self, plan: NetworkPlan, running: Sequence[PeerProcess]) -> None:
        self.plan = plan
        self.is_released = False
        self.processes = {process.plan.name: process for process in running}
        self._left: set[str] = set()
        self._clients: dict[str, ControlClient] = {}
        self._pool = ThreadPoolExecutor(max_workers=len(running), thread_name_prefix="demo-ask")

    @property
    def names(self) -> list[str]:
        """Those that have not left, in the order of the plan."""
        return [name for name in self.processes if name not in self._left]

    @property
    def present(self) -> list[PeerPlan]:
        """The plans of those that have not left."""
        return [self.processes[name].plan for name in self.names]

    def without(self, name: str) -> None:
        """`name` is leaving: its end is no failure, and nobody asks it any more."""
        self._left.add(name)

    def release(self) -> None:
        """Let the peers run on after the demo."""
        self.is_released = True

    def statuses(self) -> Statuses:
        """Of those that answer. Raises WorkerError where a process ended or a training failed."""
        for name in self.names:
            self.processes[name].check()
        found = self.ask(ControlClient.status)
        for name, status in found.items():
            if status.training.state == "failed":
                end = self.processes[name].log_end()
                raise WorkerError(f"the training of {name} failed: {status.training.detail}. {end}")
        return found

    def ask(self, call: Callable[[ControlClient], A]) -> dict[str, A]:
        """`call` at every peer that answers, by name."""
        answers = self._pool.map(lambda name: (name, self._ask_one(name, call)), self.names)
        return {name: answer[0] for name, answer in answers if answer}

    def _ask_one(self, name: str, call: Callable[[ControlClient], A]) -> list[A]:
        try:
            if name not in self._clients:
                self._clients[name] = ControlClient(self.processes[name].plan.state)
            return [call(self._clients[name])]
        except NotRunningError:
            stale = self._clients.pop(name, None)
            if stale is not None:
                stale.close()
            return []

    def wait_until(self, reached: Callable[[Statuses], bool], goal: str, show: Callable[[Statuses], None]) -> Statuses:
        """Poll until `reached`. Raises WorkerError where nothing changed for STALL_TIMEOUT_S, naming the `goal`."""
        last, changed_at = "", time.monotonic()
        while True:
            found = self.statuses()
            show(found)
            if len(found) == len(self.names) and reached(found):
                return found
            now, seen = time.monotonic(), _fingerprint(found)
            if seen != last:
                last, changed_at = seen, now
            if now - changed_at > STALL_TIMEOUT_S:
                raise WorkerError(f"nothing changed for {STALL_TIMEOUT_S:.0f} s while waiting until {goal}: {seen}")
            time.sleep(POLL_INTERVAL_S)

    def close(self) -> None:
        """Let go of the clients; the processes go on."""
        self._pool.shutdown()
        for client in self._clients.values():
            client.close()
        self._clients.clear()


@contextmanager
def running(plan: NetworkPlan) -> Iterator[Fleet]:
    """Start the peers of `plan`; stop them at the end, whatever the end is, unless they were let go by `release`."""
    write_configs(plan)
    started = processes.start(plan.peers)
    fleet = Fleet(plan, started)
    try:
        yield fleet
    finally:
        if not fleet.is_released:
            processes.stop(started)
        fleet.close()


def _fingerprint(found: Statuses) -> str:
    return "; ".join(
        f"{name} {each.training.state} {each.training.stage} {each.training.fraction:.3f}, {each.seeds_held} seeds, "
        f"{len(each.ensemble.owners)} in use, {each.links.alive} alive"
        for name, each in found.items()
    )
