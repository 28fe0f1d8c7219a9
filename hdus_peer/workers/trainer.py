"""The trainer as a child process: `python -m hdus_peer.learning JOB.json`, one job at a time. It lowers its own
priority. Without an argument it runs one errand (`select`, `erase`), asked for in a frame.

The child tells, in frames without a number: {"progress": {"stage", "fraction", "detail"}} as often as it likes, then
{"result": {the fields of TrainingResult, paths as strings}} or {"error": {"kind", "message"}}, and ends.

Rules
1. A child that ends without result or error is started again after a backoff and resumes from its checkpoints; five
   ends in a row without any progress beyond the furthest point ever reached are the end of the job.
2. To train again on the data as they are now is another job: its epoch is in its fingerprint.
3. `stop`, or cancelling `run`, ends the child; the job resumes when it is asked for again.
4. `erase` begins when every run that was asked for before has ended and its child is reaped: nobody writes behind it.
"""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hdus_peer.durable import write_durably
from hdus_peer.errors import HdusError, WorkerError
from hdus_peer.workers.backoff import Backoff
from hdus_peer.workers.job import TrainingJob
from hdus_peer.workers.port import Selected, Selection, TrainingProgress, TrainingResult
from hdus_peer.workers.process import Child, Listener, Program, raised, start_child

STAGES = ("data", "main", "distil", "export", "seal")
FRUITLESS_STARTS_MAX = 5
JOB_FILE = "job.json"
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(4 << 30), "MALLOC_TRIM_THRESHOLD_": str(4 << 30)}
"""Keeps glibc from giving activations back and faulting them in again at every step: 1.5 to 1.8 times faster."""

OnProgress = Callable[[TrainingProgress], None]


class ProcessTrainer:
    """Implements `port.Trainer`."""

    def __init__(self, module: str = "hdus_peer.learning", backoff: Backoff | None = None) -> None:
        self._module = module
        self._backoff = backoff or Backoff()
        self._child: Child | None = None
        self._errands: set[Child] = set()
        self._stopped = False
        self._ended = asyncio.Event()  # of the runs asked for since the last `erase`
        self._one_job = asyncio.Lock()

    async def run(self, job: TrainingJob, progress: OnProgress) -> TrainingResult:
        ended = self._ended
        async with self._one_job:
            path = job.directory / JOB_FILE
            await asyncio.to_thread(write_durably, path, job.to_json().encode())
            told = _Told(progress)
            self._backoff.succeeded()
            while not (ended.is_set() or self._stopped):
                self._child = child = await self._start(job, (str(path),), told.listen)
                await self._until_ended(child, ended)
                if told.result is not None:
                    return told.result
                if told.error is not None:
                    raise told.error
                await self._pause(child, told, ended)
            raise WorkerError("the training was stopped; it resumes with the next start")

    async def select(self, job: TrainingJob, selection: Selection, into: Path) -> Selected:
        wanted = {"samples": selection.samples, "where": selection.where, "into": str(into.absolute())}
        said = await self._errand(job, {"do": "select", **wanted})
        by_class = tuple((name, count) for name, count in said["by_class"])
        return Selected(said["name"], said["matched"], said["own"], by_class)

    async def erase(self, job: TrainingJob, *, everything: bool = False) -> None:
        await self._end_runs()
        async with self._one_job:
            await self._errand(job, {"do": "erase", "everything": everything})

    async def stop(self) -> None:
        self._stopped = True
        await self._end_runs()
        await asyncio.gather(*(child.terminate() for child in tuple(self._errands)))

    async def _end_runs(self) -> None:
        """Those that were asked for until now; a later one is another."""
        ended, self._ended = self._ended, asyncio.Event()
        ended.set()
        if self._child is not None:
            await self._child.terminate()

    async def _errand(self, job: TrainingJob, request: Mapping[str, str | bool]) -> dict[str, Any]:
        """What a child of its own answers. The request is no argument: it may speak of persons."""
        child = await self._start(job, (), None)
        self._errands.add(child)
        try:
            if self._stopped:
                raise WorkerError("the trainer was stopped; ask again after the next start")
            answer, _ = await child.ask({**request, "job": job.to_json()})
        finally:
            await asyncio.shield(child.terminate())
            self._errands.discard(child)
        return answer

    async def _start(self, job: TrainingJob, arguments: tuple[str, ...], listener: Listener | None) -> Child:
        threads = str(job.threads)
        environment = {**ALLOCATOR, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        program = Program(self._module, arguments, environment)
        starting = asyncio.create_task(start_child(program, "trainer", listener))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            await (await starting).terminate()
            raise

    async def _until_ended(self, child: Child, ended: asyncio.Event) -> None:
        """Wait for its end; a stop that came while it was starting, or a cancellation, ends it."""
        try:
            if ended.is_set():
                await child.terminate()
            await child.wait_ended()
        finally:
            if not child.ended:
                await asyncio.shield(child.terminate())

    async def _pause(self, child: Child, told: "_Told", ended: asyncio.Event) -> None:
        """Between a death and the next start; raises WorkerError once too many starts came to nothing."""
        if told.advanced():
            self._backoff.succeeded()
        self._backoff.failed()
        if self._backoff.failures >= FRUITLESS_STARTS_MAX:
            raise WorkerError(f"the training cannot be kept alive ({child.describe_end()}); see the log, free memory")
        await self._backoff.pause(ended)


class _Told:
    """What the children of one job have said so far."""

    def __init__(self, progress: OnProgress) -> None:
        self._progress = progress
        self._before: tuple[int, float] | None = None
        self.furthest: tuple[int, float] | None = None
        self.result: TrainingResult | None = None
        self.error: HdusError | None = None

    def listen(self, header: dict[str, Any]) -> None:
        try:
            self._take(header)
        except (KeyError, TypeError, ValueError):
            self.error = WorkerError("the trainer said what cannot be understood; install hdus-peer again")

    def advanced(self) -> bool:
        """Whether any progress went beyond all that was known at the last call."""
        advanced = self.furthest is not None and (self._before is None or self.furthest > self._before)
        self._before = self.furthest
        return advanced

    def _take(self, header: dict[str, Any]) -> None:
        if "progress" in header:
            progress = TrainingProgress(**header["progress"])
            reached = (STAGES.index(progress.stage), progress.fraction)
            self.furthest = max(reached, self.furthest or reached)
            self._progress(progress)
        elif "result" in header:
            self.result = result_of(header["result"])
        else:
            self.error = raised(header["error"])


def result_of(fields: dict[str, Any]) -> TrainingResult:
    """A TrainingResult from the child's JSON. Raises KeyError or TypeError."""
    paths = {name: Path(fields[name]) for name in ("sealed", "key", "main", "evaluation")}
    templates = {name: Path(path) for name, path in fields["templates"].items()}
    return TrainingResult(**{**fields, **paths, "templates": templates})
