"""The peers of a soak, and what befalls them.

Rules
1. Everything that happens is drawn from one seed and written down with its time.
2. The first half of the peers is steady: only ended by the end of the soak. An end of its own is a failure.
3. What a peer refuses with a sentence (still training, still leaving) is no failure; it is written down and goes on.
"""

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.peers import Peer, until
from benchmarks.plan import HOST, NetworkPlan, PeerPlan, write_config
from hdus_peer.admission.authority import create_network, issue_file
from hdus_peer.errors import HdusError, NotRunningError

ACT_INTERVAL_S = 20.0
ASK_INTERVAL_S = 1.0
DOWN_MIN_S, DOWN_MAX_S = 2.0, 15.0
START_S, LEAVE_S = 600.0, 60.0
STARTING_AT_ONCE = 4
"""Peers that train for the first time at once: each needs a core and some 400 MB for a few seconds."""
SAMPLES = 4
SEED = "mobilenet-s"


def make_plan(directory: Path, count: int, *, mdns: bool) -> NetworkPlan:
    """A new network of small peers; nothing runs yet."""
    create_network(directory / "network", "soak", "digits")
    peers = tuple(_peer(directory, number, count) for number in range(count))
    plan = NetworkPlan(peers, SEED)
    plan = plan if mdns else plan.with_addresses()
    for peer in plan.peers:
        issue_file(directory / "network", peer.name, peer.credentials)
        write_config(plan, peer)
    return plan


def _peer(directory: Path, number: int, count: int) -> PeerPlan:
    name = f"p{number:02}"
    return PeerPlan(
        name=name,
        main="mlp",
        shard=f"iid:{number}/{count}",
        random_seed=number,
        credentials=directory / "network" / f"{name}.credentials",
        directory=directory / name,
        listen=f"{HOST}:0",
    )


class Fleet:
    """`done`: how often what happened; `diary`: when (s since the start), what, to whom."""

    def __init__(self, plan: NetworkPlan, random_seed: int) -> None:
        self.peers = [Peer(peer) for peer in plan.peers]
        self.done: Counter[str] = Counter()
        self.diary: list[tuple[float, str, str]] = []
        self._flags = [f"--set=network.neighbours_max={len(plan.peers)}"]
        self._rng = random.Random(random_seed)
        self._began_s = time.monotonic()
        self._returns: dict[Peer, tuple[float, list[str]]] = {}
        self._next_act_s = self._next_ask_s = 0.0
        self._acts: list[tuple[int, str, Callable[[Peer], None]]] = [
            (3, "kill", self._kill),
            (2, "restart", self._restart),
            (2, "leave", self._leave),
            (3, "train", self._train),
        ]

    @property
    def steady(self) -> list[Peer]:
        return self.peers[: (len(self.peers) + 1) // 2]

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._began_s

    # --- begin and end ----------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Until everybody holds everybody's seed."""
        for first in range(0, len(self.peers), STARTING_AT_ONCE):
            group = self.peers[first : first + STARTING_AT_ONCE]
            for peer in group:
                peer.start(*self._flags)
            until(lambda: all(peer.has("TrainingDone") for peer in group), START_S, *group)  # noqa: B023 - at once
        until(self.is_complete, START_S, *self.peers)
        self._began_s = time.monotonic()

    def come_to_rest(self) -> None:
        """Until everybody is back, and holds everybody's seed again: nothing was lost on the way."""
        for peer in list(self._returns):
            self._return(peer)
        until(self.is_complete, START_S, *self.peers)

    def is_complete(self) -> bool:
        others = len(self.peers) - 1
        try:
            return all(self._seeds_used(peer) == others for peer in self.peers)
        except NotRunningError:
            return False

    def _seeds_used(self, peer: Peer) -> int:
        with peer.client() as client:
            ensemble = client.status().ensemble
        return -1 if ensemble.pending else len(ensemble.owners)

    def stop(self) -> None:
        for peer in self.peers:
            if peer.is_up():
                os.kill(peer.pid, signal.SIGTERM)
        for peer in self.peers:
            peer.stop()

    # --- what befalls them ------------------------------------------------------------------------------------------
    def live_on(self) -> None:
        """Whatever is due now. RuntimeError where a steady peer ended."""
        ended = [peer for peer in self.steady if not peer.is_up()]
        if ended:
            raise RuntimeError(f"{ended[0].plan.name} ended by itself:\n{ended[0].log_end()}")
        for peer in [peer for peer, (due_s, _) in self._returns.items() if due_s <= self.elapsed_s]:
            self._return(peer)
        if self.elapsed_s >= self._next_ask_s:
            self._next_ask_s = self.elapsed_s + ASK_INTERVAL_S
            self._try("predict", self._ask, self._rng.choice(self._up(self.peers)))
        if self.elapsed_s >= self._next_act_s:
            self._next_act_s = self.elapsed_s + ACT_INTERVAL_S
            weights = [weight for weight, _, _ in self._acts]
            _, what, act = self._rng.choices(self._acts, weights)[0]
            among = self._up(self.peers if what == "train" else self.peers[len(self.steady) :])
            if among:
                self._try(what, act, self._rng.choice(among))

    def _up(self, among: list[Peer]) -> list[Peer]:
        return [peer for peer in among if peer not in self._returns and peer.is_up()]

    def _try(self, what: str, act: Callable[[Peer], None], peer: Peer) -> None:
        try:
            act(peer)
        except HdusError as problem:
            what = f"{what} refused"
            self._note(f"{what}: {problem}", peer)
        else:
            if what != "predict":
                self._note(what, peer)
        self.done[what] += 1

    def _note(self, what: str, peer: Peer) -> None:
        self.diary.append((round(self.elapsed_s, 1), what, peer.plan.name))

    def _return_later(self, peer: Peer, *flags: str) -> None:
        due_s = self.elapsed_s + self._rng.uniform(DOWN_MIN_S, DOWN_MAX_S)
        self._returns[peer] = (due_s, [*self._flags, *flags])

    def _return(self, peer: Peer) -> None:
        _, flags = self._returns.pop(peer)
        peer.start(*flags)
        self._note("start", peer)

    def _kill(self, peer: Peer) -> None:
        os.killpg(peer.pid, signal.SIGKILL)
        peer.wait()
        self._return_later(peer)

    def _restart(self, peer: Peer) -> None:
        peer.stop()
        self._return_later(peer)

    def _leave(self, peer: Peer) -> None:
        """Asked for here, and ended by itself; one that does not end in time is stopped while it leaves."""
        with peer.client() as client:
            asking = threading.Timer(LEAVE_S, client.close)
            asking.start()
            try:
                for _ in client.leave(LEAVE_S):
                    pass
            finally:
                asking.cancel()
        with contextlib.suppress(Exception):
            peer.wait()
        peer.stop()
        self._return_later(peer, "--rejoin")

    def _train(self, peer: Peer) -> None:
        with peer.client() as client:
            client.train()

    def _ask(self, peer: Peer) -> None:
        rows = np.full((SAMPLES, 1, 8, 8), self._rng.random(), "<f4").tobytes()
        with peer.client() as client:
            client.predict(rows, SAMPLES)
