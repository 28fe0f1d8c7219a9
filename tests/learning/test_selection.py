"""Choosing samples to forget: by content, by conditions, and what is said where that means nothing."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdus_peer.errors import ConfigurationError, DataError, StorageError
from hdus_peer.learning.data import assemble, own_of, pool_of
from hdus_peer.learning.forgotten import read_lists, write_list
from hdus_peer.learning.selection import select
from hdus_peer.learning.sources import load
from hdus_peer.learning.where import parse_where
from hdus_peer.workers.job import TrainingJob
from hdus_peer.workers.port import Selected, Selection
from tests.formats.conftest import LOANS
from tests.learning.conftest import DIGITS, MakeJob, SaveNpz
from tests.learning.test_tables import as_csv, as_parquet

RAW = load("digits", DIGITS).samples
COLUMNS: dict[str, list[Any]] = {
    "site": ["north" if row % 3 else "south, far" for row in range(120)],
    "grade": ["high" if row % 5 else "low" for row in range(120)],
    "age": [row / 4 for row in range(120)],
    "member": [row % 2 == 0 for row in range(120)],
    "work": ["public" if row % 7 else "private" for row in range(120)],
    "paid": ["yes" if row % 2 else "no" for row in range(120)],
}


@pytest.fixture(params=[as_csv, as_parquet], ids=["csv", "parquet"])
def loans(request: pytest.FixtureRequest, make_job: MakeJob, tmp_path: Path) -> TrainingJob:
    """All rows are own, but for those of the common parts that a source without a test set gives."""
    source = request.param(tmp_path / "loans", COLUMNS) + "#label=paid"
    return make_job(task=LOANS, data=source, shard="all", forgotten_in=tmp_path / "forgotten")


def ages(job: TrainingJob, selected: Selected) -> set[float]:
    """The ages of the samples in a list."""
    wanted = read_lists(replace(job, forgotten=(selected.name,)))
    samples = load(job.data, job.task).samples
    return {float(x[0]) for x, digest in zip(samples.x, samples.digests, strict=True) if digest in wanted}


def own_ages(job: TrainingJob) -> set[float]:
    return {float(x[0]) for x in own_of(job, pool_of(job)).x}


@pytest.mark.parametrize(
    ("where", "meant"),
    [
        ("age < 5", lambda row: row < 20),
        ("age <= 5", lambda row: row <= 20),
        ("age > 25", lambda row: row > 100),
        ("age>=25", lambda row: row >= 100),
        ("age < 20 and work = private", lambda row: row < 80 and row % 7 == 0),
        ("label = yes and age < 5.5", lambda row: row % 2 == 1 and row < 22),
        ("site = 'south, far' and age < 9", lambda row: row % 3 == 0 and row < 36),
        ('site != "north"  and  age < 9.0', lambda row: row % 3 == 0 and row < 36),
    ],
)
def test_conditions_choose_rows_by_any_column(loans: TrainingJob, where: str, meant: Any) -> None:
    selected = select(loans, Selection(where=where), loans.forgotten_in)
    assert ages(loans, selected) == {row / 4 for row in range(120) if meant(row)} & own_ages(loans)
    assert selected.own == len(own_ages(loans))
    assert sum(count for _, count in selected.by_class) == selected.matched


def test_both_ways_together_mean_what_fits_both(loans: TrainingJob, tmp_path: Path) -> None:
    some = as_csv(tmp_path / "some", {name: cells[:40] for name, cells in COLUMNS.items()})
    selected = select(loans, Selection(some, "age > 5"), loans.forgotten_in)
    assert ages(loans, selected) == {row / 4 for row in range(21, 40)} & own_ages(loans)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("height > 3", "has no column 'height'.*site, grade, age, member, work, paid"),
        ("age > tall", "age holds numbers, and 'tall' is none"),
        ("site > north", "site holds text, which has no order"),
        ("age ~ 3", "cannot be understood as conditions; write COLUMN OP VALUE"),
        ("age == 3", "cannot be understood"),
        ("age", "cannot be understood"),
        ("age > 3 and", "cannot be understood"),
        ("age > 3 or age < 1", "age holds numbers, and '3 or age < 1' is none"),
        ("age > 1000", r"matches none of your \d+ samples"),
        ("age >= 0", r"matches (\d+) of your \1 samples.*use hdus-peer leave"),
        ("age >= 1", "too few to learn from"),
    ],
)
def test_what_cannot_be_forgotten_is_said(loans: TrainingJob, where: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        select(loans, Selection(where=where), loans.forgotten_in)
    assert not loans.forgotten_in.exists()


def test_arrays_of_an_npz_are_its_columns(make_job: MakeJob, save_npz: SaveNpz, tmp_path: Path) -> None:
    patient = np.arange(len(RAW)) // 10
    path = save_npz(x_train=RAW.x, y_train=RAW.y, x_test=RAW.x[:9], y_test=RAW.y[:9], patient=patient, odd=patient[:7])
    job = make_job(data=f"npz:{path}", shard="all", forgotten_in=tmp_path / "forgotten")
    selected = select(job, Selection(where="patient = 17 and label != 3"), job.forgotten_in)
    wanted = {digest for digest, y in zip(RAW.digests[170:180], RAW.y[170:180], strict=True) if y != 3}
    assert read_lists(replace(job, forgotten=(selected.name,))) == wanted
    with pytest.raises(DataError, match=r"has no array .doctor. .there are: odd, patient, x_test"):
        select(job, Selection(where="doctor = 1"), job.forgotten_in)
    with pytest.raises(DataError, match="1797 samples, but groups of the shape"):
        select(job, Selection(where="odd = 1"), job.forgotten_in)


def test_a_source_without_columns_has_its_label(make_job: MakeJob, tmp_path: Path) -> None:
    job = make_job(forgotten_in=tmp_path / "forgotten")
    selected = select(job, Selection(where="label >= 8"), job.forgotten_in)
    assert [name for name, _ in selected.by_class] == ["8", "9"]
    with pytest.raises(DataError, match="digits has no column 'colour'; its columns are: label"):
        select(job, Selection(where="colour = red"), job.forgotten_in)


def test_own_are_those_of_the_shard_also_beyond_the_limit(make_job: MakeJob, tmp_path: Path) -> None:
    job = make_job(shard="iid:0/3", samples=100, forgotten_in=tmp_path / "forgotten")
    selected = select(job, Selection(where="label = 4"), job.forgotten_in)
    assert selected.own == len(own_of(job, pool_of(job)).x) > 300
    after = assemble(replace(job, forgotten=(selected.name,)))
    assert len(after.train) + len(after.holdout) + len(after.local_test) == 100
    assert 4 not in {*after.train.y, *after.holdout.y, *after.local_test.y}
    assert 4 in after.global_test.y


def test_reference_and_global_test_are_never_touched(make_job: MakeJob, tmp_path: Path) -> None:
    job = make_job(forgotten_in=tmp_path / "forgotten")
    selected = select(job, Selection(where="label = 4"), job.forgotten_in)
    before, after = assemble(job), assemble(replace(job, forgotten=(selected.name,)))
    assert after.reference_sha256 == before.reference_sha256
    assert np.array_equal(after.global_test.x, before.global_test.x)


@pytest.mark.parametrize("content", ["", "ab\n", "0" * 64, "0" * 64 + "\n" + "Z" * 64 + "\n"])
def test_a_list_that_is_none_is_refused(make_job: MakeJob, tmp_path: Path, content: str) -> None:
    name = write_list([bytes(32)], tmp_path)
    (tmp_path / name).write_text(content)
    with pytest.raises(StorageError, match="was altered; choose the same samples again with hdus-peer forget"):
        assemble(make_job(forgotten_in=tmp_path, forgotten=(name,)))


def test_a_list_names_each_sample_once_and_in_order(tmp_path: Path) -> None:
    name = write_list([b"\x02" * 32, b"\x01" * 32, b"\x02" * 32], tmp_path)
    assert (tmp_path / name).read_text() == f"{'01' * 32}\n{'02' * 32}\n"


def test_a_source_that_cannot_be_read_is_said(make_job: MakeJob, tmp_path: Path) -> None:
    for samples, error in (("npz:/nowhere", DataError), ("floppy:a", ConfigurationError)):
        with pytest.raises(error, match=re.escape(samples.partition(":")[2])):
            select(make_job(), Selection(samples=samples), tmp_path)


def test_values_in_quotes_may_hold_anything_but_the_quote() -> None:
    (one, other) = parse_where("""first name = "Ann and Bea" and site='a > b'""")
    assert (one.column, one.compare, one.value) == ("first name", "=", "Ann and Bea")
    assert (other.column, other.compare, other.value) == ("site", "=", "a > b")
