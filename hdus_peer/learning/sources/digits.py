"""`digits`: scikit-learn's handwritten digits, the data that are always there."""

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hdus_peer.domain.task import Task
from hdus_peer.errors import ConfigurationError, DataError
from hdus_peer.learning.sources.samples import Array, Samples, Source, no_column, samples_of

NAME = "digits"
FORM = "digits"


class Digits:
    """The built-in source; it has no groups."""

    def __init__(self, text: str, task: Task) -> None:
        self._task = task
        if text != NAME:
            raise ConfigurationError(f"data source {text!r}: write {FORM}")

    def labelled(self, group: str) -> Source:
        if group:
            raise ConfigurationError(f"the built-in data 'digits' have no {group!r} to make shards by; use iid:i/n")
        return Source(samples_of(*_digits(), NAME, self._task))

    def unlabelled(self) -> Samples:
        return samples_of(_digits()[0], None, NAME, self._task)

    def column(self, name: str) -> NDArray[np.str_]:
        raise no_column(name, NAME)


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
