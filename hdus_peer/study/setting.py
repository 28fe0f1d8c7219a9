"""One world of a study: a plan's data under one partition and one random seed, and what its peers have of it.

Rule: who has which sample follows from the samples' hashes (`learning.shards`), as in the product, and is the same for
every random seed; that seed moves the models' first weights and the order of samples.
"""

import functools
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hdus_peer.admission.task_file import parse_task, task_text
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.task import Task
from hdus_peer.errors import DataError
from hdus_peer.learning.data import Loaded, PeerData, read_sources, share_of
from hdus_peer.study.plan import Plan
from hdus_peer.workers.job import TrainingJob

NOBODY = PeerId("")
SEED_STRIDE = 1009  # a prime: the random seeds of different peers and runs do not meet


@dataclass(frozen=True, slots=True)
class Place:
    """Where a study runs, which is no part of its plan. `models`: trained models that cells share; `device`: resolved,
    never "auto"."""

    data: Path
    models: Path
    device: str


@dataclass(frozen=True, slots=True)
class Setting:
    """A partition and a random seed of a plan."""

    plan: Plan
    partition: str
    random_seed: int

    def job(self, peer: int, main: str, place: Place, temperature: float = 1.0) -> TrainingJob:
        """What the trainer child would be asked to do for `peer` with the main model `main`."""
        plan, data = self.plan, self.plan.data
        return TrainingJob(
            directory=place.models,
            owner=NOBODY,
            job_epoch=0,
            seal=False,
            task=task_of(data.task),
            data=located(data.source, place.data),
            shard=f"{self.partition}:{peer}/{plan.peers}",
            samples=plan.samples(data.samples),
            reference=located(data.reference, place.data),
            reference_samples=plan.samples(data.reference_samples),
            test="",
            test_samples=plan.samples(data.test_samples),
            main=main,
            seed=plan.seed_model,
            random_seed=self.random_seed * SEED_STRIDE + peer,
            threads=plan.threads,
            device=place.device,
            schedule=plan.schedule_of_main(),
            distillation=plan.distillation_at(temperature),
        )

    def data(self, place: Place) -> tuple[PeerData, ...]:
        """Every peer's samples. Raises DataError or ConfigurationError."""
        loaded = _loaded(replace(self, random_seed=0), place)
        jobs = [self.job(peer, self.plan.mains[0], place) for peer in range(self.plan.peers)]
        return tuple(share_of(job, loaded) for job in jobs)


def try_sources(plan: Plan, place: Place) -> None:
    """Read the files once, so that what is wrong with them is said before anything is computed. Raises DataError or
    ConfigurationError."""
    by_groups = [partition for partition in plan.partitions if partition.startswith("by:")]
    for partition in dict.fromkeys([plan.partitions[0], *by_groups]):
        _loaded(Setting(plan, partition, 0), place)
    _loaded.cache_clear()


@functools.lru_cache(maxsize=16)
def task_of(preset_or_file: str) -> Task:
    return parse_task(task_text(preset_or_file), preset_or_file)


def located(source: str, folder: Path) -> str:
    """`source` with a relative path taken from `folder`."""
    kind, colon, where = source.partition(":")
    return f"{kind}:{folder / where}" if colon and kind != "module" else source


@functools.lru_cache(maxsize=2)
def _loaded(setting: Setting, place: Place) -> Loaded:
    """The files of a plan, read once a process however many peers and random seeds there are."""
    job = setting.job(0, setting.plan.mains[0], place)
    groups = setting.plan.data.groups
    if not groups or not setting.partition.startswith("by:"):
        return read_sources(job)
    loaded = read_sources(replace(job, shard="all"))
    found = _read_groups(place.data / groups, setting.partition)
    if len(found) != len(loaded.pool):
        raise DataError(
            f"{groups} says of {len(found)} samples who belongs together, and {len(loaded.pool)} are to be shared out: "
            "it needs one entry per training sample, of a source that has a test set of its own"
        )
    return replace(loaded, pool=replace(loaded.pool, groups=found))


def _read_groups(path: Path, partition: str) -> NDArray[np.str_]:
    """Which samples belong together, where a file of its own says so: an array of the partition's name, in the order of
    the training samples."""
    name = partition.removeprefix("by:")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return np.asarray(arrays[name]).astype(np.str_)
    except (OSError, KeyError, ValueError) as problem:
        raise DataError(f"{path} has no array {name!r} that can be read: check data.groups of the plan") from problem
