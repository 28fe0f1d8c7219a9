"""`images:DIR`: picture files, a folder for each class, called as the class is.

Rules
1. How a file becomes a sample: `formats.pictures`. Values are 0 to 255, brought to the task's scale.
2. Folders within a class's folder belong to it. Hidden files and folders are passed over; every other file must be a
   picture, and must lie inside of DIR, also behind links: nobody's passport is learned because of a link to it.
3. Without labels (a reference set) the folders may have any name, and pictures may lie in DIR itself.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hdus_peer.domain.task import Task
from hdus_peer.errors import ConfigurationError, DataError
from hdus_peer.formats.columns import DECODED_BYTES_MAX
from hdus_peer.formats.pictures import read_picture, takes_pictures
from hdus_peer.learning.sources.naming import parse
from hdus_peer.learning.sources.samples import Array, Samples, Source, no_column, samples_of

FORM = "images:DIR"


class ImageFolder:
    """A directory with a folder per class."""

    def __init__(self, text: str, task: Task) -> None:
        self._folder, self._task = parse(text, FORM).path, task
        if not takes_pictures(task.shape):
            raise ConfigurationError(
                f"{text}: the task {task.name} takes samples of the shape {task.shape}, which are no pictures of 1, 3 "
                "or 4 channels; give data of the task's kind"
            )

    def labelled(self, group: str) -> Source:
        if group:
            raise ConfigurationError(f"{self._folder}: pictures have no {group!r} to make shards by; use iid:i/n")
        files = list(_files(self._folder))
        y = np.array([self._class_of(file) for file in files], dtype=np.int64)
        return Source(samples_of(self._read(files), _names(y, self._task.classes), str(self._folder), self._task))

    def unlabelled(self) -> Samples:
        return samples_of(self._read(list(_files(self._folder))), None, str(self._folder), self._task)

    def column(self, name: str) -> NDArray[np.str_]:
        raise no_column(name, str(self._folder))

    def _class_of(self, file: Path) -> int:
        first, *rest = file.relative_to(self._folder).parts
        if not rest:
            raise DataError(f"{file} lies outside of the classes' folders; move it into the folder of its class")
        if first not in self._task.classes:
            known = ", ".join(self._task.classes[:20])
            raise DataError(
                f"{self._folder / first} is none of the task's classes ({known}); call each folder as its class"
            )
        return self._task.classes.index(first)

    def _read(self, files: list[Path]) -> Array:
        if not files:
            raise DataError(f"{self._folder} holds no pictures; give a folder per class with pictures in it")
        channels, height, width = self._task.shape
        if len(files) * channels * height * width > DECODED_BYTES_MAX:
            raise DataError(f"{self._folder} holds more than {DECODED_BYTES_MAX} bytes of samples; split it")
        x = np.empty((len(files), channels, height, width), dtype=np.uint8)
        for position, file in enumerate(files):
            x[position] = read_picture(file, self._task.shape).pixels
        return in_scale(x, self._task)


def in_scale(x: NDArray[np.uint8], task: Task) -> Array:
    """Pixels of 0 to 255 in the task's scale; those of the scale 255 stay as they are."""
    return x if task.scale == 255 else x * np.float32(task.scale / 255)


def _names(y: NDArray[np.int64], classes: tuple[str, ...]) -> NDArray[np.str_]:
    return np.array(classes, dtype=np.str_)[y]


def _files(folder: Path) -> Iterator[Path]:
    """Every file below `folder` that is not hidden, in the order of the names."""
    try:
        inside = folder.resolve(strict=True)
        yield from _below(folder, inside)
    except FileNotFoundError:
        raise DataError(f"there is no folder {folder}; check the path behind 'images:'") from None
    except NotADirectoryError:
        raise DataError(f"{folder} is no folder; give one with a folder per class") from None
    except OSError as problem:
        raise DataError(f"{folder} cannot be read ({problem.strerror}: {problem.filename}); check its rights") from None


def _below(folder: Path, inside: Path) -> Iterator[Path]:
    with os.scandir(folder) as found:
        entries = sorted((entry for entry in found if not entry.name.startswith(".")), key=lambda entry: entry.name)
    for entry in entries:
        path = folder / entry.name
        if entry.is_dir(follow_symlinks=False):
            yield from _below(path, inside)
        elif entry.is_symlink() and not _leads_inside(path, inside):
            raise DataError(f"{path} is a link to something else than a file inside of the folder; copy the file")
        elif not entry.is_file():
            raise DataError(f"{path} is neither a file nor a folder; remove it")
        else:
            yield path


def _leads_inside(link: Path, inside: Path) -> bool:
    target = link.resolve()
    return target.is_relative_to(inside) and target.is_file()
