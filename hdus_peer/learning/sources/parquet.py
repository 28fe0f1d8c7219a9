"""The columns of a Parquet file, by pyarrow, which is an extra: `pip install 'hdus-peer[parquet]'`.

Rule: a column's stored type must be the one that the task says: numbers as integers or floating-point numbers, the
others as booleans or text (or whole numbers, which are read as they would be written). Nothing is cast in silence.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hdus_peer.errors import ConfigurationError, DataError
from hdus_peer.formats.cells import BadCellError, within_range
from hdus_peer.formats.columns import Column
from hdus_peer.formats.csv_table import check_decoded_size, places_of
from hdus_peer.learning.sources.samples import Array

_MISSING = "the value is missing; fill it in, or leave the row out"


def read_parquet(path: Path, columns: Sequence[Column]) -> list[Array]:
    """One array for each of `columns`, a row per row of the file. Raises DataError, or ConfigurationError."""
    arrow, parquet = _pyarrow(path)
    try:
        with parquet.ParquetFile(path) as file:
            places_of([column.name for column in columns], file.schema_arrow.names, path)
            size = file.metadata.num_rows * len(columns) * 4
            check_decoded_size(max(size, _uncompressed(file.metadata)), path)
            table = file.read(columns=list(dict.fromkeys(column.name for column in columns)))
    except FileNotFoundError:
        raise DataError(f"there is no file {path}; check the path") from None
    except (arrow.ArrowException, OSError, ValueError) as problem:
        said = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise DataError(f"{path} cannot be read as Parquet ({said}); write it again") from problem
    return [_encoded(column, table.column(column.name), arrow, path) for column in columns]


def _pyarrow(path: Path) -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ConfigurationError(
            f"{path}: Parquet files are read by pyarrow, which is missing; type: pip install 'hdus-peer[parquet]'"
        ) from None
    return pyarrow, pyarrow.parquet


def _uncompressed(metadata: Any) -> int:
    return sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))


def _encoded(column: Column, cells: Any, arrow: Any, path: Path) -> Array:
    try:
        if cells.null_count:
            raise BadCellError(int(np.flatnonzero(cells.is_null().to_numpy())[0]), _MISSING)
        return _numbers(column, cells, arrow, path) if column.is_number else _texts(column, cells, arrow, path)
    except BadCellError as problem:
        raise DataError(f"{path}, row {problem.position + 1}, column {column.name!r}: {problem.said}") from None


def _numbers(column: Column, cells: Any, arrow: Any, path: Path) -> Array:
    kinds = arrow.types
    if not (kinds.is_integer(cells.type) or kinds.is_floating(cells.type)):
        raise _wrong_type(column, cells, path, "numbers")
    return within_range(cells.to_numpy().astype(np.float64))


def _texts(column: Column, cells: Any, arrow: Any, path: Path) -> Array:
    """Each different value is looked at once."""
    kinds = arrow.types
    if kinds.is_dictionary(cells.type):
        cells = cells.cast(cells.type.value_type)
    if not any(
        test(cells.type) for test in (kinds.is_string, kinds.is_large_string, kinds.is_integer, kinds.is_boolean)
    ):
        raise _wrong_type(column, cells, path, "text, whole numbers or booleans")
    encoded = cells.combine_chunks().dictionary_encode()
    values = [_text(value) for value in encoded.dictionary.to_pylist()]
    indices = encoded.indices.to_numpy()
    try:
        found: Array = column.encode(values)[indices]
    except BadCellError as problem:
        raise BadCellError(int(np.flatnonzero(indices == problem.position)[0]), problem.said) from None
    return found


def _text(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _wrong_type(column: Column, cells: Any, path: Path, needed: str) -> DataError:
    return DataError(f"{path}, column {column.name!r}: it holds values of the type {cells.type}; store {needed}")
