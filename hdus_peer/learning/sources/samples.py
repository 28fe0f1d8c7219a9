"""Raw samples with their labels: what every kind of source makes of its data.

Rule: samples stay as stored (no standardisation here) but for their axes, which become those of the task: channels
first. Whatever cannot be learned from is a DataError that names where it is, and the first bad sample.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdus_peer.domain.task import Task
from hdus_peer.errors import DataError
from hdus_peer.learning.shards import Digests, digests_of

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Samples:
    """Raw samples (n, *task shape), their digests, and their class indices (n,); -1 where there are none. `groups`:
    texts (n,) that say which samples belong together, where a shard asked for them."""

    x: Array
    y: NDArray[np.int64]
    digests: Digests
    groups: NDArray[np.str_] | None = None

    def __len__(self) -> int:
        return len(self.x)

    def where(self, chosen: NDArray[np.bool_]) -> "Samples":
        return self.at(np.flatnonzero(chosen))

    def at(self, positions: NDArray[np.intp]) -> "Samples":
        groups = None if self.groups is None else self.groups[positions]
        return Samples(self.x[positions], self.y[positions], [self.digests[place] for place in positions], groups)


@dataclass(frozen=True, slots=True)
class Source:
    """What a source offers: samples to learn from, and a test set where it has one of its own."""

    samples: Samples
    test: Samples | None = None


def samples_of(x: Array, y: Array | None, where: str, task: Task, groups: Array | None = None) -> Samples:
    """`x` and `y` as anybody may store them, checked. `where` names them in errors. Raises DataError."""
    shaped = _in_task_shape(x, where, task.shape)
    if shaped.dtype.kind == "f" and not np.isfinite(shaped).all():
        first = int(np.flatnonzero(~np.isfinite(shaped).reshape(len(shaped), -1).all(axis=1))[0])
        raise DataError(f"{where}: sample {first} holds a NaN or infinite value; mend or leave out such samples")
    labels = np.full(len(x), -1, dtype=np.int64) if y is None else _class_indices(y, len(x), where, task.classes)
    named = None if groups is None else group_texts(groups, len(x), where)
    return Samples(shaped, labels, digests_of(shaped), named)


def no_column(name: str, where: str) -> DataError:
    """Of a source that has samples and classes, and nothing else to say of them."""
    return DataError(f"{where} has no column {name!r}; its columns are: label")


def _in_task_shape(x: Array, where: str, shape: tuple[int, ...]) -> Array:
    """`x` with the axes of the task: given so, or as H×W, H×W×C or flat rows; a window of one channel as its steps."""
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
    known = np.array([names.get(text_of(value), -1) for value in values], dtype=np.int64)
    indices: NDArray[np.int64] = known[positions]
    if samples and indices.min() < 0:
        first = int(np.flatnonzero(indices < 0)[0])
        raise DataError(
            f"{where}: sample {first} has the label {text_of(y.reshape(-1)[first])!r}, which is none of the task's "
            f"classes ({', '.join(classes[:20])}); label every sample with one of them"
        )
    return indices


def group_texts(groups: Array, samples: int, where: str) -> NDArray[np.str_]:
    """What an array says of each of `samples`, as texts. Raises DataError."""
    if groups.shape not in ((samples,), (samples, 1)) or groups.dtype.kind not in "buifUS":
        raise DataError(
            f"{where}: {samples} samples, but groups of the shape {groups.shape} and type {groups.dtype}; give one "
            "number or text per sample"
        )
    values, positions = np.unique(groups.reshape(-1), return_inverse=True)
    return np.array([text_of(value) for value in values], dtype=np.str_)[positions]


def text_of(value: Any) -> str:
    """A label or group as text: a whole number without its decimals."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(int(value)) if isinstance(value, np.bool_) else str(value)
