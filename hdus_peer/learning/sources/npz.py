"""`npz:FILE[#x=NAME,y=NAME,by=NAME]`: numpy arrays, read without pickle, so that they cannot run code.

Without names: x_train, y_train, x_test and y_test, or x and y. `by` names the array that a shard `by:…` asks for
(without it, the array that the shard names); of a file with x_train, it belongs to x_train.
"""

import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from hdus_peer.domain.task import Task
from hdus_peer.errors import DataError
from hdus_peer.learning.sources.naming import parse
from hdus_peer.learning.sources.samples import Array, Samples, Source, group_texts, samples_of

FORM = "npz:FILE or npz:FILE#x=NAME,y=NAME,by=NAME"
_CANNOT_READ = (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError)


class NpzFile:
    """The arrays of one file that are asked for."""

    def __init__(self, text: str, task: Task) -> None:
        name = parse(text, FORM, ("x", "y", "by"))
        self._path, self._options, self._task = name.path, name.options, task

    def labelled(self, group: str) -> Source:
        x, y = self._labelled()
        test = self._samples("x_test", "y_test", "") if self._has_test() else None
        return Source(self._samples(x, y, group), test)

    def unlabelled(self) -> Samples:
        names = self._names()
        x = self._options.get("x") or next((name for name in ("x", "x_test", "x_train") if name in names), "x")
        return samples_of(self._array(x), None, f"{self._path}: {x}", self._task)

    def column(self, name: str) -> NDArray[np.str_]:
        return group_texts(self._array(name), len(self._array(self._labelled()[0])), f"{self._path}: {name}")

    def _labelled(self) -> tuple[str, str]:
        """The names of the samples and labels to learn from."""
        if "x" in self._options or "x_train" not in self._names():
            return self._options.get("x", "x"), self._options.get("y", "y")
        return "x_train", "y_train"

    def _has_test(self) -> bool:
        return "x" not in self._options and {"x_train", "x_test"} <= self._names()

    def _samples(self, x: str, y: str, group: str) -> Samples:
        raw = self._array(x)
        if y not in self._names():
            raise DataError(
                f"{self._path} has no labels: array {y!r} is missing ({self._present()}); name it with #y=NAME"
            )
        groups = self._array(self._options.get("by", group)) if group else None
        return samples_of(raw, self._array(y), f"{self._path}: {x}", self._task, groups)

    def _names(self) -> frozenset[str]:
        with self._open() as archive:
            return frozenset(archive.files)

    def _array(self, name: str) -> Array:
        with self._open() as archive:
            if name not in archive.files:
                raise DataError(f"{self._path} has no array {name!r} ({self._present()}); name one with #x=NAME,y=NAME")
            try:
                array: Array = archive[name]
            except _CANNOT_READ as problem:
                raise DataError(
                    f"{self._path}: array {name!r} cannot be read ({problem}); samples of mixed shapes and Python "
                    "objects cannot be used: store one array of numbers"
                ) from problem
        return array

    def _present(self) -> str:
        return f"there are: {', '.join(sorted(self._names())) or 'none'}"

    @contextmanager
    def _open(self) -> Iterator["np.lib.npyio.NpzFile"]:
        try:
            with open(self._path, "rb") as file, _archive(file, self._path) as archive:
                yield archive
        except FileNotFoundError as problem:
            raise DataError(f"there is no file {self._path}; check the path behind 'npz:'") from problem
        except OSError as problem:
            raise DataError(
                f"{self._path} cannot be read ({problem.strerror}); check the path behind 'npz:'"
            ) from problem


def _archive(file: BinaryIO, path: Path) -> "np.lib.npyio.NpzFile":
    try:
        archive = np.load(file, allow_pickle=False)
    except _CANNOT_READ as problem:
        raise DataError(f"{path} cannot be read as .npz ({problem}); store it with numpy.savez") from problem
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise DataError(f"{path} is a single array, not an .npz; store samples and labels with numpy.savez")
    return archive
