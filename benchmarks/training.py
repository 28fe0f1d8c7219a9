"""(d) A training step beside a bare torch loop, in interleaved pairs of blocks, with a 95 % interval of the mean ratio;
and what it costs to bring a seed into the world: CPU time of all of a peer's processes from spawn to published seed."""

import json
import subprocess
import sys
import time
from statistics import fmean, median

from benchmarks.figures import interval, ratios
from benchmarks.peers import Peer, running
from benchmarks.place import SEED, Place, until_trained
from benchmarks.plan import WHOLE, environment
from benchmarks.rows import Row
from benchmarks.steps import MAIN, STEPS
from hdus_peer.workers.trainer import ALLOCATOR

GOAL = 1.05


def measure(place: Place) -> list[Row]:
    return [_step(place.effort.training_pairs), _seed(place)]


def _step(pairs: int) -> Row:
    variables = {**environment(), **ALLOCATOR, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    typed = [sys.executable, "-m", "benchmarks.steps", str(pairs)]
    found = json.loads(subprocess.run(typed, check=True, stdout=subprocess.PIPE, env=variables).stdout)
    product, bare = [pair[0] for pair in found], [pair[1] for pair in found]
    low, high = interval(ratios(product, bare), fmean)
    details = {
        "low": low,
        "high": high,
        "median": median(ratios(product, bare)),
        "step_ms": 1000 * median(product) / STEPS,
        "bare_ms": 1000 * median(bare) / STEPS,
    }
    how = f"mean of {pairs} interleaved pairs of {STEPS} steps, 95 % interval"
    return Row("d", f"training step of {MAIN}", fmean(ratios(product, bare)), "", GOAL, how, details)


def _seed(place: Place) -> Row:
    """A peer that starts from nothing, with the schedule of the demo for digits."""
    (one,) = place.network("school", (SEED,), SEED, WHOLE).peers
    began_s = time.perf_counter()
    with running([Peer(one)]) as (peer,):
        until_trained(peer)
        took_s, cpu_s = time.perf_counter() - began_s, peer.cpu_s()
    how = f"all processes of a new peer, from spawn to published seed: digits, main {SEED}, {WHOLE.epochs_max} epochs"
    return Row("d", "CPU time of a seed", cpu_s, "s", None, how, {"wall_s": took_s})
