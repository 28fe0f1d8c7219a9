"""(g) Six processes are started; how long until every one holds the seed of every other one, training aside: their main
models are finished. From the first start to the last `SeedAdopted` in the logs."""

import time
from collections.abc import Sequence
from statistics import median

from benchmarks.peers import Peer, running, until
from benchmarks.place import Place
from benchmarks.rows import Row

GOAL_S = 3.0
TIMEOUT_S = 60.0


def measure(place: Place) -> list[Row]:
    found = [_converge(place) for _ in range(place.effort.starts)]
    up_s, held_s = [each[0] for each in found], [each[1] for each in found]
    details = {"slowest_s": max(held_s), "all_listening_after_s": median(up_s), "starts": len(found)}
    how = "first start of six processes with finished models to the last SeedAdopted, median"
    return [Row("g", "six started processes hold one another's seeds", median(held_s), "s", GOAL_S, how, details)]


def _converge(place: Place) -> tuple[float, float]:
    """Seconds until all listen, and until all hold everything."""
    peers = [Peer(plan) for plan in place.copy("six", place.trained).peers]
    began_s = time.time()
    with running(peers):
        until(lambda: all(_holds_everything(peer, len(peers) - 1) for peer in peers), TIMEOUT_S, *peers)
        return _latest_s(peers, "Started") - began_s, _latest_s(peers, "SeedAdopted") - began_s


def _holds_everything(peer: Peer, others: int) -> bool:
    return len({line["peer"] for line in peer.events("SeedAdopted")}) == others


def _latest_s(peers: Sequence[Peer], event: str) -> float:
    return max(float(line["time"]) for peer in peers for line in peer.events(event))
