"""Results as rows of Parquet: one measured number each, with everything that it depends on.

Rule: a file is written whole or not at all, and once; which cells are done is asked of the files alone.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hdus_peer.durable import write_durably
from hdus_peer.errors import DataError

EVERYBODY = -1
_TYPES = {str: pa.string(), int: pa.int64(), float: pa.float64()}


@dataclass(frozen=True, slots=True)
class Row:
    """`moment`: "all", or what had happened, such as "3 left"; `present`: the peers then. `peer`: EVERYBODY for what
    is no single peer's. `metric` with its unit: "local accuracy" and "global accuracy" (0 to 1); "fit s", "unlearn s",
    "join s" and the same with "bytes", for what led to this moment (see `systems.port.Cost`); "cell s",
    "cell CPU s". `rho`: as
    wanted; `rho_used` by this peer."""

    plan: str
    plan_sha256: str
    scale: float
    task: str
    partition: str
    peers: int
    random_seed: int
    system: str
    main: str
    architecture: str
    seed_model: str
    temperature: float
    rule: str
    rho: str
    rho_used: float
    objective: str
    moment: str
    present: str
    peer: int
    metric: str
    value: float
    samples: int
    device: str
    threads: int
    hdus_peer: str
    torch: str
    python: str


_SCHEMA = pa.schema([(field.name, _TYPES[field.type]) for field in dataclasses.fields(Row)])  # type: ignore[index]


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Raises StorageError."""
    table = pa.Table.from_pylist([dataclasses.asdict(row) for row in rows], _SCHEMA)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    write_durably(path, sink.getvalue().to_pybytes(), mode=0o644)


def read_rows(folder: Path) -> Iterator[Row]:
    """All rows of a folder. Raises DataError."""
    for path in sorted(folder.glob("*.parquet")):
        try:
            table = pq.read_table(path, schema=_SCHEMA)
        except (OSError, pa.ArrowInvalid) as problem:
            raise DataError(f"{path} cannot be read ({problem}); remove it, and run the study again") from problem
        for values in table.to_pylist():
            yield Row(**values)
