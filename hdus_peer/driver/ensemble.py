"""What the predictor is made of: a target that follows the core, and evictions that go before it.

Rules
1. `UseSeeds` is a target, not a command: only the latest one counts.
2. An eviction at once ends a rebuild that is under way. The next one waits until the eviction has been done and spoken
   of, and a moment longer: nothing stands in the way of a receipt, and evictions that come together cost one rebuild.
3. Seeds that arrive one after the other cost one rebuild: it begins once none came for a moment, or at last.
4. An eviction that is not at once waits until the ensemble has been rebuilt without the payload, so that nobody who
   asks for a prediction notices.
"""

import asyncio
from collections.abc import Callable

from hdus_peer.driver.tasks import Tasks
from hdus_peer.errors import RefusedError, WorkerError
from hdus_peer.protocol.records import HeldSeedRow
from hdus_peer.protocol.step import Event
from hdus_peer.repository.port import Repository
from hdus_peer.workers.port import Predictor, SealedSeed

RETRY_S = 1.0
REST_S = 0.05
SETTLE_S = 0.2
SETTLE_MAX_S = 1.0


class EnsembleTarget:
    """`ready` is set once a main model answers; before, no process can hold a seed."""

    def __init__(
        self, repository: Repository, predictor: Predictor, tasks: Tasks, publish: Callable[[Event], None]
    ) -> None:
        self._repository, self._predictor, self._tasks, self._publish = repository, predictor, tasks, publish
        self.ready = asyncio.Event()
        self._calm = asyncio.Event()
        self._calm.set()
        self._evictions = 0
        self._wanted: tuple[HeldSeedRow, ...] = ()
        self._wanted_s = 0.0
        self._used: tuple[HeldSeedRow, ...] | None = None
        self._rebuild: asyncio.Task[None] | None = None

    def want(self, seeds: tuple[HeldSeedRow, ...]) -> None:
        self._wanted, self._wanted_s = seeds, asyncio.get_running_loop().time()
        if self._rebuild is None or self._rebuild.done():
            self._rebuild = self._tasks.spawn(self._follow())

    def serve_main(self) -> None:
        """A main model answers from now on, the first or another one: the ensemble is built (again) around it."""
        self.ready.set()
        self._used = None
        self.want(self._wanted)

    async def retire(self) -> None:
        """Return only when no process holds the main model: nothing answers until `serve_main` says that one does."""
        self.ready.clear()
        if self._rebuild is not None:
            self._rebuild.cancel()
        self._used, self._rebuild = None, self._tasks.spawn(self._follow())
        await self._predictor.retire()

    def begin_eviction(self) -> None:
        """An eviction at once was decided: nothing is rebuilt until `end_eviction`."""
        self._evictions += 1
        self._calm.clear()
        if self._rebuild is not None:
            self._rebuild.cancel()
        self._used, self._rebuild = None, self._tasks.spawn(self._follow())

    def end_eviction(self) -> None:
        """What was begun is done, and reported: soon there may be a rebuild again."""
        asyncio.get_running_loop().call_later(REST_S, self._rest_is_over)

    def _rest_is_over(self) -> None:
        self._evictions -= 1
        if not self._evictions:
            self._calm.set()

    async def evict_unnoticed(self, payloads: frozenset[str]) -> None:
        """As `evict`, once the ensemble has been rebuilt without these payloads, in a process that never saw them.
        Where that cannot be had the eviction is not put off: the ensemble is then rebuilt after it."""
        await self._until_followed()
        try:
            await self._predictor.move_off(payloads)
            is_unnoticed = True
        except (WorkerError, RefusedError) as problem:
            self._publish(Event("RebuildFailed", None, (("problem", str(problem)),)))
            is_unnoticed = False
        await self.evict(payloads)
        if not is_unnoticed:
            self._used = None
            self.want(self._wanted)

    async def evict(self, payloads: frozenset[str]) -> None:
        """Return only when no process can compute with these payloads."""
        while True:
            try:
                await self._predictor.evict(payloads)
                return
            except WorkerError as problem:
                self._publish(Event("EvictionFailed", None, (("problem", str(problem)),)))
                await asyncio.sleep(RETRY_S)

    async def _until_followed(self) -> None:
        """Until what is used is what is wanted. Not while there is an eviction at once: it ends the process anyway, and
        waits itself for whoever erases the same payload, so that to wait for the rebuild after it would be for ever."""
        while self.ready.is_set() and self._calm.is_set() and self._rebuild is not None and not self._rebuild.done():
            await asyncio.wait([self._rebuild])

    async def _follow(self) -> None:
        """Rebuild until what is used is what is wanted."""
        while self._used != self._wanted:
            await self.ready.wait()
            await self._calm.wait()
            await self._until_settled()
            wanted = self._wanted
            try:
                await self._predictor.use([sealed_seed(self._repository, row) for row in wanted])
                self._used = wanted
            except (WorkerError, RefusedError) as problem:
                self._publish(Event("RebuildFailed", None, (("problem", str(problem)),)))
                await asyncio.sleep(RETRY_S)

    async def _until_settled(self) -> None:
        """While an ensemble answers that lacks the newest seeds alone; without one there is no waiting."""
        now = asyncio.get_running_loop().time
        latest_s = now() + SETTLE_MAX_S
        while self._used is not None and (left_s := min(self._wanted_s + SETTLE_S, latest_s) - now()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(left_s)


def sealed_seed(repository: Repository, row: HeldSeedRow) -> SealedSeed:
    """The seed of a row as the predictor takes it."""
    where = repository.location(row.payload_sha256)
    return SealedSeed(row.manifest.statement, where.payload, where.key)
