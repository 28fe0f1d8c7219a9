"""The columns of a CSV file: a heading, commas, UTF-8 (with or without a byte order mark), quotes as in RFC 4180.

Rules
1. The file is read once, in blocks; where something is wrong it is read again up to that place, to name the line.
2. A row has as many cells as the heading; blank lines are no rows. A number's own spaces do not count, nor do those
   behind a comma.

Python's csv module and float, because the cells must be judged one by one: a million rows of 20 numbers take about 4 s,
four times what numpy's reader needs, which knows neither lines nor categories.
"""

import csv
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdus_peer.errors import DataError
from hdus_peer.formats.cells import BadCellError
from hdus_peer.formats.columns import DECODED_BYTES_MAX, Column

CSV_BYTES_MAX = 4 << 30
_BLOCK_ROWS = 1024  # larger blocks take up to twice as long: they leave the caches, and wake the garbage collector
_SHOWN_COLUMNS_MAX = 30

Array = NDArray[Any]
Row = list[str]


def read_csv(path: Path, columns: Sequence[Column], rows_max: int | None = None) -> list[Array]:
    """One array for each of `columns`, a row per row of the file (of the first `rows_max`). Raises DataError."""
    with _table(path) as table:
        places = places_of([column.name for column in columns], table.heading, path)
        parts: list[list[Array]] = [[column.encode(())] for column in columns]
        done, size = 0, 0
        rows = islice(table.rows(), rows_max)
        while block := list(islice(rows, _BLOCK_ROWS)):
            _check_lengths(block, table, done)
            cells = list(zip(*block, strict=True))
            for column, place, part in zip(columns, places, parts, strict=True):
                part.append(_encoded(column, cells[place], table, done))
                size += part[-1].nbytes
            done += len(block)
            check_decoded_size(size, path)
    return [np.concatenate(part) for part in parts]


def heading_of(path: Path) -> Row:
    """The cells of the first line. Raises DataError."""
    with _table(path) as table:
        return table.heading


@dataclass(frozen=True, slots=True)
class _Table:
    """A file that is being read."""

    path: Path
    reader: Any
    heading: Row

    def rows(self) -> Iterator[Row]:
        """Those below the heading; a blank line is one only where the table has a single column."""
        return (row or [""] for row in self.reader if row or len(self.heading) == 1)


def places_of(names: Sequence[str], heading: Sequence[str], path: Path) -> list[int]:
    """Where the columns `names` stand among those of a table. Raises DataError for a missing or doubled one."""
    if not heading:
        raise DataError(f"{path} is empty; give a file with a heading that names its columns")
    for name in names:
        if (count := heading.count(name)) != 1:
            shown = ", ".join(heading[:_SHOWN_COLUMNS_MAX]) + (", …" if len(heading) > _SHOWN_COLUMNS_MAX else "")
            what = f"has {count} columns called {name!r}" if count else f"has no column {name!r}"
            raise DataError(f"{path} {what}; its columns are: {shown}{_other_separator(heading)}")
    return [heading.index(name) for name in names]


def check_decoded_size(size: int, path: Path) -> None:
    """Raises DataError for more than a device should be asked to hold."""
    if size > DECODED_BYTES_MAX:
        raise DataError(f"{path} holds more than {DECODED_BYTES_MAX} bytes of samples; split it")


def _other_separator(heading: Sequence[str]) -> str:
    found = next((mark for mark in (";", "\t", "|") if len(heading) == 1 and mark in heading[0]), None)
    return f"; its cells are parted by {found!r}: save it with commas" if found else ""


def _check_lengths(rows: list[Row], table: _Table, done: int) -> None:
    width = len(table.heading)
    if set(map(len, rows)) != {width}:
        position = next(place for place, row in enumerate(rows) if len(row) != width)
        raise DataError(
            f"{table.path}, line {_line(table.path, done + position)}: the row has {len(rows[position])} cells, the "
            f"heading {width}; mend that line (a comma inside a cell needs quotes around it)"
        )


def _encoded(column: Column, cells: Sequence[str], table: _Table, done: int) -> Array:
    try:
        return column.encode(cells)
    except BadCellError as problem:
        line = _line(table.path, done + problem.position)
        raise DataError(f"{table.path}, line {line}, column {column.name!r}: {problem.said}") from None


def _line(path: Path, row: int) -> int:
    """The line on which the row `row` (from 0, without the heading) ends."""
    with _table(path) as table:
        for _ in islice(table.rows(), row + 1):
            pass
        return int(table.reader.line_num)


@contextmanager
def _table(path: Path) -> Iterator[_Table]:
    """The file at its first row; what Python says of it, translated."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            if (size := os.fstat(lines.fileno()).st_size) > CSV_BYTES_MAX:
                raise DataError(f"{path} has {size} bytes, more than {CSV_BYTES_MAX}; split it")
            reader = csv.reader(lines, strict=True, skipinitialspace=True)
            try:
                yield _Table(path, reader, next(reader, []))
            except csv.Error as problem:
                raise DataError(f"{path}, line {reader.line_num}: {problem}; mend the quotes there") from problem
    except FileNotFoundError:
        raise DataError(f"there is no file {path}; check the path") from None
    except OSError as problem:
        raise DataError(f"{path} cannot be read ({problem.strerror}); check the path and its rights") from problem
    except UnicodeDecodeError:
        raise DataError(f"{path}, line {_undecodable_line(path)}: this is no UTF-8; save the file as UTF-8") from None


def _undecodable_line(path: Path) -> int:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    return 1
