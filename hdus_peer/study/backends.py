"""Where units are done: in processes of this machine (joblib), or on a Ray cluster.

Rules
1. A unit is done by a process of its own and returns its outcome; its results are files, so that nothing is lost with
   the process that asked. On a cluster the study's directory and the data must be the same everywhere.
2. A process does not outlive the study that started it (joblib's on Linux; a cluster's own are the cluster's). joblib
   would keep its processes for a next call; they are ended with the study's last outcome, since `die_with_parent` binds
   them to the thread that started them.
3. Each process computes with the threads of the plan; there are as many processes as that leaves cores for.
"""

import logging
import os
from collections.abc import Callable, Iterator, Sequence

from hdus_peer.errors import WorkerError
from hdus_peer.study.cells import Unit
from hdus_peer.study.extra import need
from hdus_peer.study.work import Outcome
from hdus_peer.workers.lifeline import die_with_parent

RETRIES = 3
"""How often a task is given to another process when its own was killed."""

Work = Callable[[Unit], Outcome]
Backend = Callable[[Sequence[Unit], Work, int], Iterator[Outcome]]
"""(units, what to do with each, how many at a time) -> outcomes, as they come."""


def with_joblib(units: Sequence[Unit], work: Work, jobs: int) -> Iterator[Outcome]:
    """Processes of this machine; in this process where one is asked for."""
    from joblib import Parallel, delayed
    from joblib.externals.loky import get_reusable_executor
    from joblib.externals.loky.process_executor import BrokenProcessPool

    initial = {"initializer": die_with_parent} if jobs > 1 else {}
    parallel = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1, pre_dispatch=jobs, **initial)
    try:
        yield from parallel(delayed(work)(unit) for unit in units)
    except BrokenProcessPool as problem:
        raise WorkerError(
            "a process of the study was killed, perhaps for want of memory; what is done is kept: run the same command "
            "again, with fewer --jobs"
        ) from problem
    finally:
        if jobs > 1:
            get_reusable_executor().shutdown(wait=True, kill_workers=True)


def with_ray(units: Sequence[Unit], work: Work, jobs: int) -> Iterator[Outcome]:
    """Tasks of a Ray cluster: of the one that RAY_ADDRESS names, or else of one on this machine that ends with the
    study. A task whose process was killed is done again by another."""
    need("ray")
    import ray

    ray.init(
        num_cpus=None if os.environ.get("RAY_ADDRESS") else jobs,
        log_to_driver=False,
        include_dashboard=False,
        logging_level=logging.ERROR,
    )
    try:
        task = ray.remote(num_cpus=1, max_retries=RETRIES)(_called)
        waiting = [task.remote(work, unit) for unit in units]
        while waiting:
            done, waiting = ray.wait(waiting)
            yield from ray.get(done)
    finally:
        ray.shutdown()


def _called(work: Work, unit: Unit) -> Outcome:
    return work(unit)


BACKENDS: dict[str, Backend] = {"joblib": with_joblib, "ray": with_ray}
