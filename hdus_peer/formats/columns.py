"""Which columns of a table a task's samples and labels are made of, and how their cells become numbers.

Rule: the task names them. A file may have more (they are not read), and may have them in any order.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdus_peer.domain.task import Feature, FeatureType, Task
from hdus_peer.errors import ConfigurationError
from hdus_peer.formats.cells import BOOLEANS, numbers, positions, texts

DECODED_BYTES_MAX = 8 << 30
"""What the columns of one table may come to in memory: a small file can hold much."""

Encode = Callable[[Sequence[str]], NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is read. `encode` makes an array with one row per cell, or raises BadCellError; `is_number`: cells
    that are stored as numbers need not become text for it."""

    name: str
    encode: Encode
    is_number: bool = False


def feature_columns(task: Task, source: str) -> list[Column]:
    """Those that make up a sample, in order. Raises ConfigurationError where the task has none."""
    if not task.features:
        raise ConfigurationError(
            f"{source}: the task {task.name} names no features, so that it takes no tables; make the network with a "
            "task that lists its columns as [[features]] (see `hdus-peer network task adult`), or give npz: rows"
        )
    return [_feature_column(feature) for feature in task.features]


def label_column(name: str, task: Task) -> Column:
    """Class indices. A label is a class's name; or its position, where no class has a number for its name."""
    if any(feature.name == name for feature in task.features):
        raise ConfigurationError(
            f"the label column {name!r} is also a feature of the task {task.name}: a model would be told the answer; "
            "name another column with #label=COLUMN"
        )
    return Column(name, partial(positions, known=class_positions(task.classes), what="class of the task"))


def group_column(name: str) -> Column:
    """Texts that say which rows belong together."""
    return Column(name, texts)


def class_positions(classes: tuple[str, ...]) -> dict[str, int]:
    """From what a label may say to the position of its class."""
    known = {name: index for index, name in enumerate(classes)}
    if not any(name.isdecimal() for name in classes):
        known |= {str(index): index for index in range(len(classes))}
    return known


def _feature_column(feature: Feature) -> Column:
    if feature.type is FeatureType.NUMBER:
        return Column(feature.name, numbers, is_number=True)
    if feature.type is FeatureType.BOOLEAN:
        return Column(feature.name, _flags)
    known = {value: index for index, value in enumerate(feature.values)}
    return Column(feature.name, partial(_category, known=known, width=feature.width))


def _flags(cells: Sequence[str]) -> NDArray[np.float32]:
    return positions(cells, BOOLEANS, "boolean").astype(np.float32)


def _category(cells: Sequence[str], known: dict[str, int], width: int) -> NDArray[np.float32]:
    found = positions(cells, known, "category of the task")
    return found.astype(np.float32) if width == 1 else np.eye(width, dtype=np.float32)[found]
