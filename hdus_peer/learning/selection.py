"""Which of a peer's own samples are to be forgotten: chosen by content, or by what columns say.

Rules
1. Own samples are those of the shard, whatever `data.samples` limits it to: one beyond the limit would move up into the
   place of a forgotten one.
2. A list is written only if what is left can be learned from; whoever wants to forget everything leaves.
3. A sample is its content: rows that differ only in columns that are no features are forgotten together.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hdus_peer.errors import DataError
from hdus_peer.learning.data import own_of, pool_of, split_own, without
from hdus_peer.learning.forgotten import write_list
from hdus_peer.learning.sources import Samples, column, load, load_unlabelled
from hdus_peer.learning.where import Condition, parse_where
from hdus_peer.workers.job import TrainingJob
from hdus_peer.workers.port import Selected, Selection

LABEL = "label"
PUBLIC = "reference and global test samples are public, and none of them"
ANOTHER = "a number in another type or precision is another sample"


def select(job: TrainingJob, selection: Selection, into: Path) -> Selected:
    """See `workers.port.Trainer.select`."""
    if not (selection.samples or selection.where.strip()):
        raise DataError("nothing says which samples are meant; name a source of them, or a condition")
    own = own_of(job, pool_of(job))
    wanted = _meant(job, selection)
    chosen = own.where(np.array([digest in wanted for digest in own.digests], dtype=bool))
    if not len(chosen):
        raise DataError(
            f"the selection matches none of your {len(own)} samples; {PUBLIC}; where samples are named: {ANOTHER}"
        )
    _check_rest(job, own, chosen)
    counts = np.bincount(chosen.y, minlength=len(job.task.classes))
    by_class = tuple((name, int(count)) for name, count in zip(job.task.classes, counts, strict=True) if count)
    return Selected(write_list(chosen.digests, into), len(chosen), len(own), by_class)


def _check_rest(job: TrainingJob, own: Samples, chosen: Samples) -> None:
    rest = without(own, chosen.digests)
    try:
        split_own(job, rest)
    except DataError as problem:
        raise DataError(
            f"the selection matches {len(chosen)} of your {len(own)} samples, and the {len(rest)} others are too few "
            "to learn from; choose fewer, or use hdus-peer leave, which forgets everything"
        ) from problem


def _meant(job: TrainingJob, selection: Selection) -> set[bytes]:
    """The digests of what is meant, whoever owns it."""
    meant: set[bytes] | None = None
    if selection.samples:
        meant = set(load_unlabelled(selection.samples, job.task).digests)
    if selection.where.strip():
        found = _fitting(job, parse_where(selection.where))
        meant = found if meant is None else meant & found
    return meant or set()


def _fitting(job: TrainingJob, conditions: list[Condition]) -> set[bytes]:
    samples = load(job.data, job.task).samples
    fits = np.ones(len(samples), dtype=bool)
    for condition in conditions:
        fits &= condition.holds(_values(job, samples, condition.column))
    return set(samples.where(fits).digests)


def _values(job: TrainingJob, samples: Samples, name: str) -> NDArray[np.str_]:
    if name == LABEL:
        return np.array(job.task.classes, dtype=np.str_)[samples.y]
    values = column(job.data, job.task, name)
    if len(values) != len(samples):
        raise DataError(f"{job.data}: {len(samples)} samples, and {len(values)} values of {name!r}; name another one")
    return values
