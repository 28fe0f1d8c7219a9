"""`csv:FILE[#label=COLUMN]` and `parquet:FILE[#label=COLUMN]`: rows with the columns that the task names.

Rule: samples are the task's features in the task's order, whatever the file's order is; the label's column is called
"label" unless the source names another. Columns that nobody asked for are not read.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hdus_peer.domain.task import Task
from hdus_peer.formats.columns import Column, feature_columns, group_column, label_column
from hdus_peer.formats.csv_table import read_csv
from hdus_peer.learning.shards import digests_of
from hdus_peer.learning.sources.naming import parse
from hdus_peer.learning.sources.parquet import read_parquet
from hdus_peer.learning.sources.samples import Array, Samples, Source, text_of

CSV_FORM = "csv:FILE or csv:FILE#label=COLUMN"
PARQUET_FORM = "parquet:FILE or parquet:FILE#label=COLUMN"
LABEL = "label"

Read = Callable[[Path, Sequence[Column]], list[Array]]


class Table:
    """A file of rows; `read` gives its columns as arrays."""

    def __init__(self, text: str, form: str, task: Task, read: Read) -> None:
        name = parse(text, form, ("label",))
        self._path, self._read = name.path, read
        self._label = label_column(name.options.get("label", LABEL), task)
        self._features = feature_columns(task, text)

    def labelled(self, group: str) -> Source:
        others = [self._label, group_column(group)] if group else [self._label]
        arrays = self._read(self._path, [*self._features, *others])
        x, (y, *groups) = arrays[: len(self._features)], arrays[len(self._features) :]
        return Source(_samples(x, y, groups[0] if groups else None))

    def unlabelled(self) -> Samples:
        x = self._read(self._path, self._features)
        return _samples(x, np.full(len(x[0]), -1, dtype=np.int64), None)

    def column(self, name: str) -> NDArray[np.str_]:
        feature = next((each for each in self._features if each.name == name and each.is_number), None)
        (values,) = self._read(self._path, [feature or group_column(name)])
        return np.array([text_of(value) for value in values], dtype=np.str_)


def _samples(features: list[Array], y: Array, groups: Array | None) -> Samples:
    """What the columns hold was checked cell by cell; an empty table is refused later, as an empty shard is."""
    x = np.column_stack(features)
    return Samples(x, y, digests_of(x), groups)


def csv_table(text: str, task: Task) -> Table:
    return Table(text, CSV_FORM, task, read_csv)


def parquet_table(text: str, task: Task) -> Table:
    return Table(text, PARQUET_FORM, task, read_parquet)
