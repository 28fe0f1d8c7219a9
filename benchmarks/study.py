"""(l) Distilling a seed beside a bare torch loop, in interleaved pairs of blocks, with a 95 % interval of the mean
ratio; and how long the study `smoke` takes from the command to its last row."""

import json
import os
import subprocess
import sys
import time
from statistics import fmean, median

from benchmarks.distilling import SEED, STEPS
from benchmarks.figures import interval, ratios
from benchmarks.place import Place
from benchmarks.plan import command, environment
from benchmarks.rows import Row
from hdus_peer.workers.trainer import ALLOCATOR

GOAL = 1.05
SMOKE_GOAL_S = 120.0


def measure(place: Place) -> list[Row]:
    return [_distilling(place.effort.training_pairs), _smoke(place)]


def _distilling(pairs: int) -> Row:
    variables = {**environment(), **ALLOCATOR, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    typed = [sys.executable, "-m", "benchmarks.distilling", str(pairs)]
    found = json.loads(subprocess.run(typed, check=True, stdout=subprocess.PIPE, env=variables).stdout)
    product, bare = [pair[0] for pair in found], [pair[1] for pair in found]
    low, high = interval(ratios(product, bare), fmean)
    details = {"low": low, "high": high, "median": median(ratios(product, bare)), "bare_s": median(bare)}
    how = f"mean of {pairs} interleaved pairs of {STEPS} steps, 95 % interval"
    return Row("l", f"distilling a {SEED}", fmean(ratios(product, bare)), "", GOAL, how, details)


def _smoke(place: Place) -> Row:
    """Wall time of a new process, as typed."""
    out = place.new_directory("smoke") / "out"
    began_s, began_cpu_s = time.perf_counter(), _cpu_of_children_s()
    typed = command("study", "run", "smoke", "--out", str(out), "--device", "cpu")
    subprocess.run(typed, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
    took_s, cpu_s = time.perf_counter() - began_s, _cpu_of_children_s() - began_cpu_s
    how = f"hdus-peer study run smoke, on {len(os.sched_getaffinity(0))} cores"
    return Row("l", "the study smoke", took_s, "s", SMOKE_GOAL_S, how, {"cpu_s": cpu_s})


def _cpu_of_children_s() -> float:
    used = os.times()
    return used.children_user + used.children_system
