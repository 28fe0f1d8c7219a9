"""A leaver and many holders of its seed: each a process of its own, all linked to one another, heartbeats running.

The leaver trained, and publishes; the holders are lean: real daemons with real predictors that hold its seed and have
none of their own.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import Peer, running, until
from benchmarks.place import Place, until_trained
from benchmarks.plan import PeerPlan, write_config
from hdus_peer.errors import NotRunningError

MAIN, SEED = "mlp", "mobilenet-s"
TIMEOUT_S = 300.0
PEER_BYTES = 180 << 20
"""Of memory: a daemon, the predictor that answers and the warm spare."""


@dataclass(frozen=True, slots=True)
class Fleet:
    leaver: Peer
    holders: Sequence[Peer]

    @property
    def peers(self) -> list[Peer]:
        return [self.leaver, *self.holders]

    def until_held(self) -> None:
        """Until every holder's ensemble uses the leaver's seed, and everybody is linked to everybody."""
        for holder in self.holders:
            until(lambda: self._is_settled(holder), TIMEOUT_S, *self.peers)  # noqa: B023 - at once

    def _is_settled(self, holder: Peer) -> bool:
        try:
            with holder.client() as client:
                status = client.status()
        except NotRunningError:
            return False
        uses_it = len(status.ensemble.owners) == 1 and not status.ensemble.pending
        return uses_it and status.links.alive == len(self.holders)


class LeanPeer(Peer):
    """A holder alone, with the finished main model of the directory `models`."""

    def __init__(self, plan: PeerPlan, models: Path) -> None:
        super().__init__(plan)
        self._models = models

    def command(self, arguments: Sequence[str]) -> list[str]:
        return [sys.executable, "-m", "benchmarks.lean_daemon", str(self.plan.config), str(self._models), *arguments]


@contextmanager
def running_fleet(place: Place, holders: int) -> Iterator[Fleet]:
    """One leaver that was trained and its `holders`, in a network of their own."""
    plan = place.network(f"fleet{holders}x", (MAIN,) * (holders + 1), SEED).with_addresses()
    first, *others = plan.peers
    write_config(plan, first, others=())
    with running([Peer(first)]) as (alone,):
        until_trained(alone)
    write_config(plan, first)
    for number, peer in enumerate(others):
        write_config(plan, peer, others=tuple(others[:number]))
    fleet = Fleet(Peer(first), [LeanPeer(peer, first.state / "models") for peer in others])
    with running(fleet.peers):
        fleet.until_held()
        yield fleet
