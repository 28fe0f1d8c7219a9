"""The twins without processes uphold the same contracts."""

import dataclasses
from pathlib import Path

import pytest

from hdus_peer.domain.combination import Combination
from hdus_peer.domain.identity import Identity
from hdus_peer.domain.seed import SeedManifest
from hdus_peer.domain.task import Task
from hdus_peer.workers.memory import MemoryPredictor, MemoryTrainer
from hdus_peer.workers.port import Predictor, SealedSeed, Selection, Trainer, TrainingProgress
from tests.contracts.predictor import PredictorContract
from tests.contracts.trainer import Lesson, TrainerContract
from tests.workers.test_trainer import job

TASK = Task("t", ("a", "b", "c"), (1, 2, 3), 1.0, (0.0,), (1.0,), ("linear",))


class TestMemoryPredictor(PredictorContract):
    @pytest.fixture
    def predictor(self) -> Predictor:
        return MemoryPredictor()

    @pytest.fixture
    def choosing(self) -> Predictor:
        return MemoryPredictor(Combination("prob-mean", "auto", "global"))


class TestMemoryTrainer(TrainerContract):
    @pytest.fixture
    def trainer(self, tmp_path: Path) -> Trainer:
        return MemoryTrainer(tmp_path / "models", Identity(bytes(32)).peer_id, TASK)

    @pytest.fixture
    def lesson(self, tmp_path: Path) -> Lesson:
        return Lesson(
            job=dataclasses.replace(job(tmp_path / "models", ""), forgotten_in=tmp_path / "forgotten"),
            some=Selection(samples="memory:3,6,9"),
            again=Selection(where="label = b"),
            nothing=Selection(where="label = d"),
            everything=Selection(where="label != d"),
        )


async def test_a_result_of_the_memory_trainer_can_be_used_by_the_memory_predictor(tmp_path: Path) -> None:
    owner = Identity(bytes(32)).peer_id
    heard: list[TrainingProgress] = []
    result = await MemoryTrainer(tmp_path, owner, TASK).run(job(tmp_path, ""), heard.append)
    size = result.sealed.stat().st_size
    manifest = SeedManifest(
        owner, 1, TASK.fingerprint, result.architecture, (), result.schema_sha256, "0" * 64, size, result.reference
    )
    predictor = MemoryPredictor()
    await predictor.start(result.main, result.templates, result.evaluation)
    seed = SealedSeed(manifest, result.sealed, result.key)
    await predictor.check(seed)
    assert (await predictor.use([seed])).owners == (owner,)
    assert [progress.stage for progress in heard] == ["data", "main", "distil", "export", "seal"]


async def test_the_memory_trainer_makes_another_seed_only_for_another_job(tmp_path: Path) -> None:
    trainer = MemoryTrainer(tmp_path, Identity(bytes(32)).peer_id, TASK)

    async def key(job_epoch: int) -> bytes:
        asked = dataclasses.replace(job(tmp_path, ""), job_epoch=job_epoch)
        return (await trainer.run(asked, lambda _: None)).key.read_bytes()

    first = await key(1)
    assert await key(1) == first
    assert await key(2) != first
