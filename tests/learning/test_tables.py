"""Tables as data: CSV and Parquet give the same samples, and the task alone says what they are."""

import builtins
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from hdus_peer.errors import ConfigurationError, DataError
from hdus_peer.learning.data import assemble
from hdus_peer.learning.sources import load, load_test, load_unlabelled
from tests.formats.conftest import LOANS
from tests.learning.conftest import MakeJob

COLUMNS: dict[str, list[Any]] = {
    "site": [1, 2, 1],
    "grade": ["high", "low", "low"],
    "age": [41.5, -10.0, 7.0],
    "member": [True, False, False],
    "work": ["public", "none, yet", "private"],
    "paid": ["yes", "no", "yes"],
}
EXPECTED = np.array([[41.5, 1, 0, 0, 1, 1], [-10, 0, 0, 1, 0, 0], [7, 0, 1, 0, 0, 0]], dtype=np.float32)


def as_csv(path: Path, columns: dict[str, list[Any]]) -> str:
    rows = [columns, *zip(*columns.values(), strict=True)]
    path.write_text("\n".join(",".join(f'"{cell}"' for cell in row) for row in rows))
    return f"csv:{path}"


def as_parquet(path: Path, columns: dict[str, Any]) -> str:
    pa.parquet.write_table(pa.table(columns), path)
    return f"parquet:{path}"


Save = Callable[[Path, dict[str, list[Any]]], str]


@pytest.fixture(params=[as_csv, as_parquet], ids=["csv", "parquet"])
def save(request: pytest.FixtureRequest) -> Save:
    made: Save = request.param
    return made


def test_samples_are_the_tasks_features_in_the_tasks_order(save: Save, tmp_path: Path) -> None:
    source = save(tmp_path / "loans", COLUMNS) + "#label=paid"
    samples = load(source, LOANS, "site").samples
    assert np.array_equal(samples.x, EXPECTED)
    assert list(samples.y) == [1, 0, 1]
    assert list(samples.groups) == ["1", "2", "1"]  # type: ignore[arg-type]
    assert len(load_test(source, LOANS)) == 3


def test_both_forms_give_the_same_digests(tmp_path: Path) -> None:
    """So that a peer's shard does not depend on how it stores its table."""
    tables = [make(tmp_path / make.__name__, COLUMNS) for make in (as_csv, as_parquet)]
    found = [load_unlabelled(source, LOANS).digests for source in tables]
    assert found[0] == found[1]


def test_a_reference_set_needs_no_label(save: Save, tmp_path: Path) -> None:
    source = save(tmp_path / "loans", {name: cells for name, cells in COLUMNS.items() if name != "paid"})
    assert list(load_unlabelled(source, LOANS).y) == [-1] * 3
    with pytest.raises(DataError, match="has no column 'label'"):
        load(source, LOANS)


def test_a_label_that_is_a_feature_is_refused(save: Save, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="'age' is also a feature"):
        load(save(tmp_path / "loans", COLUMNS) + "#label=age", LOANS)


@pytest.mark.parametrize("options", ["#", "#label=", "#x=age", "#label=a,label=b"])
def test_wrong_options_are_refused(save: Save, tmp_path: Path, options: str) -> None:
    with pytest.raises(ConfigurationError, match="#label=COLUMN"):
        load(save(tmp_path / "loans", COLUMNS) + options, LOANS)


TYPES: list[tuple[str, Any, str]] = [
    ("age", pa.array([1.0, None, 2.0]), "row 2, column 'age': the value is missing"),
    ("age", pa.array([1.0, 2.0, float("nan")]), "row 3, column 'age': nan is no finite number"),
    ("age", pa.array(["1", "2", "3"]), "column 'age': it holds values of the type string; store numbers"),
    ("age", pa.array([True, False, True]), "type bool; store numbers"),
    ("age", pa.array([[1.0], [2.0], [3.0]]), "type list.*; store numbers"),
    ("work", pa.array(["public", "private", "privat"]), "row 3, column 'work': 'privat' is no category"),
    ("work", pa.array(["public", "", "private"]), "row 2, column 'work': the value is missing"),
    ("work", pa.array([1.5, 2.5, 3.5]), "column 'work': it holds values of the type double; store text"),
    ("member", pa.array([0, 1, 2]), "row 3, column 'member': '2' is no boolean"),
    ("paid", pa.array(["yes", None, "no"]), "row 2, column 'paid': the value is missing"),
    ("paid", pa.array([0, 1, 9]), "row 3, column 'paid': '9' is no class"),
]


@pytest.mark.parametrize(("name", "cells", "said"), TYPES, ids=[said for *_, said in TYPES])
def test_stored_types_are_the_tasks(tmp_path: Path, name: str, cells: Any, said: str) -> None:
    source = as_parquet(tmp_path / "loans.parquet", {**COLUMNS, name: cells}) + "#label=paid"
    with pytest.raises(DataError, match=said):
        load(source, LOANS)


def test_categories_may_be_stored_as_such_and_numbers_as_whole_ones(tmp_path: Path) -> None:
    work = pa.array(COLUMNS["work"]).dictionary_encode()
    columns = {**COLUMNS, "work": work, "age": pa.array([41, -10, 7], pa.int8()), "paid": pa.array([1, 0, 1])}
    samples = load(as_parquet(tmp_path / "loans.parquet", columns) + "#label=paid", LOANS).samples
    assert np.array_equal(samples.x[:, 1:], EXPECTED[:, 1:])
    assert list(samples.x[:, 0]) == [41, -10, 7]
    assert list(samples.y) == [1, 0, 1]


@pytest.mark.parametrize(
    ("content", "said"), [(None, "there is no file"), (b"PAR1", "as Parquet"), (b"words" * 9, "as Parquet")]
)
def test_what_is_no_parquet_is_refused(tmp_path: Path, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / "x.parquet").write_bytes(content)
    with pytest.raises(DataError, match=said):
        load_unlabelled(f"parquet:{tmp_path / 'x.parquet'}", LOANS)


def test_a_damaged_parquet_is_refused(tmp_path: Path) -> None:
    source = as_parquet(tmp_path / "x.parquet", COLUMNS)
    whole = (tmp_path / "x.parquet").read_bytes()
    (tmp_path / "x.parquet").write_bytes(whole[:4] + b"\xff" * 600 + whole[604:])
    with pytest.raises(DataError, match="as Parquet"):
        load_unlabelled(source, LOANS)


def test_a_parquet_that_unfolds_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = as_parquet(tmp_path / "x.parquet", COLUMNS)
    monkeypatch.setattr("hdus_peer.formats.csv_table.DECODED_BYTES_MAX", 50)
    with pytest.raises(DataError, match="more than 50 bytes of samples"):
        load_unlabelled(source, LOANS)


def test_without_pyarrow_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigurationError, match=r"pip install 'hdus-peer\[parquet\]'"):
        load_unlabelled(f"parquet:{tmp_path / 'x.parquet'}", LOANS)


def table(rows: int, random_seed: int, shift: float = 0.0) -> dict[str, list[Any]]:
    drawn = np.random.default_rng(random_seed)
    return {
        "age": list(drawn.normal(40 + shift, 10, rows).round(2)),
        "work": list(drawn.choice(["public", "private", "none, yet"], rows)),
        "member": list(drawn.choice(["true", "false"], rows)),
        "grade": list(drawn.choice(["low", "high"], rows)),
        "label": list(drawn.choice(["no", "yes"], rows)),
        "site": list(drawn.choice(["north", "south"], rows)),
    }


def test_standardisation_is_the_tasks_whatever_else_a_peer_holds(make_job: MakeJob, tmp_path: Path) -> None:
    """One row that both peers have becomes the same numbers among otherwise quite different ones."""
    shared = [57.25, "private", "true", "high"]
    parts = []
    for name, columns in (("young", table(200, 1, shift=-20)), ("old", table(200, 2, shift=900))):
        for column, cell in zip(("age", "work", "member", "grade"), shared, strict=True):
            columns[column] += [cell] * 40
        columns["label"] += ["no", "yes"] * 20
        columns["site"] += ["north"] * 40
        job = make_job(
            task=replace(LOANS, seed_architectures=("mlp",)), shard="all", data=as_csv(tmp_path / name, columns)
        )
        data = assemble(job)
        every = np.concatenate([data.train.x, data.holdout.x, data.local_test.x, data.global_test.x, data.reference])
        parts.append({row.tobytes() for row in every})
    expected = np.array([1.725, 0, 1, 0, 1, 1], dtype=np.float32)
    assert parts[0] & parts[1] == {expected.tobytes()}


def test_shards_by_a_column_of_the_table(make_job: MakeJob, tmp_path: Path) -> None:
    columns = table(400, 3)
    source = as_csv(tmp_path / "loans.csv", columns)
    ages = {site: {age for age, at in zip(columns["age"], columns["site"], strict=True) if at == site}
            for site in ("north", "south")}  # fmt: skip
    data = assemble(make_job(task=LOANS, data=source, shard="by:site=north"))
    mine = {round(float(age) * 10 + 40, 2) for age in data.train.x[:, 0]}
    assert mine <= ages["north"]
    with pytest.raises(DataError, match="no sample has site = 'east'; the 2 values are: north, south"):
        assemble(make_job(task=LOANS, data=source, shard="by:site=east"))
    with pytest.raises(DataError, match="has no column 'place'"):
        assemble(make_job(task=LOANS, data=source, shard="by:place=north"))
