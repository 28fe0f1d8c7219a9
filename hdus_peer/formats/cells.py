"""A column of text as numbers.

Rule: a cell is what its column says, or a BadCellError with its position: a missing value, a word among numbers, a
category that the task does not know. Python's own leniencies (nan, 1_000, digits of other scripts) are not taken over.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

BOOLEANS = {"true": 1, "True": 1, "TRUE": 1, "1": 1, "false": 0, "False": 0, "FALSE": 0, "0": 0}
SHOWN_VALUES_MAX = 12
SHOWN_LENGTH_MAX = 40
_MISSING = "the value is missing; fill it in, or leave the row out"


class BadCellError(Exception):
    """The cell at `position` is not what its column says; `said` is the part of the sentence that tells why."""

    def __init__(self, position: int, said: str) -> None:
        super().__init__(said)
        self.position = position
        self.said = said


def numbers(cells: Sequence[str]) -> NDArray[np.float32]:
    """Decimal numbers. Raises BadCellError."""
    try:
        values = np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        raise _first_bad_number(cells) from None
    joined = "".join(cells)
    if "_" in joined or not joined.isascii():
        raise _first_bad_number(cells)
    return within_range(values)


def within_range(values: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """`values` as float32. Raises BadCellError for what is not finite there."""
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    if not np.isfinite(narrow).all():
        position = int(np.flatnonzero(~np.isfinite(narrow))[0])
        raise BadCellError(
            position, f"{values[position]!s} is no finite number of 32 bits; correct it, or leave it out"
        )
    return narrow


def positions(cells: Sequence[str], known: Mapping[str, int], what: str) -> NDArray[np.int64]:
    """What each cell means in `known`; `what` names such a value, for example "a category". Raises BadCellError."""
    try:
        return np.fromiter(map(known.__getitem__, cells), np.int64, len(cells))
    except KeyError:
        position = next(place for place, cell in enumerate(cells) if cell not in known)
        cell = cells[position]
        said = _MISSING if not cell.strip() else f"{_shown(cell)} is no {what}; there are: {_listed(known)}"
        raise BadCellError(position, said) from None


def texts(cells: Sequence[str]) -> NDArray[np.str_]:
    """The cells as they are; none may be empty. Raises BadCellError."""
    found = np.array(cells, dtype=np.str_)
    if "" in cells:
        raise BadCellError(cells.index(""), _MISSING)
    return found


def _first_bad_number(cells: Sequence[str]) -> BadCellError:
    position = next(place for place, cell in enumerate(cells) if not _is_number(cell))
    cell = cells[position]
    return BadCellError(position, _MISSING if not cell.strip() else f"{_shown(cell)} is no number; correct it")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell and cell.isascii()


def _shown(cell: str) -> str:
    return repr(cell if len(cell) <= SHOWN_LENGTH_MAX else cell[:SHOWN_LENGTH_MAX] + "…")


def _listed(known: Mapping[str, int]) -> str:
    names = list(known)
    return ", ".join(names[:SHOWN_VALUES_MAX]) + (", …" if len(names) > SHOWN_VALUES_MAX else "")
