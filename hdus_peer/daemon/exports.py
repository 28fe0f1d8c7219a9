"""Files that leave this product: the main model, or the whole ensemble, as ONNX at a place that the owner named.

Rules
1. The predictor child writes the file, beside its final name; nothing of it is read here. It gets its name only once it
   is whole, and never in place of another file unless that was asked for.
2. A file with seeds of others is beyond the reach of any erasure. So it is noted in `exports.jsonl`, durably, before it
   gets its name; and when an owner inside is unlearned, or this peer leaves, the owner of this peer is told which files
   there still are. Deleting them is up to whoever made them.
3. Nothing is written into the state directory: what lies there is the daemon's to erase.
"""

import asyncio
import contextlib
import dataclasses
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hdus_peer import __version__
from hdus_peer.control.port import ExportView, ExportWanted
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.task import Task
from hdus_peer.durable import sync_directory, write_durably
from hdus_peer.errors import ConfigurationError, StateError, StorageError, WorkerError
from hdus_peer.protocol.step import Event
from hdus_peer.workers.port import Exported, Predictor

RECORD_NAME = "exports.jsonl"


@dataclass(frozen=True, slots=True)
class Exporter:
    """Whose exports these are: the state directory, the task, and how far an owner's seeds are unlearned (0: not)."""

    directory: Path
    task: Task
    through: Callable[[PeerId], int]


class Exports:
    """`publish` takes what is to be told."""

    def __init__(self, exporter: Exporter, predictor: Predictor, publish: Callable[[Event], None]) -> None:
        self._exporter, self._predictor, self._publish = exporter, predictor, publish
        self._record = exporter.directory / RECORD_NAME
        self._noted = tuple(_read(self._record))
        self._one_at_a_time = asyncio.Lock()

    async def export(self, wanted: ExportWanted) -> ExportView:
        """Raises ConfigurationError for a place that cannot be, WorkerError where there are no seeds to export,
        StorageError."""
        place = Path(wanted.file)
        self._check(place, wanted)
        partial = place.with_name(f".{place.name}.{secrets.token_hex(8)}.partial")
        async with self._one_at_a_time:
            try:
                found = await self._predictor.export(partial, _facts(self._exporter.task), with_seeds=wanted.with_seeds)
                if found.seeds:
                    await asyncio.to_thread(self._note, place, found)
                self._refuse_unlearned(found)
                await asyncio.to_thread(_name, partial, place, wanted.force)
            finally:
                with contextlib.suppress(OSError):  # it has its name by now, or never got a byte
                    partial.unlink()
        self._publish(Event("Exported", None, (("file", str(place)), ("seeds", len(found.seeds)))))
        rho = found.state.rho if found.seeds else 0.0
        return ExportView(str(place), found.size, found.state.rule, rho, tuple(owner for owner, _ in found.seeds))

    def on_event(self, event: Event) -> None:
        if event.name in ("TombstoneWritten", "LeaveBegun"):
            everything = event.name == "LeaveBegun"
            for file in _existing(note for note in self._noted if everything or event.peer in dict(note.seeds)):
                self._publish(Event("ExportOutlivesErasure", event.peer, (("file", file),)))

    def outliving(self) -> tuple[str, ...]:
        """Files that are still where they were put and hold a seed that was unlearned since."""
        through = self._exporter.through
        return _existing(
            note for note in self._noted if any(generation <= through(owner) for owner, generation in note.seeds)
        )

    def _check(self, place: Path, wanted: ExportWanted) -> None:
        if not place.is_absolute() or not place.parent.is_dir():
            raise ConfigurationError(f"there is no directory {place.parent} for the export: make it, or choose another")
        if place.parent.resolve().is_relative_to(self._exporter.directory.resolve()):
            raise ConfigurationError(
                f"{place} is inside the state directory, which is the daemon's: choose another place"
            )
        if place.is_dir():
            raise ConfigurationError(f"{place} is a directory: name the file in it")
        if os.path.lexists(place) and not wanted.force:
            raise _taken(place)

    def _refuse_unlearned(self, found: Exported) -> None:
        if any(generation <= self._exporter.through(owner) for owner, generation in found.seeds):
            raise WorkerError("a member whose seed is in the file was unlearned while it was written: export it again")

    def _note(self, place: Path, found: Exported) -> None:
        self._noted += (Note(int(time.time()), str(place), found.seeds),)
        lines = (json.dumps(dataclasses.asdict(note)) + "\n" for note in self._noted)
        write_durably(self._record, "".join(lines).encode())


@dataclass(frozen=True, slots=True)
class Note:
    """One file with seeds of others: when, where, and whose, as (owner, generation)."""

    time_s: int
    file: str
    seeds: tuple[tuple[PeerId, int], ...]


def _read(record: Path) -> Iterator[Note]:
    try:
        lines = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
        for line in lines:
            fields = json.loads(line)
            seeds = tuple((PeerId(owner), int(generation)) for owner, generation in fields["seeds"])
            yield Note(int(fields["time_s"]), str(fields["file"]), seeds)
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise StateError(
            f"{record} cannot be read: it lists files that hold seeds; mend it or move it away"
        ) from problem


def _existing(notes: Iterator[Note]) -> tuple[str, ...]:
    return tuple(sorted({note.file for note in notes if os.path.lexists(note.file)}))


def _facts(task: Task) -> dict[str, str]:
    """What a program needs in order to use the file without this product."""
    normalisation = {"scale": task.scale, "mean": task.mean, "std": task.std}
    facts = {
        "product": "hdus-peer",
        "version": __version__,
        "task": task.name,
        "classes": json.dumps(task.classes),
        "shape": json.dumps(task.shape),
        "normalisation": json.dumps({**normalisation, "formula": "(value / scale - mean) / std"}),
    }
    features = [dataclasses.asdict(feature) for feature in task.features]
    return facts | ({"features": json.dumps(features)} if features else {})


def _name(partial: Path, place: Path, force: bool) -> None:
    """Give the whole file its name, which is taken first where nothing may be replaced."""
    try:
        if not force:
            os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        os.rename(partial, place)
        sync_directory(place.parent)
    except FileExistsError as problem:
        raise _taken(place) from problem
    except OSError as problem:
        raise StorageError(f"{place} cannot be written ({problem.strerror}): choose another place") from problem


def _taken(place: Path) -> ConfigurationError:
    return ConfigurationError(f"{place} is there already: choose another name, or add --force to replace it")
