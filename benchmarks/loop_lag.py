"""(i) How late the daemon's event loop is while its peer trains, fetches large seeds and rebuilds its ensemble.

Two peers whose seeds are MobileNet L (9 MB): both train again at the same time, again and again, so that the probed one
has a trainer beside it, fetches a new generation in each round, has it checked, and swaps its ensemble. A 5 ms timer on
its loop notes how late it is; ticks that a late one swallowed count as well.
"""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import quantile, uncovered
from benchmarks.peers import Peer, running, until, until_complete, until_quiet
from benchmarks.place import TRAIN_TIMEOUT_S as TIMEOUT_S
from benchmarks.place import Place
from benchmarks.plan import PeerPlan
from benchmarks.probed_daemon import PERIOD_S
from benchmarks.rows import Row

GOAL_MS = 20.0
SEED = "mobilenet-l"
ROUNDS_PER_PUBLICATION = 2
_ENDS = ("TrainingDone", "SeedAdopted")


def measure(place: Place) -> list[Row]:
    plan = place.copy("pair", place.pair(SEED))
    lags = plan.peers[0].directory / "lags.json"
    probed, other = ProbedPeer(plan.peers[0], lags), Peer(plan.peers[1])
    with running([probed, other]):
        until_complete([probed, other])
        until_quiet([probed, other])
        busy = [_round(probed, other) for _ in range(place.effort.publications * ROUNDS_PER_PUBLICATION)]
        probed.stop()
    noted = [(float(at_s), float(lag_s)) for at_s, lag_s in json.loads(lags.read_text())]
    late = uncovered([lag for at_s, lag in noted if any(begun <= at_s <= ended for begun, ended in busy)], PERIOD_S)
    details = {"p50_ms": 1000 * quantile(late, 0.5), "slowest_ms": 1000 * max(late), "ticks": len(late)}
    how = f"99th percentile over {len(busy)} rounds of training, fetching 9 MB and rebuilding at once"
    return [Row("i", "lag of the daemon's loop, p99", 1000 * quantile(late, 0.99), "ms", GOAL_MS, how, details)]


class ProbedPeer(Peer):
    """Its daemon has a timer beside it, and writes down how late that was when it ends."""

    def __init__(self, plan: PeerPlan, lags: Path) -> None:
        super().__init__(plan)
        self._lags = lags

    def command(self, arguments: Sequence[str]) -> list[str]:
        return [sys.executable, "-m", "benchmarks.probed_daemon", str(self.plan.config), str(self._lags)]


def _round(probed: Peer, other: Peer) -> tuple[float, float]:
    """Both train, and take each other's new seed; from when to when (unix time)."""
    peers = (probed, other)
    before = {(peer, event): len(peer.events(event)) for peer in peers for event in _ENDS}
    began_s = time.time()
    for peer in peers:
        with peer.client() as client:
            client.train()
    until(lambda: all(len(peer.events(event)) > count for (peer, event), count in before.items()), TIMEOUT_S, *peers)
    until_complete(peers)
    return began_s, time.time()
