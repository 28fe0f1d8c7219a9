"""The predictor as child processes: one that answers, and a warm spare beside it.

Rules
1. A process is loaded once. Another set of seeds is another process: the new one is built in the spare while the old
   one answers, then they change places and the old one is killed, with every byte that it held.
2. `evict` waits for nothing but the death of the processes that ever touched an evicted payload, and starts none: what
   it takes to serve well again comes with the next `use`. Whoever asks before is answered by the spare with the main
   model alone, flagged; if nobody does, the spare is still there to be built upon.
   A process that once checked a payload touched it, and may answer now with other seeds: `move_off` changes it for
   another first, where an eviction is to go unnoticed.
3. Only the answer of a living process counts: a request whose process was ended is asked again of the next one. So no
   request fails because of an eviction or a swap, and none is answered with an evicted seed.
4. `retire` ends every process, because each may hold the main model: nothing answers until another is there.
5. `_wanted` is what is to be served, replaced as a whole and compared by identity; whatever happens (a crash, an
   eviction in the middle of a rebuild), `_converge` works until the answering process serves exactly it.

Absent on purpose: which seeds to use (the core's), and what they compute (`inference`).
"""

import asyncio
import logging
from array import array
from collections.abc import Awaitable, Coroutine, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hdus_peer.domain.combination import Combination
from hdus_peer.domain.identity import PeerId
from hdus_peer.errors import HdusError, RefusedError, WorkerError
from hdus_peer.workers.pool import Pool
from hdus_peer.workers.port import EnsembleState, Evaluation, Exported, Prediction, SealedSeed
from hdus_peer.workers.process import Child, ChildGoneError, Program

log = logging.getLogger(__name__)

REQUESTS_MAX = 64
"""Requests under way; more wait their turn here, so that a child's pipe stays short."""
DEATHS_MAX = 3
"""Processes that may die by themselves under one request or rebuild before it is given up."""
CRASHES_MAX = 2
"""Processes that may die by themselves under one check before the seed is to blame."""


@dataclass(frozen=True, slots=True)
class Models:
    """What the trainer made: the main model, the seed templates by architecture, the held-out data."""

    main: Path
    templates: dict[str, Path]
    evaluation: Path


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """One thing to serve. `pending`: the main model alone, only until the ensemble is rebuilt."""

    models: Models
    seeds: tuple[SealedSeed, ...] = ()
    pending: bool = False

    @property
    def payloads(self) -> frozenset[str]:
        return frozenset(seed.manifest.payload_sha256 for seed in self.seeds)

    def alone(self) -> "Wanted":
        """The main model alone; itself where that is all there is."""
        return replace(self, seeds=(), pending=True) if self.seeds else self


@dataclass(frozen=True, slots=True, eq=False)
class Serving:
    """The process that answers, and what it serves."""

    child: Child
    wanted: Wanted
    state: EnsembleState


class ProcessPredictor:
    """Implements `port.Predictor`. `threads` are part of what decides the bits of an answer."""

    def __init__(self, combination: Combination, threads: int = 1, module: str = "hdus_peer.inference") -> None:
        self._combination = combination
        environment = {"OMP_NUM_THREADS": str(threads), "MALLOC_ARENA_MAX": "1"}
        self._pool = Pool(Program(module, (str(threads),), environment), "predictor", self._on_death)
        self._wanted: Wanted | None = None
        self._serving: Serving | None = None
        self._version = 0
        self._checking: str | None = None
        self._stopped = asyncio.Event()
        self._one_rebuild = asyncio.Lock()
        self._one_check = asyncio.Lock()
        self._turns = asyncio.Semaphore(REQUESTS_MAX)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def state(self) -> EnsembleState:
        if self._serving is None:
            return self._state_of((), self._rho_alone, pending=True)
        return self._serving.state

    @property
    def pids(self) -> frozenset[int]:
        """Of the processes that exist now."""
        return self._pool.pids

    async def start(self, main: Path, templates: dict[str, Path], evaluation: Path) -> None:
        models = Models(main, dict(templates), evaluation)
        self._wanted = Wanted(models) if self._wanted is None else replace(self._wanted, models=models)
        await self._converge()

    async def use(self, seeds: Sequence[SealedSeed]) -> EnsembleState:
        before = self._started()
        ordered = tuple(sorted(seeds, key=lambda seed: seed.manifest.owner))
        if before.pending or ordered != before.seeds:
            self._wanted = Wanted(before.models, ordered)
        await self._converge()
        return self.state

    async def move_off(self, payloads: frozenset[str]) -> None:
        serving, wanted = self._serving, self._wanted
        touching = self._pool.holding(payloads)
        if serving is None or wanted is None or serving.child not in touching:
            return
        for child in touching:
            self._pool.discard(child)  # a spare that touched them would not help
        if wanted is self._wanted:
            self._wanted = replace(wanted)  # the same, to be served by another process
        await self._converge()

    async def evict(self, payloads: frozenset[str]) -> None:
        if self._wanted is not None and payloads & self._wanted.payloads:
            self._wanted = self._wanted.alone()
        if self._checking in payloads:
            self._checking = None
        await self._end(self._pool.holding(payloads))

    async def retire(self) -> None:
        self._wanted = None  # a check goes on in another process: it needs no main model
        await self._end(self._pool.everybody())

    async def _end(self, doomed: list[Child]) -> None:
        for child in doomed:
            child.kill()
        self._let_go()
        await asyncio.gather(*(child.wait_ended() for child in doomed))

    async def check(self, seed: SealedSeed) -> None:
        models = self._started().models
        async with self._one_check:
            self._checking = seed.manifest.payload_sha256
            crashes = 0
            while crashes < CRASHES_MAX:
                child = await self._pool.spare()
                try:
                    await self._check_in(child, seed, models)
                    return
                except RefusedError:
                    self._pool.discard(child)
                    raise
                except ChildGoneError as gone:
                    crashes += not child.killed
                    if self._checking is None:
                        raise RefusedError("evicted") from gone
            raise RefusedError("crashed")

    async def predict(self, rows: bytes, samples: int) -> Prediction:
        serving, header, body = await self._ask({"do": "predict", "samples": samples}, rows)
        values = array("f", body)
        width = header["classes"]
        table = [values[start : start + width].tolist() for start in range(0, len(values), width)]
        return Prediction(table[:samples], table[samples:], serving.state)

    async def evaluate(self, dataset: str, rule: str) -> Evaluation:
        serving, header, _ = await self._ask({"do": "evaluate", "dataset": dataset, "rule": rule})
        return Evaluation(dataset=dataset, state=serving.state, **header)

    async def export(self, place: Path, facts: Mapping[str, str], *, with_seeds: bool) -> Exported:
        request = {"do": "export", "place": str(place), "facts": dict(facts), "with_seeds": with_seeds}
        serving, header, _ = await self._ask(request)
        seeds = tuple((PeerId(owner), generation) for owner, generation in header["seeds"])
        return Exported(header["bytes"], seeds, serving.state)

    async def stop(self) -> None:
        self._stopped.set()
        await self._pool.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _started(self) -> Wanted:
        if self._wanted is None:
            raise WorkerError("there is no model yet; wait until the first training is done")
        return self._wanted

    # Asking

    async def _ask(self, request: dict[str, Any], body: bytes = b"") -> tuple[Serving, dict[str, Any], bytes]:
        """Ask whatever process answers now, and the next one where that was ended before its answer."""
        async with self._turns:
            deaths = 0
            while deaths < DEATHS_MAX:
                serving = await self._answering()
                try:
                    header, answer = await serving.child.ask(request, body)
                    return serving, header, answer
                except ChildGoneError:
                    deaths += not serving.child.killed
            raise WorkerError("the predictor died three times under this request; see the log, try a smaller one")

    async def _answering(self) -> Serving:
        while (serving := self._serving) is None or serving.child.gone:
            self._started()
            if self._stopped.is_set():
                raise WorkerError("the predictor was stopped")
            if not self._answer_alone():
                await self._converge()
        return serving

    def _answer_alone(self) -> bool:
        """Let the spare answer with the main model alone until what is wanted is served; False where there is none."""
        spare = self._pool.take_now()
        if spare is None:
            return False
        alone = self._started().alone()
        self._in_background(self._settle(spare.answer(spare.post(self._load_request(alone)))))
        self._serve(spare, alone, self._rho_alone)
        return True

    async def _check_in(self, child: Child, seed: SealedSeed, models: Models) -> None:
        self._pool.touch(child, {seed.manifest.payload_sha256})
        await child.ask({"do": "check", "seed": _described(seed), "templates": _named(models.templates)})
        self._pool.backoff.succeeded()

    # Serving what is wanted

    async def _converge(self) -> None:
        """Return when the answering process serves what is wanted. Raises what stands in the way."""
        async with self._one_rebuild:
            deaths = 0
            while not self._is_settled():
                child = await self._pool.take()
                try:
                    await self._rebuild(child)
                except ChildGoneError as gone:
                    deaths += not child.killed
                    if self._stopped.is_set() or deaths >= DEATHS_MAX:
                        raise WorkerError("the predictor cannot be kept alive; see the log, free memory") from gone
                    await self._pool.backoff.pause(self._stopped)
            self._pool.renew()

    def _is_settled(self) -> bool:
        serving = self._serving
        return serving is not None and not serving.child.gone and serving.wanted is self._wanted

    async def _rebuild(self, child: Child) -> None:
        """Load what is wanted now in `child` and let it answer, unless something else is wanted by then."""
        try:
            await self._load(child, self._started())
        finally:
            if self._serving is None or self._serving.child is not child:
                child.kill()

    async def _load(self, child: Child, wanted: Wanted) -> None:
        self._pool.touch(child, wanted.payloads)
        try:
            header, _ = await child.ask(self._load_request(wanted))
        except ChildGoneError:
            raise
        except HdusError:
            self._give_up(wanted)
            raise
        self._pool.backoff.succeeded()
        if wanted is self._wanted:
            await self._swap(child, wanted, header["rho"])

    async def _swap(self, child: Child, wanted: Wanted, rho: float) -> None:
        before = self._serving
        self._serve(child, wanted, rho)
        if before is not None:
            before.child.kill()
            await before.child.wait_ended()

    def _give_up(self, wanted: Wanted) -> None:
        """What cannot be loaded is wanted no more; what answers goes on."""
        if self._wanted is wanted:
            self._wanted = self._serving.wanted if self._serving is not None else wanted.alone()

    def _serve(self, child: Child, wanted: Wanted, rho: float) -> None:
        self._version += 1
        owners = tuple(seed.manifest.owner for seed in wanted.seeds)
        self._serving = Serving(child, wanted, self._state_of(owners, rho, wanted.pending))

    @property
    def _rho_alone(self) -> float:
        """What is said of ρ while there are no seeds that it could weigh."""
        return 0.0 if self._combination.rho == "auto" else self._combination.rho

    def _state_of(self, owners: tuple[PeerId, ...], rho: float, pending: bool) -> EnsembleState:
        wanted = self._combination
        return EnsembleState(self._version, owners, wanted.rule, rho, pending, wanted.is_auto, wanted.objective)

    def _on_death(self, child: Child) -> None:
        """A process died by itself. If it was the one that answered, a request may have noticed before, and the spare
        answers already: so the question is not whose death it was, but whether all that is wanted is served."""
        self._let_go()
        if not self._is_settled():
            self._in_background(self._settle(self._converge()))

    def _let_go(self) -> None:
        """Where the answering process is gone, nothing is served until somebody asks, or something is to be used."""
        if self._serving is not None and self._serving.child.gone:
            self._serving = None
            self._version += 1

    async def _settle(self, work: Awaitable[Any]) -> None:
        try:
            await work
        except HdusError as problem:  # whoever asks next tries again, and is told
            if not self._stopped.is_set():
                log.error("the ensemble is not rebuilt yet: %s", problem)

    def _load_request(self, wanted: Wanted) -> dict[str, Any]:
        return {
            "do": "load",
            "main": str(wanted.models.main),
            "templates": _named(wanted.models.templates),
            "evaluation": str(wanted.models.evaluation),
            "seeds": [_described(seed) for seed in wanted.seeds],
            **asdict(self._combination),
        }

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _described(seed: SealedSeed) -> dict[str, Any]:
    """A seed as `inference.service` reads it: claims of its manifest, and paths; never the key itself."""
    manifest = seed.manifest
    return {
        "owner": manifest.owner,
        "generation": manifest.generation,
        "task": manifest.task,
        "architecture": manifest.architecture,
        "schema_sha256": manifest.schema_sha256,
        "payload_bytes": manifest.payload_bytes,
        "payload": str(seed.payload),
        "key": str(seed.key),
    }


def _named(paths: dict[str, Path]) -> dict[str, str]:
    return {name: str(path) for name, path in paths.items()}
