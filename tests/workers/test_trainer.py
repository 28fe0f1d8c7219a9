"""The trainer's supervision, over a child of the test's own that finishes, dies, refuses or hangs as it is told."""

import asyncio
import dataclasses
from pathlib import Path

import psutil
import pytest

from hdus_peer.domain.identity import Identity
from hdus_peer.domain.task import Task
from hdus_peer.errors import DataError, StorageError, WorkerError
from hdus_peer.workers import process
from hdus_peer.workers.backoff import Backoff
from hdus_peer.workers.job import Distillation, Schedule, TrainingJob
from hdus_peer.workers.port import TrainingProgress, TrainingResult
from hdus_peer.workers.trainer import ProcessTrainer

pytestmark = pytest.mark.slow

TASK = Task("t", ("a", "b"), (1, 2, 2), 1.0, (0.0,), (1.0,), ("linear",))


def job(directory: Path, play: str) -> TrainingJob:
    return TrainingJob(
        directory=directory,
        owner=Identity(bytes(32)).peer_id,
        job_epoch=0,
        task=TASK,
        data=play,
        shard="all",
        samples=0,
        reference="r",
        reference_samples=0,
        test="t",
        test_samples=0,
        main="linear",
        seed="linear",
        random_seed=1,
        threads=1,
        device="cpu",
        seal=True,
        schedule=Schedule(1, 1, 0.1, 0.0, 1),
        distillation=Distillation(1.0, 1, 1, 0.1),
    )


class Play:
    """One scripted training, and what was heard of it."""

    def __init__(self, directory: Path, play: str) -> None:
        self.directory = directory
        self.heard: list[TrainingProgress] = []
        self.began = asyncio.Event()
        self.job = job(directory, play)
        self.trainer = ProcessTrainer("tests.workers.scripted_trainer", Backoff(0.001, 0.01))

    @property
    def starts(self) -> int:
        return (self.directory / "starts").stat().st_size

    async def run(self, epoch: int = 1) -> TrainingResult:
        return await self.trainer.run(dataclasses.replace(self.job, job_epoch=epoch), self._hear)

    def _hear(self, progress: TrainingProgress) -> None:
        self.heard.append(progress)
        self.began.set()

    def child_is_gone(self) -> bool:
        return not psutil.pid_exists(int(self.heard[-1].detail))


async def test_a_finished_job_gives_its_result(tmp_path: Path) -> None:
    play = Play(tmp_path, "finishes")
    result = await play.run(epoch=7)
    assert [(progress.stage, progress.fraction) for progress in play.heard] == [("main", 0.5), ("seal", 1.0)]
    assert result.sealed == tmp_path / "sealed"
    assert result.templates == {"linear": tmp_path / "template.onnx"}
    assert result.summary == {"starts": 1, "epoch": 7, "malloc": str(4 << 30)}
    assert TrainingJob.from_json((tmp_path / "job.json").read_text()).job_epoch == 7


async def test_a_killed_child_is_started_again(tmp_path: Path) -> None:
    assert (await Play(tmp_path, "dies_twice").run()).summary["starts"] == 3


async def test_a_child_that_dies_often_but_comes_further_each_time_may_go_on(tmp_path: Path) -> None:
    assert (await Play(tmp_path, "dies_further_on").run()).summary["starts"] == 8


async def test_a_child_that_never_comes_further_is_given_up_with_its_last_words(tmp_path: Path) -> None:
    play = Play(tmp_path, "dies_always")
    with pytest.raises(WorkerError, match="on fire"):
        await play.run()
    assert play.starts == 5


async def test_an_error_of_the_product_comes_through_as_it_is(tmp_path: Path) -> None:
    play = Play(tmp_path, "lacks_labels")
    with pytest.raises(DataError, match="a sample has no label; label it"):
        await play.run()
    assert play.starts == 1


async def test_a_child_that_cannot_be_understood_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="cannot be understood"):
        await Play(tmp_path, "talks_nonsense").run()


async def test_stop_ends_the_child_and_the_run(tmp_path: Path) -> None:
    play = Play(tmp_path, "works_for_ever")
    running = asyncio.create_task(play.run())
    await play.began.wait()
    await play.trainer.stop()
    assert play.child_is_gone()
    with pytest.raises(WorkerError, match="stopped"):
        await running


async def test_a_child_that_will_not_stop_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "TERMINATE_S", 0.05)
    play = Play(tmp_path, "ignores_sigterm")
    running = asyncio.create_task(play.run())
    await play.began.wait()
    await play.trainer.stop()
    assert play.child_is_gone()
    with pytest.raises(WorkerError, match="stopped"):
        await running


async def test_stop_while_the_child_starts_leaves_no_process(tmp_path: Path) -> None:
    play = Play(tmp_path, "works_for_ever")
    running = asyncio.create_task(play.run())
    await asyncio.sleep(0)
    await play.trainer.stop()
    with pytest.raises(WorkerError, match="stopped"):
        await running
    assert not psutil.Process().children()


async def test_cancelling_the_run_ends_the_child(tmp_path: Path) -> None:
    play = Play(tmp_path, "works_for_ever")
    running = asyncio.create_task(play.run())
    await play.began.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert play.child_is_gone()


async def test_a_directory_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        await Play(tmp_path / "file" / "models", "finishes").run()
