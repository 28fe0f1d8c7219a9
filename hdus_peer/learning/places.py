"""Where a job's files lie under its directory, and the note that says that it is finished.

Rule: the note is written last and removed first; while it is there for a job, every file that it speaks of is whole and
of that job. It holds no absolute path, so that a state directory can be moved.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hdus_peer.durable import remove_durably, write_durably


@dataclass(frozen=True, slots=True)
class Places:
    """`directory`: absolute. `seed` is the owner's plaintext; only `sealed` ever leaves the device."""

    directory: Path

    @property
    def checkpoint(self) -> Path:
        return self.directory / "checkpoint.safetensors"

    @property
    def main(self) -> Path:
        return self.directory / "main.onnx"

    @property
    def seed(self) -> Path:
        return self.directory / "seed.safetensors"

    @property
    def evaluation(self) -> Path:
        return self.directory / "evaluation.npz"

    @property
    def templates(self) -> Path:
        return self.directory / "templates"

    @property
    def states(self) -> Path:
        """Of trained slices (see `slices`)."""
        return self.directory / "slices"

    @property
    def sealed(self) -> Path:
        return self.directory / "outbox" / "seed.sealed"

    @property
    def key(self) -> Path:
        return self.directory / "outbox" / "seed.key"

    @property
    def note(self) -> Path:
        return self.directory / "result.json"

    def sweep(self) -> None:
        """Remove the temporary files of writes that a crash cut short."""
        for folder in (self.directory, self.templates, self.sealed.parent, *self.states.glob("*")):
            for left in folder.glob(".*.*"):
                remove_durably(left)


@dataclass(frozen=True, slots=True)
class Finished:
    """What the note says beside the paths; `templates`: architecture and file name."""

    fingerprint: str
    architecture: str
    schema_sha256: str
    reference: str
    templates: dict[str, str]
    summary: dict[str, str | int | float]

    def result(self, places: Places) -> dict[str, Any]:
        """The fields of a `workers.port.TrainingResult`, paths as text."""
        return {
            "architecture": self.architecture,
            "schema_sha256": self.schema_sha256,
            "reference": self.reference,
            "sealed": str(places.sealed),
            "key": str(places.key),
            "main": str(places.main),
            "templates": {name: str(places.templates / file) for name, file in self.templates.items()},
            "evaluation": str(places.evaluation),
            "summary": self.summary,
        }


def recall(places: Places, fingerprint: str) -> Finished | None:
    """The finished job of this fingerprint, if there is one and its files are all there."""
    if not places.note.exists():
        return None
    try:
        finished = Finished(**json.loads(places.note.read_text()))
    except (ValueError, TypeError):
        return None  # a note of another version: the job runs again
    templates = [places.templates / file for file in finished.templates.values()]
    whole = all(file.exists() for file in (places.main, places.seed, places.evaluation, *templates))
    return finished if whole and finished.fingerprint == fingerprint else None


def remember(places: Places, finished: Finished) -> None:
    fields = {name: getattr(finished, name) for name in Finished.__dataclass_fields__}
    write_durably(places.note, json.dumps(fields, indent=1).encode())


def forget(places: Places) -> None:
    """The files are about to change: nothing is finished."""
    remove_durably(places.note)
