"""Where each own sample stands when training is divided into shards and slices, and where the states of trained slices
lie: `slices/SHARDSxSLICES/SHARD-SLICE.safetensors` under the job's directory.

Rule: shard and slice of a sample are a function of its content and of how many there are. So what a forgotten sample
reached is known from its digest alone, without any data: the states of its own shard, from its own slice on.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hdus_peer.durable import destroy_durably
from hdus_peer.learning.data import is_learned_from
from hdus_peer.learning.places import Places
from hdus_peer.learning.shards import ranks
from hdus_peer.workers.job import TrainingJob

SHARD_ROLE = "sisa-shard"
SLICE_ROLE = "sisa-slice"

Numbers = NDArray[np.uint64]


def shards_of(job: TrainingJob, digests: Sequence[bytes]) -> Numbers:
    """The shard of each sample, from 0."""
    return ranks(digests, SHARD_ROLE) % np.uint64(job.shards)


def slices_of(job: TrainingJob, digests: Sequence[bytes]) -> Numbers:
    """The slice of each sample within its shard, from 0."""
    return ranks(digests, SLICE_ROLE) % np.uint64(job.slices)


def state_file(job: TrainingJob, places: Places, shard: int, number: int) -> Path:
    """The state of `shard` after its slice `number`."""
    return places.states / f"{job.shards}x{job.slices}" / f"{shard}-{number}.safetensors"


def remove_other_states(job: TrainingJob, places: Places) -> None:
    """Those of a job that was divided otherwise; of one that is not divided there are none. Raises StorageError."""
    mine = state_file(job, places, 0, 0).parent
    for path in sorted(places.states.glob("*/*")):
        if path.parent != mine:
            destroy_durably(path)


def untouched_states(job: TrainingJob, places: Places, digests: Sequence[bytes]) -> set[Path]:
    """Where the states lie that none of these samples took part in."""
    learned = [digest for digest, is_learned in zip(digests, is_learned_from(digests), strict=True) if is_learned]
    first = np.full(job.shards, job.slices, dtype=np.int64)
    np.minimum.at(first, shards_of(job, learned).astype(np.int64), slices_of(job, learned).astype(np.int64))
    return {state_file(job, places, shard, k) for shard in range(job.shards) for k in range(first[shard])}
