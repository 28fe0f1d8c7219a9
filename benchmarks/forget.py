"""(k) Forgetting one sample beside full retraining, in turns: from the erasure to the new seed; and what the division
that makes it shorter costs in accuracy. The trainer child as the daemon runs it; nothing is exchanged."""

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import replace
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from benchmarks.figures import ratios
from benchmarks.place import SEED, Place
from benchmarks.plan import WHOLE
from benchmarks.rows import Row
from hdus_peer.admission.task_file import parse_task, task_text
from hdus_peer.domain.identity import Identity
from hdus_peer.domain.task import Task
from hdus_peer.learning.data import assemble
from hdus_peer.learning.sources import load
from hdus_peer.workers.job import Distillation, Schedule, TrainingJob
from hdus_peer.workers.port import Selection, TrainingResult
from hdus_peer.workers.trainer import ProcessTrainer

DIVISIONS = ((1, 1), (5, 1), (20, 1), (1, 5), (5, 4))
TASK = "digits"


def measure(place: Place) -> list[Row]:
    return [asyncio.run(_Division(place, *division).measure()) for division in DIVISIONS]


class _Division:
    """One peer whose training is divided in one way; each round it forgets one more sample."""

    def __init__(self, place: Place, shards: int, slices: int) -> None:
        self._rounds, self._directory = place.effort.forgets, place.new_directory("forget")
        self._task = parse_task(task_text(TASK), TASK)
        self._raw = load(TASK, self._task).samples
        self._job = _job(self._directory, self._task, shards, slices)
        self._numbers = count()

    async def measure(self) -> Row:
        job, forgets_s, wholes_s, cpu = self._job, [], [], []
        result, _ = await _timed(self._learn(job))
        for digest in assemble(job).train.digests[: self._rounds]:
            job = await self._without(job, digest)
            result, forgot_s = await _timed(self._forget(job))
            again, whole_s = await _timed(self._learn(replace(job, directory=self._new("whole"))))
            if again.main.read_bytes() != result.main.read_bytes():
                raise RuntimeError("forgetting and full retraining gave different models")
            forgets_s.append(forgot_s)
            wholes_s.append(whole_s)
            cpu.append(float(result.summary["cpu_s"]) / float(again.summary["cpu_s"]))
        details = {
            "cpu_ratio": median(cpu),
            "forget_s": median(forgets_s),
            "whole_s": median(wholes_s),
            "accuracy_%": 100 * _accuracy(result),
            "seed_agrees_%": 100 * float(result.summary["seed_agreement"]),
        }
        shown = f"{job.shards} × {job.slices} shards × slices"
        how = (
            f"erase and learn again / learn all again, wall time, median of {self._rounds}; cpu_ratio: the same of the "
            f"trainer child's CPU time; digits, main and seed {SEED}"
        )
        return Row("k", f"forget one sample, {shown}", median(ratios(forgets_s, wholes_s)), "", None, how, details)

    async def _without(self, job: TrainingJob, digest: bytes) -> TrainingJob:
        """The job that forgets one more sample."""
        file = self._directory / f"sample{next(self._numbers)}.npz"
        np.savez(file, x=self._raw.x[[self._raw.digests.index(digest)]])
        selected = await ProcessTrainer().select(job, Selection(samples=f"npz:{file}"), job.forgotten_in)
        return replace(job, forgotten=(*job.forgotten, selected.name), job_epoch=job.job_epoch + 1)

    async def _forget(self, job: TrainingJob) -> TrainingResult:
        await ProcessTrainer().erase(job)
        return await self._learn(job)

    async def _learn(self, job: TrainingJob) -> TrainingResult:
        return await ProcessTrainer().run(job, lambda progress: None)

    def _new(self, name: str) -> Path:
        return self._directory / f"{name}{next(self._numbers)}"


def _job(directory: Path, task: Task, shards: int, slices: int) -> TrainingJob:
    """With the schedule of the demo for digits."""
    return TrainingJob(
        directory=directory / "models",
        owner=Identity.generate().peer_id,
        job_epoch=0,
        seal=True,
        task=task,
        data=TASK,
        shard="all",
        samples=0,
        reference="",
        reference_samples=0,
        test="",
        test_samples=0,
        main=SEED,
        seed=SEED,
        random_seed=1,
        threads=1,
        device="cpu",
        schedule=Schedule(WHOLE.epochs_max, 16, 0.005, 1e-4, WHOLE.epochs_max),
        distillation=Distillation(3.0, WHOLE.distil_steps, 32, 0.02),
        shards=shards,
        slices=slices,
        forgotten_in=directory / "forgotten",
    )


async def _timed(doing: Awaitable[TrainingResult]) -> tuple[TrainingResult, float]:
    began_s = time.perf_counter()
    return await doing, time.perf_counter() - began_s


def _accuracy(result: TrainingResult) -> float:
    """Of the exported main model, on the global test."""
    data: Any = np.load(result.evaluation, allow_pickle=False)
    session = onnxruntime.InferenceSession(result.main, providers=["CPUExecutionProvider"])
    logits: NDArray[np.float32] = session.run(["logits"], {"x": data["x_global"]})[0]
    return float((logits.argmax(1) == data["y_global"]).mean())
