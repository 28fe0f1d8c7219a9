"""A `ControlledDaemon` in memory, and a real control server around it in a thread of its own.

The values are plain and settable, so that a test says what the daemon is and sees what a command makes of it.
"""

import asyncio
import contextlib
import dataclasses
import struct
import threading
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

from hdus_peer.control.port import (
    ClassCount,
    ExportView,
    ExportWanted,
    HolderErasure,
    HolderView,
    LinkCounts,
    LogEntry,
    LogsWanted,
    ModelView,
    Offender,
    OwedAnswers,
    PeerStatus,
    PeerView,
    PendingNotice,
    SeedView,
    SelectionView,
    TrainingState,
    TrainingStatus,
    UnlearnProgress,
)
from hdus_peer.control.server import ControlServer
from hdus_peer.domain.combination import RULES
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.task import Task
from hdus_peer.errors import DataError, HdusError
from hdus_peer.workers.port import EnsembleState, Evaluation, Prediction

ME, ANNA, BELA = (PeerId(letter * 52) for letter in "mab")
ENSEMBLE = EnsembleState(3, (ANNA, BELA), "prob-mean", 0.5, False, False, "local")
TASK = Task("digits", tuple("0123456789"), (1, 8, 8), 16.0, (0.25,), (0.5,), ("mlp-s",))
STATUS = PeerStatus(
    peer=ME,
    name="mira",
    network="home",
    task="digits",
    phase="active",
    generation=1_700_000_000,
    address="127.0.0.1:7000",
    pid=4_000_000,
    uptime_s=61.5,
    main=ModelView("mobilenet-s", 5050),
    seed=ModelView("mlp-s", 2410),
    training=TrainingStatus(TrainingState.DONE, "seal", 1.0, ""),
    ensemble=ENSEMBLE,
    seeds_held=2,
    links=LinkCounts(2, 0, 1),
    holders=2,
    notices=(),
    owed=(),
    refusals={"forged": 1},
    offenders=(Offender(BELA, "bela", {"forged": 1}),),
    not_after_s=1_900_000_000,
    exports_outliving=(),
)
PEERS = [
    PeerView(ANNA, "anna", "alive", "127.0.0.1:7001", True, 17, True, True, False, 120),
    PeerView(BELA, "bela", "gone", "127.0.0.1:7002", False, 18, True, False, True, -1, 17),
]
SEEDS = [
    SeedView(ANNA, "anna", "mlp-s", 17, 10_240, "a1" * 32, True, 600_000, 1_200_000),
    SeedView(BELA, "bela", "mlp-s", 18, 10_240, "b2" * 32, False, 600_000, 1_200_000),
]
HOLDERS = [
    HolderView(ANNA, "anna", 17, "alive", 1_700_000_000, 1_700_003_600, ""),
    HolderView(BELA, "bela", 18, "gone", 1_700_000_000, 1_700_003_600, ""),
]
ENTRIES = [
    LogEntry(1_700_000_000.25, "info", "Started", '{"address": "127.0.0.1:7000"}', ""),
    LogEntry(1_700_000_001.5, "error", "EffectFailed", '{"peer": "anna", "generation": 17}', "Traceback: it broke"),
]
CERTIFICATE = "/state/certificates/99"
PENDING = HolderErasure(BELA, "bela", False, "", -1, (), 1_800_000_000)
LEAVE = [
    UnlearnProgress("leaving", 99, (HolderErasure(ANNA, "anna", False, "", -1, ()), PENDING), False, CERTIFICATE),
    UnlearnProgress(
        "leaving", 99, (HolderErasure(ANNA, "anna", True, "receipt", 12, ("c3" * 32,)), PENDING), False, CERTIFICATE
    ),
    UnlearnProgress(
        "left",
        99,
        (
            HolderErasure(ANNA, "anna", True, "receipt", 12, ("c3" * 32,)),
            HolderErasure(BELA, "bela", True, "departure", 20, ()),
        ),
        True,
        CERTIFICATE,
    ),
]
CHOSEN = SelectionView("e5" * 32, 37, 1200, (ClassCount("3", 12), ClassCount("5", 0), ClassCount("7", 25)))
ITSELF = HolderErasure(ME, "mira", True, "receipt", 150, (), state="alive")
FORGET = [
    UnlearnProgress("active", 99, LEAVE[1].holders, False, CERTIFICATE),
    UnlearnProgress("active", 99, (*LEAVE[2].holders, ITSELF), True, CERTIFICATE),
]
NOTICE = PendingNotice("leave", 99, 1_700_000_000, LEAVE[1].holders)
OWED = (
    OwedAnswers("receipt", ANNA, "anna", "alive", 1, 1_700_000_000),
    OwedAnswers("mail", BELA, "bela", "gone", 3, 1_700_003_600),
)


class MemoryDaemon:
    """Answers with its attributes. `failure`, where set, is raised by every call; `leaves` is what a leave yields, and
    a leave whose last value is not finished stays open, as a real one does."""

    def __init__(self) -> None:
        self.statuses = [STATUS]
        self.leaves = list(LEAVE)
        self.forgets = list(FORGET)
        self.selected: list[tuple[str, str]] = []
        self.forgotten: list[str] = []
        self.failure: HdusError | None = None
        self.trainings = 0
        self.stopped = threading.Event()
        self.told: list[str] = []
        self.predicted: list[tuple[int, int]] = []
        self.wanted: list[LogsWanted] = []
        self.abandoned = threading.Event()

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure

    async def status(self) -> PeerStatus:
        self._check()
        return self.statuses[0]

    async def watch(self) -> AsyncGenerator[PeerStatus, None]:
        self._check()
        for status in self.statuses:
            yield status

    async def task(self) -> Task:
        self._check()
        return TASK

    async def peers(self) -> list[PeerView]:
        self._check()
        return PEERS

    async def seeds(self) -> list[SeedView]:
        self._check()
        return SEEDS

    async def holders(self) -> list[HolderView]:
        self._check()
        return HOLDERS

    async def train(self) -> int:
        self._check()
        self.trainings += 1
        return self.trainings

    async def predict(self, rows: bytes, samples: int) -> Prediction:
        self._check()
        self.predicted.append((len(rows), samples))
        first = struct.unpack("<f", rows[:4])[0]
        alone = [[0.05] * 8 + [0.4, 0.2]] * samples
        return Prediction(alone, [[0.0] * 7 + [0.75, 0.25, round(float(first), 3)]] * samples, ENSEMBLE)

    async def evaluate(self, dataset: str, rule: str) -> Evaluation:
        self._check()
        if rule not in ("", *RULES):
            raise DataError(f"there is no rule {rule}: choose {' or '.join(RULES[:2])}")
        return Evaluation(dataset, rule or "prob-mean", 0.5, 300, 0.8125, 0.875, "d4" * 32, ENSEMBLE)

    async def export(self, wanted: ExportWanted) -> ExportView:
        self._check()
        owners = ENSEMBLE.owners if wanted.with_seeds else ()
        return ExportView(wanted.file, 71_234, ENSEMBLE.rule, ENSEMBLE.rho if owners else 0.0, owners)

    async def select(self, samples: str, where: str) -> SelectionView:
        self._check()
        self.selected.append((samples, where))
        return CHOSEN

    async def forget(self, name: str) -> AsyncGenerator[UnlearnProgress, None]:
        self._check()
        self.forgotten.append(name)
        async for progress in self._told(self.forgets):
            yield progress

    async def leave(self) -> AsyncGenerator[UnlearnProgress, None]:
        self._check()
        async for progress in self._told(self.leaves):
            yield progress

    async def _told(self, steps: list[UnlearnProgress]) -> AsyncGenerator[UnlearnProgress, None]:
        try:
            for progress in steps:
                yield progress
            if steps and not steps[-1].finished:
                await asyncio.Event().wait()
        finally:
            self.abandoned.set()

    async def logs(self, wanted: LogsWanted) -> AsyncGenerator[LogEntry, None]:
        self._check()
        self.wanted.append(wanted)
        for entry in ENTRIES[len(ENTRIES) - min(wanted.lines, len(ENTRIES)) :]:
            yield entry

    async def tell(self, file: str) -> str:
        self._check()
        self.told.append(file)
        return BELA

    async def stop(self) -> None:
        self._check()
        self.stopped.set()

    def training(self, *states: TrainingStatus) -> None:
        """Make `watch` go through these."""
        self.statuses = [dataclasses.replace(STATUS, training=state) for state in states]


@contextlib.contextmanager
def served(daemon: MemoryDaemon, state: Path) -> Iterator[None]:
    """The daemon behind a real control server on the socket of `state`; ends when `stop` was asked for, or here."""
    ready, ends = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(daemon, state, ready, ends)), name="control server")
    thread.start()
    try:
        if not ready.wait(10):
            raise AssertionError("the control server did not start")
        yield
    finally:
        ends.set()
        thread.join(10)


async def _serve(daemon: MemoryDaemon, state: Path, ready: threading.Event, ends: threading.Event) -> None:
    server = ControlServer(daemon, state)
    await server.start()
    ready.set()
    while not (ends.is_set() or daemon.stopped.is_set()):
        await asyncio.to_thread(_either, ends, daemon.stopped)
    await server.stop(0.2)


def _either(ends: threading.Event, stopped: threading.Event) -> None:
    if not ends.wait(0.02):
        stopped.wait(0.02)
