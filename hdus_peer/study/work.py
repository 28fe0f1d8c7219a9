"""One unit of a study, done by whichever process was given it.

Rules
1. What is done is not done again, whoever asks, and a unit is in the hands of one process at a time.
2. A unit that fails, for whatever reason, leaves its reason and ends nothing but itself.
"""

import json
import time
import traceback
from dataclasses import dataclass

from hdus_peer.durable import write_durably
from hdus_peer.errors import HdusError
from hdus_peer.study.cells import Cell, Lesson, Unit
from hdus_peer.study.folder import Folder
from hdus_peer.study.plan import Plan
from hdus_peer.study.setting import Place, Setting


@dataclass(frozen=True, slots=True)
class Outcome:
    """`failure`: why it failed, or ""."""

    unit: Unit
    seconds: float
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Worker:
    """Everything that a process needs to know; called with a unit."""

    plan: Plan
    place: Place
    folder: Folder

    def __call__(self, unit: Unit) -> Outcome:
        start_s = time.perf_counter()
        try:
            with self.folder.locked(unit):
                if not self.folder.result(unit).exists():
                    self._do(unit)
                self.folder.succeed(unit)
        except Exception as problem:  # noqa: BLE001 - supervisor: the other units go on, and the reason is kept
            reason = reason_of(problem)
            self.folder.fail(unit, reason, traceback.format_exc())
            return Outcome(unit, time.perf_counter() - start_s, reason)
        return Outcome(unit, time.perf_counter() - start_s)

    def _do(self, unit: Unit) -> None:
        if isinstance(unit, Lesson):
            self._learn(unit)
        else:
            self._measure(unit)

    def _learn(self, lesson: Lesson) -> None:
        from hdus_peer.study.lessons import School  # torch, in the processes that compute

        start_s, start_cpu_s = time.perf_counter(), time.process_time()
        school = School(Setting(self.plan, lesson.partition, lesson.random_seed), self.place)
        school.main(lesson.peer, lesson.main)
        for temperature in lesson.temperatures:
            school.seed(lesson.peer, lesson.main, temperature)
        took = {"wall_s": time.perf_counter() - start_s, "cpu_s": time.process_time() - start_cpu_s}
        write_durably(self.folder.result(lesson), json.dumps({"kind": lesson.kind, **took}).encode(), mode=0o644)

    def _measure(self, cell: Cell) -> None:
        from hdus_peer.study.measure import measure
        from hdus_peer.study.rows import write_rows

        write_rows(self.folder.result(cell), measure(cell, self.plan, self.place))


def reason_of(problem: Exception) -> str:
    """The sentence that the report shows; what a library says is cut to a line."""
    if isinstance(problem, HdusError):
        return str(problem)
    said = " ".join(str(problem).split())[:300]
    if isinstance(problem, MemoryError) or "out of memory" in said.lower() or "can't allocate memory" in said.lower():
        return f"out of memory ({said}): run it again with fewer --jobs, or smaller models or batches"
    return f"{type(problem).__name__}: {said}"
