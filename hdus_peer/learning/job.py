"""One training job from beginning to end, as often as it is asked for.

Rule: a finished job of the same fingerprint is answered at once, without torch; all that may then be done is to seal
the seed again, because the sealed one was taken away.
"""

from typing import Any

from hdus_peer.errors import ConfigurationError
from hdus_peer.learning import outbox
from hdus_peer.learning.places import Finished, Places, recall
from hdus_peer.learning.progress import Progress
from hdus_peer.workers.job import TrainingJob


def run(job: TrainingJob, progress: Progress) -> dict[str, Any]:
    """The fields of a `TrainingResult`, every file durable (sealed and key only if the job wants them).

    Raises LocalError, or Interrupted."""
    places = Places(job.directory.absolute())
    places.sweep()
    finished = recall(places, job.fingerprint)
    if finished is None:
        finished = _learn(job, places, progress)
    if job.seal:
        progress.begin("seal")
        outbox.fill(places, job.owner, job.task.fingerprint)
    return finished.result(places)


def _learn(job: TrainingJob, places: Places, progress: Progress) -> Finished:
    if job.seed not in job.task.seed_architectures:
        allowed = ", ".join(job.task.seed_architectures)
        raise ConfigurationError(f"the task allows no seed of architecture {job.seed!r}; choose one of: {allowed}")
    progress.begin("data", f"{job.data}, {job.shard}")
    from hdus_peer.learning.data import assemble  # neither numpy where nothing is left to learn,

    data = assemble(job)
    from hdus_peer.learning.course import learn  # nor torch where nothing can be learned

    return learn(job, data, places, progress)
