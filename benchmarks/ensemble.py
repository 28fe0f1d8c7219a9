"""(c) Predicting with an ensemble of 16 seeds, beside the bare joined graph in ONNX Runtime, and beside eager torch.

The product answers through its predictor process: rows through a pipe, checked, run, two softmaxes, lists back. The
bare graph is the same graph at its best: ONNX Runtime's own settings with the same number of threads, called with
arrays that are there already, in whichever of two batch sizes is the faster. Eager torch is told for comparison only,
and so is what each combination rule costs beside the paper's, and what choosing ρ and learning whom to believe add to a
rebuild.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

import numpy as np
import onnxruntime as ort
import psutil  # type: ignore[import-untyped]
import torch
import uvloop
from numpy.typing import NDArray

from benchmarks.figures import interval, quantile, ratios
from benchmarks.models import Models, make_models, samples
from benchmarks.place import Place
from benchmarks.rows import Row
from hdus_peer.domain.combination import LEARNED, RULES, Combination
from hdus_peer.inference.check import Sealed, open_seed
from hdus_peer.inference.choice import SAMPLES_MAX
from hdus_peer.inference.ensemble import load_templates
from hdus_peer.inference.graph import ALONE, ENSEMBLE, INPUT, joined, parse
from hdus_peer.inference.rules import unchosen, weights_of
from hdus_peer.inference.session import BATCH
from hdus_peer.learning.data import REFERENCE_SHOWN
from hdus_peer.workers.predictor import ProcessPredictor

SEEDS, BATCHES, THREADS = 16, (1, 256), 1
MAIN = "mobilenet-m"  # what a peer learns by default
RHO = 0.5
COMBINATION = Combination("prob-mean", RHO)
RATIO_GOAL, REBUILD_GOAL_MS = 1.1, 100.0
EAGER_SHARE = 5
QUIET_S = 0.3


def measure(place: Place) -> list[Row]:
    torch.set_num_threads(THREADS)
    models = make_models(place.new_directory("models"), MAIN, SEEDS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measure(place, models))


async def _measure(place: Place, models: Models) -> list[Row]:
    predictor = ProcessPredictor(COMBINATION, THREADS)
    try:
        await predictor.start(models.main, models.templates, models.evaluation)
        await predictor.use(models.seeds)
        await _until_quiet(predictor)
        bare = _bare_session(models, COMBINATION.rule)
        rows = [await _compare(predictor, bare, models, batch, place.effort.predictions) for batch in BATCHES]
        rows.append(await _rebuilds(predictor, models, place.effort.rebuilds))
    finally:
        await predictor.stop()
    choices = [await _choices(models, rule, place.effort.rebuilds) for rule in (COMBINATION.rule, LEARNED)]
    return [*rows, *choices, _rules(models, place.effort.predictions)]


async def _compare(predictor: ProcessPredictor, bare: Any, models: Models, batch: int, rounds: int) -> Row:
    x = samples(batch)
    step = min((batch, min(batch, BATCH)), key=lambda size: min(_run_bare(bare, x, size) for _ in range(3)))
    found, eager = [], []
    for number in range(rounds + 1):
        found.append(
            (await _timed(lambda: predictor.predict(x.astype("<f4").tobytes(), batch)), _run_bare(bare, x, step))
        )
        if number % EAGER_SHARE == 0:
            eager.append(_run_eager(models, x))
    product, alone = [pair[0] for pair in found[1:]], [pair[1] for pair in found[1:]]
    low, high = interval(ratios(product, alone))
    return Row(
        letter="c",
        name=f"ensemble of {SEEDS} at batch {batch}",
        measured=median(ratios(product, alone)),
        unit="",
        goal=RATIO_GOAL,
        how="answer of the predictor process / bare joined graph in ONNX Runtime",
        details={
            "low": low,
            "high": high,
            "ms": median(product) * 1000,
            "bare_ms": median(alone) * 1000,
            "bare_batch": step,
            "eager_torch_ms": median(eager) * 1000,
        },
    )


async def _rebuilds(predictor: ProcessPredictor, models: Models, rounds: int) -> Row:
    found = await _timed_rebuilds(predictor, models, rounds)
    how = "from the change of the seeds to the new graph's first answer being possible, old process gone; median"
    details = {"slowest_ms": max(found), "p90_ms": quantile(found, 0.9)}
    return Row("c", f"rebuild of an ensemble of {SEEDS}", median(found), "ms", REBUILD_GOAL_MS, how, details)


async def _choices(models: Models, rule: str, rounds: int) -> Row:
    """The same with a ρ that is chosen: meanwhile the ensemble of before answers, after an eviction the main model."""
    predictor = ProcessPredictor(Combination(rule, "auto"), THREADS)
    try:
        await predictor.start(models.main, models.templates, models.evaluation)
        await predictor.use(models.seeds)
        found = await _timed_rebuilds(predictor, models, rounds)
    finally:
        await predictor.stop()
    seen = f"{SAMPLES_MAX} held-out samples" + (f" and {REFERENCE_SHOWN} of the reference" if rule == LEARNED else "")
    how = f"the same with all weights chosen on {seen}; median"
    return Row("c", f"rebuild with {rule}, ρ auto", median(found), "ms", None, how, {"slowest_ms": max(found)})


def _rules(models: Models, rounds: int) -> Row:
    """One batch under each rule in turn, again and again."""
    sessions, x = {rule: _bare_session(models, rule) for rule in RULES}, samples(BATCH)
    turns = [{rule: _run_bare(session, x, BATCH) for rule, session in sessions.items()} for _ in range(rounds + 1)]
    ms = {f"{rule}_ms": 1000 * median(turn[rule] for turn in turns[1:]) for rule in RULES}
    how = f"the dearest rule / {RULES[0]}, bare graphs at batch {BATCH}"
    return Row("c", "combination rules", max(ms.values()) / ms[f"{RULES[0]}_ms"], "", None, how, ms)


async def _timed_rebuilds(predictor: ProcessPredictor, models: Models, rounds: int) -> list[float]:
    """In ms. One seed goes and comes; the spare is warm each time, as it is some seconds after any change."""
    found = []
    for number in range(rounds):
        await _until_quiet(predictor)
        seeds = models.seeds if number % 2 else models.seeds[1:]
        found.append(1000 * await _timed(lambda: predictor.use(seeds)))  # noqa: B023  awaited before the next round
    return found


def _bare_session(models: Models, rule: str) -> Any:
    found = load_templates(models.templates, {seed.manifest.architecture for seed in models.seeds})
    filled = []
    for seed in sorted(models.seeds, key=lambda each: each.manifest.owner):
        claims = seed.manifest
        sealed = Sealed(
            claims.owner,
            claims.generation,
            claims.task,
            claims.architecture,
            claims.schema_sha256,
            claims.payload_bytes,
            seed.payload,
            seed.key,
        )
        filled.append(found[claims.architecture].filled(open_seed(sealed, found)))
    options = ort.SessionOptions()
    options.intra_op_num_threads = THREADS
    graph = joined(parse(models.main.read_bytes()), filled, rule, {**unchosen(), **weights_of(RHO)})
    return ort.InferenceSession(graph.model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _run_bare(session: Any, x: NDArray[np.float32], step: int) -> float:
    began_s = time.perf_counter()
    for start in range(0, len(x), step):
        session.run((ALONE, ENSEMBLE), {INPUT: x[start : start + step]})
    return time.perf_counter() - began_s


def _run_eager(models: Models, x: NDArray[np.float32]) -> float:
    """One model after another, as a program without a joined graph would."""
    tensor = torch.from_numpy(x)
    began_s = time.perf_counter()
    with torch.inference_mode():
        seeds = [torch.softmax(model(tensor), dim=1) for model in models.torch_seeds]
        own = torch.softmax(models.torch_main(tensor), dim=1)
        torch.log(own * (1 - RHO) + torch.stack(seeds).mean(dim=0) * RHO)
    return time.perf_counter() - began_s


async def _timed(work: Callable[[], Awaitable[object]]) -> float:
    began_s = time.perf_counter()
    await work()
    return time.perf_counter() - began_s


async def _until_quiet(predictor: ProcessPredictor) -> None:
    """Until there is a spare and its imports are done."""
    while True:
        before = _cpu_s(predictor.pids)
        await asyncio.sleep(QUIET_S)
        if len(predictor.pids) == 2 and _cpu_s(predictor.pids) - before < 0.02:
            return


def _cpu_s(pids: frozenset[int]) -> float:
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return float(sum(each.user + each.system for each in times))
