"""What forgetting destroys in a job's directory: all that depends on a forgotten sample, overwritten and unlinked.

Rules
1. Everything goes but what is known not to depend on one: the templates, which hold nothing of any peer, and the states
   of slices that no forgotten sample took part in. A file that somebody adds later is destroyed, not missed.
2. The note that a job is finished goes first; a crash half-way leaves less than before, and the same again ends it.

Where a file system or a flash controller writes elsewhere on an overwrite, see `repository.keys`.
"""

from collections.abc import Iterator
from pathlib import Path

from hdus_peer.durable import destroy_durably
from hdus_peer.learning.forgotten import read_lists
from hdus_peer.learning.places import Places
from hdus_peer.learning.slices import untouched_states
from hdus_peer.workers.job import TrainingJob


def erase(job: TrainingJob, *, everything: bool = False) -> None:
    """Return once it is gone; `everything`: what is forgotten is not known, so no state stays. Raises StorageError."""
    places = Places(job.directory.absolute())
    kept = set() if everything else untouched_states(job, places, sorted(read_lists(job)))
    destroy_durably(places.note)
    for path in _files(places):
        if path not in kept:
            destroy_durably(path)


def _files(places: Places) -> Iterator[Path]:
    for path in sorted(places.directory.rglob("*")):
        if (path.is_symlink() or not path.is_dir()) and places.templates not in path.parents:
            yield path
