"""How a row of `protocol.records` lies in a table: one column a field, read off the dataclass's annotations.

int and str are themselves, bool is 0 or 1, a tuple of strings is a JSON array, and `Signed[...]` is the blob of its
envelope: the bytes that were signed are the bytes that are kept. What a row means is not known here. Decoding is
strict: a cell that is not what its field says raises MalformedError (the ledger turns it into StateError).
"""

import dataclasses
import json
import re
import struct
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hdus_peer.domain.envelope import PUBLIC_KEY_BYTES, Signed, SignedEnvelope, Statement, reopen_trusted
from hdus_peer.errors import MalformedError
from hdus_peer.protocol.records import TABLES, Row

Cell = str | int | bytes | None
_LENGTHS = struct.Struct(">HI")


@dataclass(frozen=True, slots=True)
class Column:
    """One field: how it becomes a cell, and how a cell becomes it again."""

    name: str
    to_cell: Callable[[Any], Cell]
    from_cell: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Table:
    """One class of rows with its columns, in the order of the fields, and the statements that work on it."""

    row: type[Row]
    name: str
    columns: tuple[Column, ...]
    put: str
    delete: str
    select: str

    def cells(self, row: Row) -> tuple[Cell, ...]:
        return tuple(column.to_cell(getattr(row, column.name)) for column in self.columns)

    def open(self, cells: tuple[Any, ...]) -> Row:
        return self.row(*(column.from_cell(cell) for column, cell in zip(self.columns, cells, strict=True)))


def pack(envelope: SignedEnvelope) -> bytes:
    """Lengths of type and payload, then type, payload, public key, signature."""
    kind = envelope.payload_type.encode("ascii")
    head = _LENGTHS.pack(len(kind), len(envelope.payload))
    return head + kind + envelope.payload + envelope.public_key + envelope.signature


def unpack(blob: bytes) -> SignedEnvelope:
    """The inverse of `pack`; raises MalformedError."""
    if not isinstance(blob, bytes) or len(blob) < _LENGTHS.size:
        raise MalformedError("a signed statement that is no blob")
    kind_length, payload_length = _LENGTHS.unpack_from(blob)
    kind_end = _LENGTHS.size + kind_length
    payload_end = kind_end + payload_length
    key_end = payload_end + PUBLIC_KEY_BYTES
    kind = blob[_LENGTHS.size : kind_end].decode("ascii", "replace")
    return SignedEnvelope(kind, blob[kind_end:payload_end], blob[payload_end:key_end], blob[key_end:])


def _column(name: str, hint: Any) -> Column:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return _optional(_column(name, next(part for part in typing.get_args(hint) if part is not types.NoneType)))
    if typing.get_origin(hint) is Signed:
        return _signed(name, typing.get_args(hint)[0])
    if typing.get_origin(hint) is tuple:
        return Column(name, json.dumps, _strings)
    kind = getattr(hint, "__supertype__", hint)
    if kind is bool:
        return Column(name, int, _boolean)
    if kind not in (int, str):
        raise TypeError(f"no column for the field {name} of type {hint}")
    return Column(name, lambda value: value if kind is int else str(value), lambda cell: _plain(cell, kind))


def _optional(column: Column) -> Column:
    return Column(
        column.name,
        lambda value: None if value is None else column.to_cell(value),
        lambda cell: None if cell is None else column.from_cell(cell),
    )


def _signed(name: str, kind: type[Statement]) -> Column:
    def to_cell(signed: Signed[Statement]) -> bytes:
        return pack(signed.envelope)

    return Column(name, to_cell, lambda blob: reopen_trusted(unpack(blob), kind))


def _plain(cell: Any, kind: type) -> Any:
    if type(cell) is not kind:
        raise MalformedError(f"a cell holds {type(cell).__name__} where {kind.__name__} belongs")
    return cell


def _boolean(cell: Any) -> bool:
    return bool(_plain(cell, int))


def _strings(cell: Any) -> tuple[str, ...]:
    try:
        return tuple(_plain(item, str) for item in json.loads(_plain(cell, str)))
    except (ValueError, TypeError) as problem:
        raise MalformedError("a cell holds no list of strings") from problem


def _table(row: type[Row]) -> Table:
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", row.__name__.removesuffix("Row")).lower()
    hints = typing.get_type_hints(row)
    columns = tuple(_column(field.name, hints[field.name]) for field in dataclasses.fields(row))
    names = ", ".join(f'"{column.name}"' for column in columns)
    marks = ", ".join("?" for _ in columns)
    where = " AND ".join(f'"{key}" = ?' for key in row.KEY)
    keys = ", ".join(f'"{key}"' for key in row.KEY)
    changes = ", ".join(f'"{column.name}" = excluded."{column.name}"' for column in columns)
    return Table(
        row,
        name,
        columns,
        put=f'INSERT INTO "{name}" ({names}) VALUES ({marks}) ON CONFLICT ({keys}) DO UPDATE SET {changes}',
        delete=f'DELETE FROM "{name}" WHERE {where}',
        select=f'SELECT {names} FROM "{name}" ORDER BY {keys}',
    )


ROW_TABLES: dict[type[Row], Table] = {row: _table(row) for row in TABLES}
