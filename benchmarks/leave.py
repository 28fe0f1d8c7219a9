"""(a) How long until the last of five holders has erased a leaver's seed, beside an empty call to the same holders and
one durable commit: what nobody could do without.

The clock starts when the leave is commanded at the leaver's control socket, and stops with the latest `SeedErased` in
the holders' logs (milliseconds): predictor ended, key and payload destroyed durably, receipt durable. The leaver comes
back with `--rejoin` for the next round. Baselines are taken right before each leave, under the same load.
"""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median

from benchmarks.empty_calls import EmptyCalls
from benchmarks.figures import interval, quantile, ratios
from benchmarks.peers import Line, Peer, running, until, until_complete, until_quiet
from benchmarks.place import Place
from benchmarks.plan import environment
from benchmarks.rows import Row
from hdus_peer.domain.identity import PeerId

GOAL = 2.5
CONFIRM_S = 30.0
LOAD_WARM_S = 1.0
LEAVER = 1
"""Of the template's peers: the one with the small main model, whose rejoining is quick."""


def measure(place: Place) -> list[Row]:
    peers = [Peer(plan) for plan in place.copy("leave", place.trained).peers]
    leaver = peers[LEAVER]
    holders = [peer for peer in peers if peer is not leaver]
    with running(peers):
        until_complete(peers)
        with EmptyCalls(leaver.plan.credentials, addresses(holders), place.new_directory("ledger")) as baseline:
            rows = []
            for is_predicting in (False, True):
                pairs = [_round(place, peers, baseline, is_predicting) for _ in range(place.effort.leaves)]
                rows.append(_row("while predicting" if is_predicting else "idle", pairs))
            return rows


def _round(place: Place, peers: Sequence[Peer], baseline: EmptyCalls, is_predicting: bool) -> tuple[float, float]:
    """(seconds until the last holder has erased, seconds of the baseline); everybody is back at the end."""
    leaver = peers[LEAVER]
    holders = [peer for peer in peers if peer is not leaver]
    until_quiet(peers)
    with _load(holders) if is_predicting else contextlib.nullcontext():
        bare_s = median(baseline.seconds() for _ in range(place.effort.baselines))
        erased_s = _leave(leaver, holders)
    leaver.wait()
    leaver.start("--rejoin")
    until_complete(peers)
    return erased_s, bare_s


def _leave(leaver: Peer, holders: Sequence[Peer]) -> float:
    before = {holder.plan.name: len(erasures(holder)) for holder in holders}
    with leaver.client() as client:
        client.status()  # the channel is open
        began_s = time.time()
        for progress in client.leave(CONFIRM_S):
            if progress.finished:
                break
    until(lambda: all(len(erasures(each)) > before[each.plan.name] for each in holders), CONFIRM_S, *holders)
    return max(float(erasures(holder)[-1]["time"]) for holder in holders) - began_s


def erasures(holder: Peer) -> list[Line]:
    return holder.events("SeedErased", cause="notice", payloads=1)


def addresses(holders: Sequence[Peer]) -> list[tuple[PeerId, str]]:
    found = []
    for holder in holders:
        with holder.client() as client:
            status = client.status()
            found.append((status.peer, status.address))
    return found


@contextmanager
def _load(holders: Sequence[Peer]) -> Iterator[None]:
    """Predictions at every holder, one after another without a pause."""
    states = [str(holder.plan.state) for holder in holders]
    load = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.load", *states], stderr=subprocess.DEVNULL, env=environment()
    )
    try:
        time.sleep(LOAD_WARM_S)
        yield
    finally:
        load.send_signal(signal.SIGKILL)
        load.wait()


def _row(when: str, pairs: Sequence[tuple[float, float]]) -> Row:
    erased, bare = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    found = ratios(erased, bare)
    low, high = interval(found)
    return Row(
        letter="a",
        name=f"last of 5 holders erased, {when}",
        measured=median(found),
        unit="",
        goal=GOAL,
        how="command to the last SeedErased / (empty call to the same 5 holders + one commit)",
        details={
            "low": low,
            "high": high,
            "erased_ms": median(erased) * 1000,
            "erased_p90_ms": quantile(erased, 0.9) * 1000,
            "bare_ms": median(bare) * 1000,
            "rounds": len(pairs),
        },
    )
