"""Reading samples: every kind of unusable data is a sentence that says what to do."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdus_peer.domain.task import Task
from hdus_peer.errors import ConfigurationError, DataError
from hdus_peer.learning.sources import load, load_test, load_unlabelled
from tests.learning.conftest import DIGITS, SaveNpz

COLOUR = replace(DIGITS, shape=(3, 4, 5), mean=(0.0,) * 3, std=(1.0,) * 3)
ROWS = replace(DIGITS, shape=(3,), mean=(0.0,), std=(1.0,))
NAMED = replace(ROWS, classes=("cat", "dog"))
X = np.arange(4 * 64, dtype=np.uint8).reshape(4, 8, 8)
Y = np.array([0, 1, 2, 3], dtype=np.uint8)


def test_the_packaged_digits_are_scikit_learns() -> None:
    from sklearn.datasets import load_digits

    samples, expected = load("digits", DIGITS).samples, load_digits()
    assert np.array_equal(samples.x[:, 0], expected.images)
    assert np.array_equal(samples.y, expected.target)


def test_train_and_test_arrays_are_found_by_name(save_npz: SaveNpz) -> None:
    path = save_npz(x_train=X, y_train=Y, x_test=X[:2], y_test=Y[:2])
    source = load(f"npz:{path}", DIGITS)
    assert source.samples.x.shape == (4, 1, 8, 8)
    assert source.test is not None
    assert len(source.test) == len(load_test(f"npz:{path}", DIGITS)) == 2


def test_arrays_are_chosen_behind_the_hash_sign(save_npz: SaveNpz) -> None:
    source = load(f"npz:{save_npz(pictures=X, names=Y, x_train=X[:1], y_train=Y[:1])}#x=pictures,y=names", DIGITS)
    assert len(source.samples) == 4
    assert source.test is None


def test_colour_pictures_become_channels_first(save_npz: SaveNpz) -> None:
    x = np.arange(2 * 60, dtype=np.uint8).reshape(2, 4, 5, 3)
    samples = load(f"npz:{save_npz(x=x, y=Y[:2])}", COLOUR).samples
    assert np.array_equal(samples.x, x.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("task", [DIGITS, replace(DIGITS, shape=(64,))])
def test_flat_rows_take_the_tasks_shape(save_npz: SaveNpz, task: Task) -> None:
    samples = load(f"npz:{save_npz(x=X.reshape(4, 64), y=Y)}", task).samples
    assert samples.x.shape == (4, *task.shape)


@pytest.mark.parametrize(
    "y", [np.array(["dog", "cat"]), np.array([b"dog", b"cat"]), np.array([1, 0]), np.array([1.0, 0.0])]
)
def test_labels_are_names_or_positions(save_npz: SaveNpz, y: np.ndarray) -> None:
    assert list(load(f"npz:{save_npz(x=np.zeros((2, 3)), y=y)}", NAMED).samples.y) == [1, 0]


def test_numbers_that_are_names_mean_the_name(save_npz: SaveNpz) -> None:
    task = replace(ROWS, classes=("7", "3"))
    assert list(load(f"npz:{save_npz(x=np.zeros((2, 3)), y=np.array([3, 7]))}", task).samples.y) == [1, 0]


def test_reference_samples_need_no_labels(save_npz: SaveNpz) -> None:
    assert list(load_unlabelled(f"npz:{save_npz(x=X)}", DIGITS).y) == [-1] * 4
    assert len(load_unlabelled("digits", DIGITS)) == 1797


BAD: list[tuple[dict[str, Any], str]] = [
    ({"x": X}, "has no labels: array 'y' is missing"),
    ({"y": Y}, "has no array 'x'"),
    ({"x_train": X}, "has no labels: array 'y_train' is missing"),
    ({"x": X, "y": Y[:3]}, "4 samples, but labels of the shape"),
    ({"x": X, "y": np.array([0, 1, 2, 10])}, "sample 3 has the label '10'"),
    ({"x": X, "y": np.array([0, -1, 2, 3])}, "sample 1 has the label '-1'"),
    ({"x": X, "y": np.array([0, np.nan, 2, 3])}, "sample 1 has the label 'nan'"),
    ({"x": X, "y": np.array([0, 1.5, 2, 3])}, "sample 1 has the label '1.5'"),
    ({"x": X, "y": np.array(["0", "", "2", "3"])}, "sample 1 has the label ''"),
    ({"x": X[:, :7], "y": Y}, "samples have the shape (7, 8), the task's have (1, 8, 8)"),
    ({"x": np.array(["a", "b"]), "y": Y[:2]}, "holds no samples"),
    ({"x": np.float32(1), "y": Y}, "holds no samples"),
    ({"x": np.where(X == 70, np.nan, X), "y": Y}, "sample 1 holds a NaN"),
    ({"x": np.where(X == 70, np.inf, X), "y": Y}, "sample 1 holds a NaN or infinite"),
    ({"x": np.array([X[0], X[1][:4]], dtype=object), "y": Y[:2]}, "samples of mixed shapes"),
    ({"x": X, "y": np.array([{}, 1, 2, 3], dtype=object)}, "Python objects"),
]


@pytest.mark.parametrize(("arrays", "sentence"), BAD, ids=[sentence for _, sentence in BAD])
def test_unusable_arrays_are_refused(save_npz: SaveNpz, arrays: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DataError) as problem:
        load(f"npz:{save_npz(**arrays)}", DIGITS)
    assert sentence in str(problem.value)
    assert "data.npz" in str(problem.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "there is no file"),
        (b"not a zip", "cannot be read as .npz"),
        (b"PK\x03\x04cut", "cannot be read as .npz"),
    ],
)
def test_unusable_files_are_refused(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    path = tmp_path / "data.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=sentence):
        load(f"npz:{path}", DIGITS)


def test_a_cut_or_damaged_file_is_refused(save_npz: SaveNpz) -> None:
    path = save_npz(x=X, y=Y)
    whole = path.read_bytes()
    path.write_bytes(whole[:300] + b"?" + whole[301:])
    with pytest.raises(DataError, match="cannot be read"):
        load(f"npz:{path}", DIGITS)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="cannot be read"):
        load(f"npz:{path}", DIGITS)


def test_a_single_array_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    with pytest.raises(DataError, match=r"not an \.npz"):
        load(f"npz:{tmp_path / 'x.npy'}", DIGITS)


@pytest.mark.parametrize(
    "source", ["csw:file", "npz:", "npz:file#z=a", "npz:file#x=", "npz:file#x", "npz:file#x=a,x=b"]
)
def test_an_unknown_source_is_refused(source: str) -> None:
    with pytest.raises(ConfigurationError, match="npz:FILE"):
        load(source, DIGITS)


def test_groups_are_an_array_of_the_file(save_npz: SaveNpz) -> None:
    path = save_npz(x_train=X, y_train=Y, writer=np.array([7, 8, 7, 9]), site=np.array([b"a", b"b", b"a", b"c"]))
    assert list(load(f"npz:{path}", DIGITS, "writer").samples.groups) == ["7", "8", "7", "9"]  # type: ignore[arg-type]
    assert list(load(f"npz:{path}#by=site", DIGITS, "who").samples.groups) == ["a", "b", "a", "c"]  # type: ignore[arg-type]
    with pytest.raises(DataError, match="has no array 'who'"):
        load(f"npz:{path}", DIGITS, "who")
    with pytest.raises(DataError, match="4 samples, but groups of the shape"):
        load(f"npz:{save_npz(x=X, y=Y, writer=Y[:2])}", DIGITS, "writer")
    with pytest.raises(ConfigurationError, match="no 'writer' to make shards by"):
        load("digits", DIGITS, "writer")
