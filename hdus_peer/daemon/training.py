"""Training in a running daemon: one job at a time, and its result becomes the main model and the next seed.

Rules
1. The job of an epoch is run until it is finished; a restart with a finished one only loads it.
2. A seed is published once: the file `published` names the job whose seed is in the ledger.
3. A failed job is told, and changes nothing of what answers now.
4. `erase` ends the job that runs and waits for its turn: what it removes, nothing brings back, because from the notice
   on the ledger names another epoch and the samples that are to be left out.
"""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from pathlib import Path

from hdus_peer.config import Config
from hdus_peer.control.port import ModelView, TrainingState, TrainingStatus
from hdus_peer.daemon.home import Home
from hdus_peer.driver.ensemble import EnsembleTarget
from hdus_peer.durable import remove_durably, write_durably
from hdus_peer.errors import HdusError
from hdus_peer.protocol.records import ForgottenRow
from hdus_peer.protocol.state import State
from hdus_peer.protocol.step import Event, Publish
from hdus_peer.repository.forgotten import forgotten_directory
from hdus_peer.repository.port import Repository
from hdus_peer.workers.job import Distillation, Schedule, TrainingJob
from hdus_peer.workers.port import Predictor, Selected, Selection, Trainer, TrainingProgress, TrainingResult


def training_job(config: Config, home: Home) -> TrainingJob:
    """What the configuration asks of the trainer child; the epoch is the ledger's, named with each run."""
    data, train, distil = config.data, config.train, config.distil
    return TrainingJob(
        directory=home.models,
        owner=home.credentials.peer_id,
        job_epoch=0,
        seal=True,
        task=home.credentials.task,
        data=data.source,
        shard=data.shard,
        samples=data.samples,
        reference=data.reference,
        reference_samples=data.reference_samples,
        test=data.test,
        test_samples=data.test_samples,
        main=train.main,
        seed=train.seed_model,
        random_seed=train.random_seed,
        threads=train.threads,
        device=train.device,
        schedule=Schedule(train.epochs_max, train.batch, train.learning_rate, train.weight_decay, train.patience),
        distillation=Distillation(
            distil.temperature, distil.steps, distil.batch, distil.learning_rate, distil.shift_pixels
        ),
        shards=train.shards,
        slices=train.slices,
        forgotten_in=forgotten_directory(home.directory),
    )


class _GivenUp(Exception):
    """The training was ended, because samples are forgotten that it learns from."""


class Training:
    """Brings the trainer's result to the predictor and, sealed, to the core."""

    def __init__(
        self,
        job: TrainingJob,
        published: Path,
        state: State,
        repository: Repository,
        workers: tuple[Trainer, Predictor],
        ensemble: EnsembleTarget,
        publish_seed: Callable[[Publish], Awaitable[None]],
        tell: Callable[[Event], None],
    ) -> None:
        self._job, self._published, self._state, self._repository = job, published, state, repository
        self._trainer, self._predictor = workers
        self._ensemble, self._publish_seed, self._tell = ensemble, publish_seed, tell
        self._summary: dict[str, str | int | float] = {}
        self._run_under_way: asyncio.Task[None] | None = None
        self._under_way: asyncio.Future[TrainingResult] | None = None
        self._one_at_a_time = asyncio.Lock()
        self.status = TrainingStatus(TrainingState.IDLE, "", 0.0, "")

    @property
    def main(self) -> ModelView:
        return ModelView(self._job.main, int(self._summary.get("main_parameters", 0)))

    @property
    def seed(self) -> ModelView:
        return ModelView(self._job.seed, int(self._summary.get("seed_parameters", 0)))

    @property
    def job(self) -> TrainingJob:
        """The job of the current epoch, over the samples that are not forgotten."""
        forgotten = tuple(sorted(row.samples_sha256 for row in self._state.all(ForgottenRow)))
        return dataclasses.replace(self._job, job_epoch=self._state.row.job_epoch, forgotten=forgotten)

    @property
    def is_running(self) -> bool:
        return self._run_under_way is not None and not self._run_under_way.done()

    def begin(self) -> None:
        """Bring the job of the epoch to its end, once one that is under way has ended."""
        self._run_under_way = asyncio.get_running_loop().create_task(self._run_after(self._run_under_way))

    async def _run_after(self, before: "asyncio.Task[None] | None") -> None:
        if before is not None:
            await asyncio.wait([before])
        await self.run()

    async def until_ended(self) -> None:
        """Nobody begins another: wait for what is under way."""
        if self._run_under_way is not None:
            await asyncio.gather(self._run_under_way, return_exceptions=True)

    async def run(self) -> None:
        """Bring the job of the current epoch to its end; never raises an HdusError: a failure is a status."""
        async with self._one_at_a_time:
            job = self.job
            self._on_progress(TrainingProgress("data", 0.0, ""))
            try:
                await self._run(job)
            except HdusError as problem:
                self.status = TrainingStatus(TrainingState.FAILED, "", 0.0, str(problem))
                self._tell(Event("TrainingFailed", None, (("problem", str(problem)),)))
            except _GivenUp:
                self.status = TrainingStatus(TrainingState.IDLE, "", 0.0, "")
            else:
                self.status = TrainingStatus(TrainingState.DONE, "", 1.0, "")
                self._tell(Event("TrainingDone", None, (("job_epoch", job.job_epoch),)))

    async def _run(self, job: TrainingJob) -> None:
        job = dataclasses.replace(job, seal=not self._is_published(job))
        result = await self._trained(job)
        await self._predictor.start(result.main, result.templates, result.evaluation)
        self._summary = result.summary
        self._ensemble.serve_main()
        if job.seal:
            await self._publish(job, result)

    async def _trained(self, job: TrainingJob) -> TrainingResult:
        """Raises _GivenUp where its samples are to be forgotten meanwhile."""
        self._under_way = asyncio.ensure_future(self._trainer.run(job, self._on_progress))
        try:
            return await self._under_way
        except asyncio.CancelledError:
            if job.job_epoch == self._state.row.job_epoch:
                raise
            raise _GivenUp from None

    async def erase(self) -> None:
        """End what is being learned, and erase all that was learned from samples that are forgotten; everything, where
        this peer is held, because the list of them is in a later copy of its state. Idempotent. Raises WorkerError,
        StorageError."""
        if self._under_way is not None:
            self._under_way.cancel()
        async with self._one_at_a_time:
            await self._ensemble.retire()  # the job may have brought a main model before it ended
            self._summary = {}
            await asyncio.to_thread(remove_durably, self._published)
            await self._trainer.erase(self.job, everything=not self._state.is_active)

    async def select(self, selection: Selection, into: Path) -> Selected:
        """Which of the samples that are not forgotten yet are meant, whatever runs meanwhile; the list of them is
        written below `into`. Raises as the trainer does."""
        return await self._trainer.select(self.job, selection, into)

    def _is_published(self, job: TrainingJob) -> bool:
        own = self._state.own_seed()
        if own is None or not self._published.exists():
            return False
        payload = self._repository.open_payload(own.manifest.statement.payload_sha256)
        if payload is not None:
            payload.close()
        return payload is not None and self._published.read_text() == job.fingerprint

    async def _publish(self, job: TrainingJob, result: TrainingResult) -> None:
        sha256, size = await asyncio.to_thread(self._repository.adopt, result.sealed, result.key)
        seed = Publish(job.job_epoch, result.architecture, result.schema_sha256, sha256, size, result.reference)
        await self._publish_seed(seed)
        await asyncio.to_thread(write_durably, self._published, job.fingerprint.encode())

    def _on_progress(self, progress: TrainingProgress) -> None:
        self.status = TrainingStatus(TrainingState.RUNNING, progress.stage, progress.fraction, progress.detail)
        self._tell(Event("TrainingProgressed", None, (("stage", progress.stage),)))
