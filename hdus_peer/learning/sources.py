"""Where samples come from: `digits` (scikit-learn's) and `npz:FILE[#x=NAME,y=NAME]`.

Rule: whatever cannot be learned from is a DataError that names the file, the array and the first bad sample, and says
what to do; nothing is dropped, guessed or filled in. Files are read without pickle, so that they cannot run code.
Samples stay as stored (no normalisation here) but for their axes, which become those of the task: channels first.
"""

import gzip
import lzma
import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from hdus_peer.domain.task import Task
from hdus_peer.errors import ConfigurationError, DataError
from hdus_peer.learning.shards import Digests, digests_of

Array = NDArray[Any]
_CANNOT_READ = (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError)


@dataclass(frozen=True, slots=True)
class Samples:
    """Raw samples (n, *task shape), their digests, and their class indices (n,); -1 where there are none."""

    x: Array
    y: NDArray[np.int64]
    digests: Digests

    def __len__(self) -> int:
        return len(self.x)

    def where(self, chosen: NDArray[np.bool_]) -> "Samples":
        return self.at(np.flatnonzero(chosen))

    def at(self, positions: NDArray[np.intp]) -> "Samples":
        return Samples(self.x[positions], self.y[positions], [self.digests[position] for position in positions])


@dataclass(frozen=True, slots=True)
class Source:
    """What a source offers: samples to learn from, and a test set where it has one of its own."""

    samples: Samples
    test: Samples | None


def load(source: str, task: Task) -> Source:
    """Labelled samples of `source` in the task's shape and classes. Raises DataError or ConfigurationError."""
    if source == "digits":
        return Source(_samples(*_digits(), source, task), None)
    file = _NpzFile.parse(source)
    names = file.names()
    if file.x or "x_train" not in names:
        return Source(file.samples(file.x or "x", file.y or "y", task), None)
    test = file.samples("x_test", "y_test", task) if "x_test" in names else None
    return Source(file.samples("x_train", "y_train", task), test)


def load_test(source: str, task: Task) -> Samples:
    """Labelled samples of a source that is only tested on: its own test set where it has one."""
    loaded = load(source, task)
    return loaded.samples if loaded.test is None else loaded.test


def load_unlabelled(source: str, task: Task) -> Samples:
    """Samples of a source that is only distilled on; labels are neither needed nor read."""
    if source == "digits":
        return _samples(_digits()[0], None, source, task)
    file = _NpzFile.parse(source)
    names = file.names()
    x = file.x or next((name for name in ("x", "x_test", "x_train") if name in names), "x")
    return _samples(file.array(x), None, f"{file.path}: {x}", task)


@dataclass(frozen=True, slots=True)
class _NpzFile:
    path: Path
    x: str
    y: str

    @classmethod
    def parse(cls, source: str) -> "_NpzFile":
        if not source.startswith("npz:"):
            raise ConfigurationError(f"data source {source!r} is neither 'digits' nor 'npz:FILE[#x=NAME,y=NAME]'")
        path, _, selection = source.removeprefix("npz:").partition("#")
        pairs = [item.partition("=") for item in selection.split(",")] if selection else []
        chosen = {key: name for key, _, name in pairs}
        if not path or "" in chosen.values() or not chosen.keys() <= {"x", "y"}:
            raise ConfigurationError(f"data source {source!r}: write npz:FILE or npz:FILE#x=NAME,y=NAME")
        return cls(Path(path), chosen.get("x", ""), chosen.get("y", ""))

    def names(self) -> frozenset[str]:
        with self._open() as archive:
            return frozenset(archive.files)

    def samples(self, x: str, y: str, task: Task) -> Samples:
        raw = self.array(x)
        if y not in self.names():
            raise DataError(
                f"{self.path} has no labels: array {y!r} is missing ({self._present()}); name it with #y=NAME"
            )
        return _samples(raw, self.array(y), f"{self.path}: {x}", task)

    def array(self, name: str) -> Array:
        with self._open() as archive:
            if name not in archive.files:
                raise DataError(f"{self.path} has no array {name!r} ({self._present()}); name one with #x=NAME,y=NAME")
            try:
                array: Array = archive[name]
            except _CANNOT_READ as problem:
                raise DataError(
                    f"{self.path}: array {name!r} cannot be read ({problem}); samples of mixed shapes and Python "
                    "objects cannot be used: store one array of numbers"
                ) from problem
        return array

    def _present(self) -> str:
        return f"there are: {', '.join(sorted(self.names())) or 'none'}"

    @contextmanager
    def _open(self) -> Iterator["np.lib.npyio.NpzFile"]:
        try:
            with open(self.path, "rb") as file, _archive(file, self.path) as archive:
                yield archive
        except FileNotFoundError as problem:
            raise DataError(f"there is no file {self.path}; check the path behind 'npz:'") from problem
        except OSError as problem:
            raise DataError(
                f"{self.path} cannot be read ({problem.strerror}); check the path behind 'npz:'"
            ) from problem


def _archive(file: BinaryIO, path: Path) -> "np.lib.npyio.NpzFile":
    try:
        archive = np.load(file, allow_pickle=False)
    except _CANNOT_READ as problem:
        raise DataError(f"{path} cannot be read as .npz ({problem}); store it with numpy.savez") from problem
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise DataError(f"{path} is a single array, not an .npz; store samples and labels with numpy.savez")
    return archive


def _digits() -> tuple[Array, Array]:
    """scikit-learn's digits, read from its packaged file: importing sklearn would take a second and 100 MB."""
    package = find_spec("sklearn")
    folders = package.submodule_search_locations if package else None
    if not folders:
        raise DataError(
            "the built-in data 'digits' comes with scikit-learn, which is missing: pip install scikit-learn"
        )
    packaged = Path(folders[0]) / "datasets" / "data" / "digits.csv.gz"
    if packaged.exists():
        with gzip.open(packaged, "rt") as lines:
            table = np.loadtxt(lines, delimiter=",", dtype=np.float32)
        return table[:, :64].astype(np.uint8).reshape(-1, 8, 8), table[:, 64].astype(np.int64)
    from sklearn.datasets import load_digits  # slow, and only for a scikit-learn that keeps the file elsewhere

    loaded = load_digits()
    return loaded.images.astype(np.uint8), loaded.target.astype(np.int64)


def _samples(x: Array, y: Array | None, where: str, task: Task) -> Samples:
    shaped = _in_task_shape(x, where, task.shape)
    if shaped.dtype.kind == "f" and not np.isfinite(shaped).all():
        first = int(np.flatnonzero(~np.isfinite(shaped).reshape(len(shaped), -1).all(axis=1))[0])
        raise DataError(f"{where}: sample {first} holds a NaN or infinite value; mend or leave out such samples")
    labels = np.full(len(x), -1, dtype=np.int64) if y is None else _class_indices(y, len(x), where, task.classes)
    return Samples(shaped, labels, digests_of(shaped))


def _in_task_shape(x: Array, where: str, shape: tuple[int, ...]) -> Array:
    """`x` with the axes of the task: given so, or as H×W, H×W×C or flat rows."""
    if x.dtype.kind not in "buif" or x.ndim < 2:
        raise DataError(f"{where} holds no samples: expected an array of numbers with one row or picture per sample")
    size = x.shape[1:]
    if size == shape:
        return x
    if len(shape) == 3 and size == (*shape[1:], shape[0]):
        return np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    if (len(shape) == 3 and size == shape[1:] and shape[0] == 1) or size == (math.prod(shape),):
        return x.reshape(len(x), *shape)
    raise DataError(f"{where}: samples have the shape {size}, the task's have {shape}; use data of this task")


def _class_indices(y: Array, samples: int, where: str, classes: tuple[str, ...]) -> NDArray[np.int64]:
    """Labels as positions in the task's `classes`. A label is a class's name; or its position, as a whole number, where
    no class has a number for its name."""
    if y.shape not in ((samples,), (samples, 1)):
        raise DataError(f"{where}: {samples} samples, but labels of the shape {y.shape}; give one label per sample")
    names = {name: index for index, name in enumerate(classes)}
    if y.dtype.kind in "buif" and not any(name.isdecimal() for name in classes):
        names = {str(index): index for index in range(len(classes))}
    values, positions = np.unique(y.reshape(-1), return_inverse=True)
    known = np.array([names.get(_label_text(value), -1) for value in values], dtype=np.int64)
    indices: NDArray[np.int64] = known[positions]
    if samples and indices.min() < 0:
        first = int(np.flatnonzero(indices < 0)[0])
        raise DataError(
            f"{where}: sample {first} has the label {_label_text(y.reshape(-1)[first])!r}, which is none of the task's "
            f"classes ({', '.join(classes[:20])}); label every sample with one of them"
        )
    return indices


def _label_text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(int(value)) if isinstance(value, np.bool_) else str(value)
