"""A user's picture or rows, brought into the form in which the daemon predicts: the task's axes, its normalisation.

Rules
1. A wrong file is a DataError that says what was found, what is needed and what to do; nothing is guessed but the size
   of a picture, which is scaled to the task's, and said so. Pictures and tables are read as the trainer reads them.
2. A CSV is read by its heading where the task names features: columns in any order, those that it does not know (a
   label, for example) passed over. Other tasks take its rows as they stand, with or without a heading.
3. Files are read without pickle, so that they cannot run code. A call carries at most BATCH_BYTES_MAX.
"""

import csv
import math
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdus_peer.domain.task import Task
from hdus_peer.errors import DataError
from hdus_peer.formats.columns import feature_columns
from hdus_peer.formats.csv_table import read_csv
from hdus_peer.formats.pictures import read_picture, takes_pictures
from hdus_peer.formats.standardise import standardised
from hdus_peer.workers.port import Prediction

BATCH_BYTES_MAX = 8 * 1024 * 1024
FILE_BYTES_MAX = 1 << 30
_ROWS = (".npy", ".npz", ".csv")

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class UserSamples:
    """Normalised float32 samples (n, *task shape). `note`: what was done to them, for people."""

    x: NDArray[np.float32]
    note: str

    def __len__(self) -> int:
        return len(self.x)

    def predicted_by(self, predict: Callable[[bytes, int], Prediction]) -> Prediction:
        """The answer for all of them, asked for in bounded batches; the ensemble's state is that of the last."""
        step = max(1, BATCH_BYTES_MAX // self.x[0].nbytes)
        parts = [self.x[start : start + step] for start in range(0, len(self.x), step)]
        answers = [predict(part.astype("<f4").tobytes(), len(part)) for part in parts]
        alone = [row for answer in answers for row in answer.alone]
        return Prediction(alone, [row for answer in answers for row in answer.ensemble], answers[-1].state)


def read_samples(file: Path, task: Task, array: str = "", first: int | None = None) -> UserSamples:
    """`array`: which one of an .npz; `first`: take so many only. Raises DataError."""
    _check_file(file)
    note = ""
    if task.features:
        rows = _read_table(file, task, first)
    elif file.suffix.lower() in _ROWS:
        rows = _in_task_shape(_read_rows(file, array), file, task)[:first]
    else:
        rows, note = _read_picture(file, task)
    if not len(rows):
        raise DataError(f"{file} holds no samples: give a file with at least one row")
    if not np.isfinite(rows).all():
        raise DataError(f"{file} holds a value that is no finite number: correct or remove those rows")
    return UserSamples(np.ascontiguousarray(standardised(rows, task)), note)


def _check_file(file: Path) -> None:
    try:
        size = file.stat().st_size
    except FileNotFoundError:
        raise DataError(f"there is no file {file}: check the path") from None
    except OSError as problem:
        raise DataError(f"{file} cannot be read ({problem.strerror}): check its rights") from problem
    if not file.is_file():
        raise DataError(f"{file} is no file: give a picture, or rows as {', '.join(_ROWS)}")
    if size > FILE_BYTES_MAX:
        raise DataError(f"{file} has {size} bytes, more than {FILE_BYTES_MAX}: split it")


def _read_rows(file: Path, array: str) -> Array:
    try:
        if file.suffix.lower() == ".csv":
            return _read_csv(file)
        with file.open("rb") as stream:
            loaded = np.load(stream, allow_pickle=False)
            return loaded if isinstance(loaded, np.ndarray) else _member(loaded, file, array)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as problem:
        raise DataError(
            f"{file} cannot be read as {file.suffix[1:]} rows of numbers ({problem}): store them again"
        ) from (problem)


def _member(archive: Any, file: Path, array: str) -> Array:
    names = sorted(archive.files)
    wanted = array or next((name for name in ("x", "x_test") if name in names), names[0] if len(names) == 1 else "")
    if wanted not in names:
        missing = f"has no array {array!r}" if array else "holds several arrays"
        raise DataError(f"{file} {missing}: choose one with --array ({', '.join(names)})")
    member: Array = archive[wanted]
    return member


def _read_csv(file: Path) -> Array:
    with file.open(newline="", encoding="utf-8", errors="replace") as lines:
        has_heading = not all(_is_number(cell) for cell in next(csv.reader(lines), []))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # an empty file is our own error, said below
        return np.loadtxt(file, delimiter=",", skiprows=int(has_heading), dtype=np.float64, ndmin=2)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _in_task_shape(x: Array, file: Path, task: Task) -> Array:
    """(n, *task shape) from the same, from H×W or H×W×C pictures, from flat rows, or from a single sample of these."""
    if x.dtype.kind not in "buif":
        raise DataError(f"{file} holds {x.dtype} values: give numbers")
    channels, *sides = task.shape if len(task.shape) == 3 else (0,)
    for lone in (False, True):
        batch = x[None] if lone else x
        size = batch.shape[1:]
        if size == task.shape or size == (math.prod(task.shape),) or (channels == 1 and size == tuple(sides)):
            return batch.reshape(len(batch), *task.shape)
        if channels and size == (*sides, channels):
            return batch.transpose(0, 3, 1, 2)
    raise DataError(
        f"{file} has the shape {x.shape}; the task {task.name} takes samples of {task.shape} (channels first), "
        f"or flat rows of {math.prod(task.shape)} values: bring them into that shape"
    )


def _read_table(file: Path, task: Task, first: int | None) -> Array:
    if file.suffix.lower() != ".csv":
        raise DataError(f"{file}: the task {task.name} takes rows with named columns: give them as .csv with a heading")
    columns = read_csv(file, feature_columns(task, str(file)), first)
    return np.column_stack(columns)


def _read_picture(file: Path, task: Task) -> tuple[Array, str]:
    if not takes_pictures(task.shape):
        raise DataError(f"the task {task.name} takes no pictures: give rows as {', '.join(_ROWS)}")
    _, height, width = task.shape
    pixels, found_width, found_height = read_picture(file, task.shape)
    is_scaled = (found_width, found_height) != (width, height)
    note = f"Picture scaled from {found_width}×{found_height} to {width}×{height}." if is_scaled else ""
    return pixels[None] * np.float32(task.scale / 255), note
