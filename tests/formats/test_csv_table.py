"""Tables as CSV: what is in them, and a sentence with file, line and column for everything that is wrong."""

from pathlib import Path

import numpy as np
import pytest

from hdus_peer.domain.task import Task
from hdus_peer.errors import ConfigurationError, DataError
from hdus_peer.formats import csv_table
from hdus_peer.formats.columns import Column, feature_columns, group_column, label_column
from hdus_peer.formats.csv_table import read_csv
from tests.formats.conftest import LOANS

HEADING = "label,grade,age,member,work,comment"
GOOD = f"""{HEADING}
yes,high,41.5,true,public,"a, b"
no,low,-1e1,0,"none, yet",

1,low, 7,FALSE,private,"two
lines"
"""
EXPECTED = [[41.5, 1, 0, 0, 1, 1], [-10, 0, 0, 1, 0, 0], [7, 0, 1, 0, 0, 0]]


def columns(task: Task) -> list[Column]:
    return [*feature_columns(task, "csv:x"), label_column("label", task)]


def save(folder: Path, text: str | bytes) -> Path:
    path = folder / "loans.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("block", [1, 2, 1024])
def test_rows_become_what_the_task_says(
    tmp_path: Path, loans: Task, start: bytes, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_table, "_BLOCK_ROWS", block)
    *features, labels = read_csv(save(tmp_path, start + GOOD.encode()), columns(loans))
    assert np.array_equal(np.column_stack(features), np.array(EXPECTED, dtype=np.float32))
    assert list(labels) == [1, 0, 1]


def test_only_so_many_rows_are_read(tmp_path: Path, loans: Task) -> None:
    path = save(tmp_path, GOOD + "this is, no row\n")
    assert len(read_csv(path, columns(loans), rows_max=3)[0]) == 3
    assert len(read_csv(save(tmp_path, HEADING), columns(loans))[0]) == 0


def test_a_table_of_one_column_has_no_blank_lines(tmp_path: Path) -> None:
    assert list(read_csv(save(tmp_path, "site\na\nb\n"), [group_column("site")])[0]) == ["a", "b"]
    with pytest.raises(DataError, match="line 3, column 'site': the value is missing"):
        read_csv(save(tmp_path, "site\na\n\nb\n"), [group_column("site")])


BAD: list[tuple[str, str, str]] = [
    ("-1e1", "", "line 3, column 'age': the value is missing"),
    ("-1e1", "old", "line 3, column 'age': 'old' is no number"),
    ("-1e1", "1_000", "line 3, column 'age': '1_000' is no number"),
    ("-1e1", "٣", "line 3, column 'age': '٣' is no number"),
    ("-1e1", "nan", "line 3, column 'age': nan is no finite number"),
    ("-1e1", "inf", "line 3, column 'age': inf is no finite number"),
    ("-1e1", "1e39", "line 3, column 'age': 1e\\+39 is no finite number"),
    ("private", "Private", "line 6, column 'work': 'Private' is no category of the task; there are: public, private"),
    ("private", "", "line 6, column 'work': the value is missing"),
    ("private", "x" * 99, "line 6, column 'work': 'x{40}…' is no category"),
    ("FALSE", "maybe", "line 6, column 'member': 'maybe' is no boolean"),
    ("yes,high", "maybe,high", "line 2, column 'label': 'maybe' is no class of the task; there are: no, yes, 0, 1"),
    ("yes,high", ",high", "line 2, column 'label': the value is missing"),
    ("yes,high", "yes,high,1", "line 2: the row has 7 cells, the heading 6"),
    ("no,low,", "no,", "line 3: the row has 5 cells"),
    ("age", "years", "has no column 'age'; its columns are: label, grade, years"),
    ("comment", "age", "has 2 columns called 'age'"),
    ('"two\nlines"', '"two\nlines', "line 6: unexpected end of data; mend the quotes"),
    ('"a, b"', '"a" b', "line 2: .*mend the quotes"),
    ('"a, b"', "y" * 200_000, "line 2: field larger than field limit"),
]


@pytest.mark.parametrize(("old", "new", "said"), BAD, ids=[said for *_, said in BAD])
@pytest.mark.parametrize("block", [1, 1024])
def test_what_is_wrong_is_said_with_its_place(
    tmp_path: Path, loans: Task, old: str, new: str, said: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_table, "_BLOCK_ROWS", block)
    assert old in GOOD
    with pytest.raises(DataError, match=said) as problem:
        read_csv(save(tmp_path, GOOD.replace(old, new, 1)), columns(loans))
    assert "loans.csv" in str(problem.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        (GOOD.replace(",", ";"), "its cells are parted by ';': save it with commas"),
        (GOOD.replace(",", "\t"), "save it with commas"),
        (GOOD.encode("utf-16"), "line 1: this is no UTF-8"),
        (GOOD.replace("lines", "Zeilen für").encode("latin-1"), "line 6: this is no UTF-8"),
        (GOOD.replace("yes", "\0"), "line 2, column 'label': '.x00' is no class"),
        (None, "there is no file"),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, loans: Task, content: str | bytes | None, said: str) -> None:
    path = tmp_path / "none.csv" if content is None else save(tmp_path, content)
    with pytest.raises(DataError, match=said):
        read_csv(path, columns(loans))


def test_a_folder_and_too_big_a_file_are_refused(tmp_path: Path, loans: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_csv(tmp_path, columns(loans))
    monkeypatch.setattr(csv_table, "CSV_BYTES_MAX", 50)
    with pytest.raises(DataError, match="more than 50; split it"):
        read_csv(save(tmp_path, GOOD), columns(loans))
    monkeypatch.undo()
    monkeypatch.setattr(csv_table, "DECODED_BYTES_MAX", 50)
    with pytest.raises(DataError, match="more than 50 bytes of samples"):
        read_csv(save(tmp_path, GOOD), columns(loans))


def test_a_task_without_features_takes_no_tables(loans: Task) -> None:
    pictures = Task("digits", ("0", "1"), (1, 8, 8), 16.0, (0.3,), (0.4,), ("mlp",))
    with pytest.raises(ConfigurationError, match=r"names no features.*\[\[features\]\]"):
        feature_columns(pictures, "csv:x")
    with pytest.raises(ConfigurationError, match="would be told the answer"):
        label_column("age", loans)


def test_numbers_that_are_names_of_classes_mean_the_name(tmp_path: Path) -> None:
    task = Task("t", ("7", "3"), (6,), 1.0, LOANS.mean, LOANS.std, ("mlp",), LOANS.features)
    path = save(tmp_path, "label\n3\n7\n")
    assert list(read_csv(path, [label_column("label", task)])[0]) == [1, 0]
    with pytest.raises(DataError, match="'0' is no class"):
        read_csv(save(tmp_path, "label\n0\n"), [label_column("label", task)])
