"""What a disk says, read from outside: rows, what follows from them, and a violation.

Rule: nothing here asks a core.
"""

from collections.abc import Sequence
from typing import Any, TypeVar, cast

from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.unlearning import UnlearnKind
from hdus_peer.errors import LocalError
from hdus_peer.protocol.records import EquivocationRow, Row, SelfRow, TombstoneRow, key_of
from hdus_peer.protocol.step import Put, Write
from hdus_peer.simulation.device import Device

R = TypeVar("R", bound=Row)
Tables = dict[Any, dict[Any, Row]]


class Violation(LocalError):
    """An invariant of the protocol does not hold: a bug of ours. Run the same seed again to see it again."""

    def __init__(self, invariant: str, what: str) -> None:
        super().__init__(f"{invariant}: {what}")
        self.invariant = invariant


def on_disk(device: Device, table: type[R]) -> list[R]:
    """The durable rows of `table`."""
    rows: Tables = device.disk.rows
    return cast(list[R], list(rows[table].values()))


def through_on_disk(device: Device, owner: PeerId) -> int:
    """The generation through which everything of `owner` is unlearned here; 0: nothing is."""
    row, proof = device.disk.rows[TombstoneRow].get((owner,)), device.disk.rows[EquivocationRow].get((owner,))
    through = row.through if isinstance(row, TombstoneRow) else 0
    return max(through, proof.generation if isinstance(proof, EquivocationRow) else 0)


def is_revoked(device: Device, peer: PeerId) -> bool:
    """Whether this device knows that the authority put `peer` out."""
    row = device.disk.rows[TombstoneRow].get((peer,))
    return isinstance(row, TombstoneRow) and row.kind == UnlearnKind.REVOKE


def applied(tables: Tables, writes: Sequence[Write]) -> Tables:
    """`tables` after these writes."""
    result = {table: dict(rows) for table, rows in tables.items()}
    for write in writes:
        if isinstance(write, Put):
            result[type(write.row)][key_of(write.row)] = write.row
        else:
            result[write.table].pop(write.key, None)
    return result


def row_of(device: Device) -> SelfRow:
    """Its own counters."""
    row = device.disk.rows[SelfRow].get((device.peer,))
    return row if isinstance(row, SelfRow) else SelfRow(device.peer)
