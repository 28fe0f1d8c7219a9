"""Conditions on columns: `age >= 18 and site = north`, as they choose samples to forget.

    CONDITION [and CONDITION …]        CONDITION: COLUMN OP VALUE        OP: = != < <= > >=

Rules
1. A column whose values are all numbers is compared as numbers, any other one as text, and only for = and !=.
2. A value that holds " and " or begins or ends with a space is put in quotes (' or "). Nothing of it is ever code.
3. The column `label` is the class.
"""

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdus_peer.errors import DataError

FORM = "COLUMN OP VALUE with OP one of = != < <= > >=, joined by and"
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_CONDITION = re.compile(
    r"""\s*(?P<column>[^=!<>]+?)\s*(?P<compare><=|>=|!=|=|<|>)\s*
    ('(?P<single>[^']*)'|"(?P<double>[^"]*)"|(?P<plain>[^\s'"=<>!].*?))\s*(?:\sand\s|$)""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison of a column with a value."""

    column: str
    compare: str
    value: str

    def holds(self, values: NDArray[np.str_]) -> NDArray[np.bool_]:
        """For which of the column's `values` it is true. Raises DataError where the types do not fit."""
        compare = _COMPARE[self.compare]
        numbers = _numbers(values)
        if numbers is not None:
            wanted = _numbers([self.value])
            if wanted is None:
                raise DataError(f"{self.column} holds numbers, and {self.value!r} is none; compare it with a number")
            return np.asarray(compare(numbers, wanted[0]), dtype=bool)
        if self.compare not in ("=", "!="):
            raise DataError(f"{self.column} holds text, which has no order; compare it with = or !=")
        return np.asarray(compare(values, self.value), dtype=bool)


def parse_where(text: str) -> list[Condition]:
    """The conditions of `text`; raises DataError."""
    found, position = [], 0
    while position < len(text):
        match = _CONDITION.match(text, position)
        if match is None:
            raise DataError(f"{text!r} cannot be understood as conditions; write {FORM}")
        value = next(match[name] for name in ("single", "double", "plain") if match[name] is not None)
        found.append(Condition(match["column"], match["compare"], value))
        position = match.end()
    if not found or re.search(r"\sand\s*$", text):
        raise DataError(f"{text!r} cannot be understood as conditions; write {FORM}")
    return found


def _numbers(values: Sequence[str] | NDArray[np.str_]) -> NDArray[np.float64] | None:
    """The values as finite numbers; None if one of them is none."""
    try:
        numbers = np.array([float(value) for value in values], dtype=np.float64)
    except ValueError:
        return None
    return numbers if np.isfinite(numbers).all() else None
