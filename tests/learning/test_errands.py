"""The trainer child's errands, through the daemon's side of it; and a run that must not write behind an erasure."""

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hdus_peer.errors import WorkerError
from hdus_peer.learning.sources import load
from hdus_peer.workers.job import Schedule
from hdus_peer.workers.port import Selection, Trainer
from hdus_peer.workers.trainer import ProcessTrainer
from tests.contracts.trainer import Lesson, TrainerContract
from tests.learning.conftest import DIGITS, MakeJob, SaveNpz

pytestmark = pytest.mark.slow


@pytest.fixture
def lesson(make_job: MakeJob, save_npz: SaveNpz, tmp_path: Path) -> Lesson:
    raw = load("digits", DIGITS).samples
    job = make_job(data=f"npz:{save_npz(x=raw.x, y=raw.y)}", shard="all", forgotten_in=tmp_path / "forgotten")
    fours = save_npz("fours.npz", x=raw.x[raw.y == 4])
    return Lesson(
        job=replace(job, schedule=Schedule(1, 16, 0.01, 0.0, 1)),
        some=Selection(samples=f"npz:{fours}"),
        again=Selection(where="label = 5"),
        nothing=Selection(samples=f"npz:{save_npz('strange.npz', x=np.full((2, 1, 8, 8), 99))}"),
        everything=Selection(where="label != 99"),
    )


class TestProcessTrainer(TrainerContract):
    @pytest.fixture
    def trainer(self) -> Trainer:
        return ProcessTrainer()


async def test_nobody_writes_behind_an_erasure(lesson: Lesson) -> None:
    trainer, began = ProcessTrainer(), asyncio.Event()
    endless = replace(lesson.job, schedule=Schedule(100_000, 16, 0.01, 0.0, 100_000))
    running = asyncio.create_task(
        trainer.run(endless, lambda progress: began.set() if progress.stage == "main" else None)
    )
    await began.wait()
    selected = await trainer.select(lesson.job, lesson.some, lesson.job.forgotten_in)
    assert not running.done()
    queued = asyncio.create_task(trainer.run(endless, lambda _: None))
    await asyncio.sleep(0)
    job = replace(lesson.job, forgotten=(selected.name,), job_epoch=1)
    await trainer.erase(job)
    assert [path.name for path in job.directory.rglob("*") if path.is_file() and path.parent.name != "templates"] == []
    for ended in (running, queued):
        with pytest.raises(WorkerError, match="stopped"):
            await ended
    assert (await trainer.run(job, lambda _: None)).main.exists()
