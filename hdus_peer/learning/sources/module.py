"""`module:PACKAGE.MODULE:FUNCTION`: the operator's own loader, a function of the task.

    def load(task):               # .classes, .shape, .features, … of hdus_peer.domain.task.Task
        return x, y               # or x, y, x_test, y_test: as arrays in an .npz would be

Rules
1. It runs in the trainer child alone, with the operator's rights, on his device: it is his code, not data.
2. It returns raw values; they are standardised by the task, like all others.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdus_peer.domain.task import Task
from hdus_peer.errors import ConfigurationError, DataError
from hdus_peer.learning.operators_code import call
from hdus_peer.learning.sources.naming import parse
from hdus_peer.learning.sources.samples import Array, Samples, Source, no_column, samples_of

FORM = "module:PACKAGE.MODULE:FUNCTION"
_PARTS = ("x", "y", "x_test", "y_test")


class Loader:
    """A function of the operator's that returns arrays."""

    def __init__(self, text: str, task: Task) -> None:
        self._name, self._task = parse(text, FORM).where, task
        module, _, function = self._name.partition(":")
        if not function.isidentifier() or not all(part.isidentifier() for part in module.split(".")):
            raise ConfigurationError(f"data source {text!r}: write {FORM}")

    def labelled(self, group: str) -> Source:
        if group:
            raise ConfigurationError(
                f"{self._name}: what a function returns has no {group!r} to make shards by; let it return this peer's "
                "part, or use iid:i/n"
            )
        arrays = self._arrays((2, 4))
        test = self._samples(arrays[2], arrays[3], "_test") if len(arrays) == 4 else None
        return Source(self._samples(arrays[0], arrays[1], ""), test)

    def unlabelled(self) -> Samples:
        return samples_of(self._arrays((1, 2, 4))[0], None, f"{self._name}: x", self._task)

    def column(self, name: str) -> NDArray[np.str_]:
        raise no_column(name, self._name)

    def _samples(self, x: Array, y: Array, suffix: str) -> Samples:
        return samples_of(x, y, f"{self._name}: x{suffix}", self._task)

    def _arrays(self, counts: tuple[int, ...]) -> list[Array]:
        returned: Any = call(self._name, "the loader", self._task)
        if 1 in counts and not isinstance(returned, tuple | list):
            returned = (returned,)
        if not isinstance(returned, tuple | list) or len(returned) not in counts:
            found = f"{len(returned)} values" if isinstance(returned, tuple | list) else f"a {type(returned).__name__}"
            raise DataError(f"the loader {self._name!r} returned {found}; return x, y or x, y, x_test, y_test")
        return [self._array(value, part) for value, part in zip(returned, _PARTS, strict=False)]

    def _array(self, value: object, part: str) -> Array:
        try:
            array = np.asarray(value)
        except (ValueError, TypeError, RuntimeError) as problem:
            raise DataError(f"the loader {self._name!r} returned {part} that is no array ({problem})") from problem
        if array.dtype == object or not array.ndim:
            raise DataError(
                f"the loader {self._name!r} returned {part} as {type(value).__name__} of {array.dtype}; return an "
                "array of numbers (labels may be text)"
            )
        return array
