"""Does a plan: what is not done yet, first what others build on, and says how far it is.

Rule: killed at any moment and started again, nothing is lost and nothing done twice: a unit's result is one file,
written whole.
"""

import os
import platform
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from hdus_peer import __version__
from hdus_peer.errors import ConfigurationError
from hdus_peer.study.backends import BACKENDS
from hdus_peer.study.cells import Unit, builds_on_lessons, cells, lessons
from hdus_peer.study.files import have_files
from hdus_peer.study.folder import Folder
from hdus_peer.study.plan import Plan
from hdus_peer.study.setting import Place, try_sources
from hdus_peer.study.work import Outcome, Worker
from hdus_peer.workers.trainer import ALLOCATOR

JOBS_ON_CUDA_MAX = 4


@dataclass(frozen=True, slots=True)
class Options:
    """What is no part of a plan. `jobs`: processes at one time, 0: as many as there are cores for; `command`: as
    typed, for the report; `download`: published data that are missing."""

    out: Path
    data: Path
    device: str = "auto"
    jobs: int = 0
    backend: str = "joblib"
    command: str = ""
    download: bool = False


@dataclass(frozen=True, slots=True)
class Summary:
    """Cells: done now, done before, and units that failed now."""

    done: int
    found: int
    failed: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """A unit is done: which, the how-manieth of `all` now, and how long the rest may take."""

    outcome: Outcome
    done: int
    all: int
    left_s: float


Tell = Callable[[Told], None]


def run(plan: Plan, options: Options, tell: Tell) -> Summary:
    """Do what is left of `plan`. Raises LocalError where nothing can be done at all; a unit that
    fails ends nothing but itself."""
    if options.backend not in BACKENDS:
        raise ConfigurationError(f"there is no backend {options.backend!r}; choose one of {', '.join(BACKENDS)}")
    os.environ.update(ALLOCATOR)  # for the processes that will train
    folder, device = Folder(options.out.absolute()), usable_device(plan, options.device)
    place = Place(options.data.absolute(), folder.models, device)
    have_files(plan, place.data, options.download)
    try_sources(plan, place)
    folder.claim(plan, _started(options, device))
    wanted = cells(plan)
    left = [cell for cell in wanted if not folder.result(cell).exists()]
    needed = [unit for unit in lessons(plan, tuple(left)) if not folder.result(unit).exists()]
    first: list[Unit] = [*(cell for cell in left if not builds_on_lessons(cell)), *needed]
    then: list[Unit] = [cell for cell in left if builds_on_lessons(cell)]
    jobs, worker = processes(plan, options.jobs, device), Worker(plan, place, folder)
    progress, failed = _Progress([*first, *then], jobs, tell), []
    for units in (first, then):
        for outcome in BACKENDS[options.backend](units, worker, jobs):
            progress.done(outcome)
            failed += [outcome] if outcome.failure else []
    missed = sum(1 for outcome in failed if outcome.unit in set(left))
    return Summary(len(left) - missed, len(wanted) - len(left), tuple(failed))


def processes(plan: Plan, wanted: int, device: str) -> int:
    """How many processes: as asked, or one for each core that the plan's threads leave."""
    if wanted:
        return wanted
    cores = max(1, len(os.sched_getaffinity(0)) // plan.threads)
    return min(cores, JOBS_ON_CUDA_MAX) if device == "cuda" else cores


def usable_device(plan: Plan, device: str) -> str:
    """What "auto" means here. Raises ConfigurationError."""
    from hdus_peer.learning.device import prepare  # torch, which is not wanted before

    return prepare(plan.threads, device).type


def _started(options: Options, device: str) -> dict[str, str]:
    return {"command": options.command, "device": device, "hdus_peer": __version__, "machine": _machine()}


def _machine() -> str:
    return f"{len(os.sched_getaffinity(0))} cores, {platform.system()} {platform.machine()}"


class _Progress:
    """Counts, and says after each unit how long the rest may take: as long as others of its kind did."""

    def __init__(self, units: Sequence[Unit], jobs: int, tell: Tell) -> None:
        self._left = {unit: unit.kind for unit in units}
        self._all, self._jobs, self._tell = len(units), jobs, tell
        self._took_s: dict[str, list[float]] = defaultdict(list)

    def done(self, outcome: Outcome) -> None:
        del self._left[outcome.unit]
        self._took_s[outcome.unit.kind].append(outcome.seconds)
        self._tell(Told(outcome, self._all - len(self._left), self._all, self._left_s()))

    def _left_s(self) -> float:
        typical = fmean(seconds for several in self._took_s.values() for seconds in several)
        expected = (fmean(self._took_s[kind]) if kind in self._took_s else typical for kind in self._left.values())
        return sum(expected) / self._jobs
