"""Where samples come from. A source is written KIND:WHERE, one module for each kind:

    digits                          scikit-learn's
    npz:FILE[#x=NAME,y=NAME]        arrays of numpy
    images:DIR                      pictures, a folder per class
    csv:FILE[#label=COLUMN]         rows of the task's features
    parquet:FILE[#label=COLUMN]     the same, as columns
    module:PACKAGE.MODULE:FUNCTION  a function of the operator's own

Rules
1. Whatever cannot be learned from is a DataError that names the file and the first bad sample in it, and says what to
   do; nothing is dropped, guessed or filled in. Files cannot run code.
2. Samples stay as stored, but for their axes; classes, features and standardisation are the task's.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hdus_peer.domain.task import Task
from hdus_peer.errors import ConfigurationError
from hdus_peer.learning.sources import digits, images, module, npz, tables
from hdus_peer.learning.sources.samples import Samples, Source

__all__ = ["Samples", "Source", "column", "load", "load_test", "load_unlabelled"]


class DataSource(Protocol):
    """What every kind can do. Made from the source's text and the task; reads nothing before it is asked."""

    def labelled(self, group: str) -> Source:
        """Samples with classes, and with the texts of the column or array `group` ("": none). Raises DataError or
        ConfigurationError."""

    def unlabelled(self) -> Samples:
        """Samples to distil on; labels are neither needed nor read. Raises DataError or ConfigurationError."""

    def column(self, name: str) -> NDArray[np.str_]:
        """What a column or array says of each labelled sample (not of the source's own test set), in their order.
        Raises DataError, also where there is none of this name."""


KINDS: dict[str, tuple[Callable[[str, Task], DataSource], str]] = {
    "digits": (digits.Digits, digits.FORM),
    "npz": (npz.NpzFile, npz.FORM),
    "images": (images.ImageFolder, images.FORM),
    "csv": (tables.csv_table, tables.CSV_FORM),
    "parquet": (tables.parquet_table, tables.PARQUET_FORM),
    "module": (module.Loader, module.FORM),
}


def load(source: str, task: Task, group: str = "") -> Source:
    """Labelled samples of `source` in the task's shape and classes. Raises DataError or ConfigurationError."""
    return _source(source, task).labelled(group)


def load_test(source: str, task: Task) -> Samples:
    """Labelled samples of a source that is only tested on: its own test set where it has one."""
    loaded = load(source, task)
    return loaded.samples if loaded.test is None else loaded.test


def load_unlabelled(source: str, task: Task) -> Samples:
    """Samples of a source that is only distilled on."""
    return _source(source, task).unlabelled()


def column(source: str, task: Task, name: str) -> NDArray[np.str_]:
    """The texts (n,) of a column or array of `source`. Raises DataError or ConfigurationError."""
    return _source(source, task).column(name)


def _source(text: str, task: Task) -> DataSource:
    kind = text.partition(":")[0]
    if kind not in KINDS:
        forms = "; ".join(form for _, form in KINDS.values())
        raise ConfigurationError(f"data source {text!r} is of no kind that there is; write one of: {forms}")
    make, _ = KINDS[kind]
    return make(text, task)
