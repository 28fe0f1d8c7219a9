"""The parts of the data that a job works on, normalised as the task says.

Rules
1. The peer's own samples are split into local test, held-out (for early stopping) and training samples; the global test
   and the unlabelled reference set are the same at every peer of a task with the same source, share no sample with one
   another, and nobody trains on either.
2. All splits follow `shards`; samples are put in the order of their hashes, so that a file's order changes no bit.
3. Classes and normalisation are the task's, never computed from the data.
4. Forgotten samples are left out of the pool before anything else is made of it, so that the rest is what it would be
   had the source never held them. The public parts (reference, global test) are what they are.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hdus_peer.domain.task import Task
from hdus_peer.errors import DataError
from hdus_peer.formats.standardise import standardised
from hdus_peer.learning.forgotten import read_lists
from hdus_peer.learning.shards import Candidates, fractions, parse_shard, ranks
from hdus_peer.learning.sources import Samples, load, load_test, load_unlabelled
from hdus_peer.workers.job import TrainingJob

REFERENCE_PART = 0.15  # of a source without a test set of its own
TEST_PART = 0.15
REFERENCE_HALF = 0.5  # of a source's own test set; the rest is the global test
LOCAL_TEST_ROLE = "local-test"
LOCAL_TEST_PART = 0.20
HELD_OUT_PART = 0.10
SAMPLES_MIN = 2
REFERENCE_SHOWN = 256  # to every member of an ensemble, whenever one is made


@dataclass(frozen=True, slots=True)
class Part:
    """`x`: normalised float32 (n, *shape); `y`: int64 class indices (n,); `digests`: of the raw samples."""

    x: NDArray[np.float32]
    y: NDArray[np.int64]
    digests: Sequence[bytes] = ()

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, slots=True)
class PeerData:
    """`reference_sha256` names the reference set, `own_sha256` the training and held-out samples with their labels."""

    train: Part
    holdout: Part
    local_test: Part
    global_test: Part
    reference: NDArray[np.float32]
    reference_sha256: str
    own_sha256: str

    @property
    def shown_reference(self) -> NDArray[np.float32]:
        """Those of the reference set, in the order of their hashes, that tell what a member of an ensemble knows."""
        return self.reference[:REFERENCE_SHOWN]

    def class_counts(self, classes: int) -> NDArray[np.int64]:
        """How many training and held-out samples there are of each class (classes,)."""
        return np.bincount(np.concatenate([self.train.y, self.holdout.y]), minlength=classes)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the sources of a job hold, before any peer takes its shard of the pool."""

    pool: Samples
    reference: Samples
    test: Samples


def assemble(job: TrainingJob) -> PeerData:
    """Load, split and normalise everything that `job` needs. Raises DataError or ConfigurationError."""
    return share_of(job, read_sources(job))


def share_of(job: TrainingJob, loaded: Loaded) -> PeerData:
    """What one peer has of it. Raises DataError or ConfigurationError."""
    reference, test = loaded.reference, loaded.test
    train, holdout, local = split_own(job, own_of(job, loaded.pool))
    reference = _at_most(reference, job.reference_samples, "reference")
    test = _at_most(test, job.test_samples, "test")
    _check_common(reference, test)
    return PeerData(
        train=_normalised(train, job.task),
        holdout=_normalised(holdout, job.task),
        local_test=_normalised(local, job.task),
        global_test=_normalised(test, job.task),
        reference=_normalised(reference, job.task).x,
        reference_sha256=hashlib.sha256(b"".join(sorted(reference.digests))).hexdigest(),
        own_sha256=fingerprint_of(train, holdout),
    )


def split_own(job: TrainingJob, own: Samples) -> tuple[Samples, Samples, Samples]:
    """Training, held-out and local test samples. Raises DataError where they are too few to learn from."""
    own = _at_most(own, job.samples, "samples")
    local, rest = _divide(own, LOCAL_TEST_ROLE, LOCAL_TEST_PART)
    holdout, train = _divide(rest, "held-out", HELD_OUT_PART)
    _check_enough(job, own, train, holdout, local)
    return train, holdout, local


def own_of(job: TrainingJob, pool: Samples) -> Samples:
    """The samples of the job's shard. Raises DataError or ConfigurationError."""
    candidates = Candidates(pool.digests, pool.y, len(job.task.classes), pool.groups)
    return pool.where(parse_shard(job.shard).members(candidates))


def read_sources(job: TrainingJob) -> Loaded:
    """Pool (without what the job forgets), reference and global test; the latter two from the job's own sources where
    it names any. Raises DataError, ConfigurationError or StorageError."""
    divided = _divided(job)
    pool, reference, test = divided.pool, divided.reference, divided.test
    if job.test not in ("", job.data):
        test = without(load_test(job.test, job.task), pool.digests)
    if job.reference not in ("", job.data):
        reference = load_unlabelled(job.reference, job.task)
    return Loaded(pool, without(reference, {*pool.digests, *test.digests}), test)


def pool_of(job: TrainingJob) -> Samples:
    """What peers take their shards of, without what the job forgets. Raises as `read_sources` does."""
    return _divided(job).pool


def _divided(job: TrainingJob) -> Loaded:
    """The job's own source in its three parts."""
    source = load(job.data, job.task, parse_shard(job.shard).group)
    if source.test is not None:
        pool = source.samples
        reference, test = _divide(source.test, "reference", REFERENCE_HALF)
    else:
        reference, rest = _divide(source.samples, "reference", REFERENCE_PART)
        test, pool = _divide(rest, "test", TEST_PART / (1 - REFERENCE_PART))
    return Loaded(without(pool, read_lists(job)), reference, test)


def _divide(samples: Samples, role: str, part: float) -> tuple[Samples, Samples]:
    """The `part` of the samples chosen by hash, and the others."""
    chosen = fractions(samples.digests, role) < part
    return samples.where(chosen), samples.where(~chosen)


def without(samples: Samples, digests: Collection[bytes]) -> Samples:
    """The samples whose digest is none of these."""
    taken = set(digests)
    return samples.where(np.array([digest not in taken for digest in samples.digests], dtype=bool))


def is_learned_from(digests: Sequence[bytes]) -> NDArray[np.bool_]:
    """Which own samples take part in training (held-out ones do: they decide when it ends)."""
    return ~(fractions(digests, LOCAL_TEST_ROLE) < LOCAL_TEST_PART)


def _at_most(samples: Samples, limit: int, role: str) -> Samples:
    """The `limit` (0: all) samples of the smallest hash, in the order of their hashes."""
    order = np.lexsort((samples.y, ranks(samples.digests, role)))
    return samples.at(order[: limit or None])


def _normalised(samples: Samples, task: Task) -> Part:
    return Part(standardised(samples.x, task), samples.y, samples.digests)


def fingerprint_of(train: Part | Samples, holdout: Part | Samples) -> str:
    """SHA-256 (hex) of the training and held-out samples with their labels."""
    summary = hashlib.sha256()
    for part in (train, holdout):
        summary.update(b"%d " % len(part) + b"".join(part.digests) + part.y.tobytes())
    return summary.hexdigest()


def _check_enough(job: TrainingJob, own: Samples, train: Samples, holdout: Samples, local: Samples) -> None:
    if not len(own):
        raise DataError(f"shard {job.shard!r} of {job.data!r} is empty; give more data or another shard")
    if len(np.unique(own.y)) < 2 or len(np.unique(train.y)) < 2:
        raise DataError(
            f"{len(own)} samples in shard {job.shard!r} of {job.data!r} train one class only; a model needs two "
            "or more: give more data or another shard"
        )
    if len(train) < SAMPLES_MIN or not len(holdout) or not len(local):
        raise DataError(
            f"{len(own)} samples in shard {job.shard!r} of {job.data!r} are too few for training, held-out and test; "
            "give 20 or more"
        )


def _check_common(reference: Samples, test: Samples) -> None:
    if len(reference) < SAMPLES_MIN:
        raise DataError("no reference samples are left to distil on; name another source as the reference")
    if not len(test):
        raise DataError("no samples are left for the global test; name another source as the test")
