"""Small jobs over small data; torch as the child sets it up."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.task import Task
from hdus_peer.learning.device import prepare
from hdus_peer.workers.job import Distillation, Schedule, TrainingJob

MakeJob = Callable[..., TrainingJob]
SaveNpz = Callable[..., Path]

DIGITS = Task(
    name="digits",
    classes=tuple("0123456789"),
    shape=(1, 8, 8),
    scale=16.0,
    mean=(0.3053,),
    std=(0.3761,),
    seed_architectures=("mlp", "resnet8"),
)


@pytest.fixture(scope="session", autouse=True)
def _torch_as_in_the_child() -> None:
    prepare(threads=1, device="cpu")


@pytest.fixture
def make_job(tmp_path: Path) -> MakeJob:
    """A job of a second, with any field replaced."""

    def make(**fields: Any) -> TrainingJob:
        job = TrainingJob(
            directory=tmp_path / "models",
            owner=PeerId("a" * 52),
            job_epoch=0,
            seal=True,
            task=DIGITS,
            data="digits",
            shard="drop-class:0/6",
            samples=0,
            reference="",
            reference_samples=0,
            test="",
            test_samples=0,
            main="mlp",
            seed="mlp",
            random_seed=1,
            threads=1,
            device="cpu",
            schedule=Schedule(epochs_max=5, batch=16, learning_rate=0.01, weight_decay=1e-4, patience=5),
            distillation=Distillation(temperature=4.0, steps=50, batch=64, learning_rate=0.01),
        )
        return replace(job, **fields)

    return make


@pytest.fixture
def save_npz(tmp_path: Path) -> SaveNpz:
    """Write arrays to an .npz in a folder of the test's own."""

    def save(name: str = "data.npz", **arrays: Any) -> Path:
        path = tmp_path / name
        np.savez(path, **arrays)
        return path

    return save
