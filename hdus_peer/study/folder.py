"""The directory of a study on disk.

    study.json       the plan, its hash, and how the study was started
    cells/           a Parquet file of rows for each finished cell
    lessons/         a note for each finished lesson
    models/          what the lessons learned, and checkpoints of what is being learned
    failures/        why a unit failed, for each that did
    locks/           held while a unit is being done
    report.md, report.html, plots/

Rule: one directory holds one plan; another plan, or another scale, is refused.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hdus_peer.durable import remove_durably, write_durably
from hdus_peer.errors import ConfigurationError, StorageError
from hdus_peer.study.cells import Cell, Unit, file_name
from hdus_peer.study.plan import Plan


@dataclass(frozen=True, slots=True)
class Folder:
    """`root`: absolute."""

    root: Path

    @property
    def cells(self) -> Path:
        return self.root / "cells"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def plots(self) -> Path:
        return self.root / "plots"

    def result(self, unit: Unit) -> Path:
        """The file that says that the unit is done."""
        name = file_name(unit)
        return self.cells / f"{name}.parquet" if isinstance(unit, Cell) else self.root / "lessons" / f"{name}.json"

    def claim(self, plan: Plan, started: dict[str, Any]) -> None:
        """Make it the directory of this plan. Raises ConfigurationError, StorageError."""
        held = self.started() if (self.root / "study.json").exists() else None
        if held is not None and held["plan_sha256"] != plan.sha256:
            raise ConfigurationError(
                f"{self.root} holds results of another plan ({held['plan']['name']}, scale {held['plan']['scale']:g}, "
                f"{held['plan_sha256'][:8]}; this is {plan.name}, scale {plan.scale:g}, {plan.sha256[:8]}): choose "
                "another --out"
            )
        said = {"plan": plan.model_dump(mode="json"), "plan_sha256": plan.sha256, **started}
        write_durably(self.root / "study.json", json.dumps(said, indent=1).encode(), mode=0o644)

    def started(self) -> dict[str, Any]:
        """What `claim` wrote. Raises ConfigurationError."""
        path = self.root / "study.json"
        try:
            said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as problem:
            raise ConfigurationError(
                f"{self.root} holds no study (study.json cannot be read): name the --out of a `hdus-peer study run`"
            ) from problem
        return said

    def plan(self) -> Plan:
        """The plan that the directory belongs to."""
        return Plan.model_validate(self.started()["plan"])

    def fail(self, unit: Unit, reason: str, trace: str) -> None:
        said = {"unit": unit.name, "reason": reason, "trace": trace}
        write_durably(self._failure(unit), json.dumps(said, indent=1, ensure_ascii=False).encode(), mode=0o644)

    def succeed(self, unit: Unit) -> None:
        """An earlier failure of the unit is of the past."""
        remove_durably(self._failure(unit))

    def failures(self) -> list[dict[str, str]]:
        """Unit and reason of each failure that stands."""
        return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(self.root.glob("failures/*.json"))]

    @contextmanager
    def locked(self, unit: Unit) -> Iterator[None]:
        """One process at a time, also when an orphan of a killed run is still at it. Raises StorageError."""
        path = self.root / "locks" / file_name(unit)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as problem:
            raise StorageError(f"{path} cannot be opened ({problem.strerror}): make room, or mend --out") from problem
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _failure(self, unit: Unit) -> Path:
        return self.root / "failures" / f"{file_name(unit)}.json"
