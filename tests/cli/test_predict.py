"""`predict`: what files it takes, how they reach the daemon, and what it says of those that it cannot take."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hdus_peer.admission.task_file import parse_task
from hdus_peer.control import samples
from hdus_peer.control.samples import read_samples
from hdus_peer.domain.task import Task
from hdus_peer.errors import DataError
from tests.cli.conftest import Typed
from tests.control.memory_daemon import TASK, MemoryDaemon

Asked = Callable[..., Any]
COLOUR = Task("colour", ("a", "b"), (3, 4, 6), 255.0, (0.0, 0.5, 0.0), (1.0, 1.0, 2.0), ("mobilenet-s",))
ROWS = Task("rows", ("a", "b"), (3,), 1.0, (0.0, 0.0, 1.0), (1.0, 2.0, 1.0), ("mlp",))


def test_a_picture(daemon: MemoryDaemon, typed: Typed, tmp_path: Path) -> None:
    Image.new("L", (8, 8), 255).save(tmp_path / "white.png")
    shown = typed("predict", str(tmp_path / "white.png"))
    assert shown.exit_code == 0, shown.output
    first, second = [line.split() for line in shown.output.splitlines()[1:3]]
    assert first == ["9", "0.2000", "1.5000"]
    assert second[0] == "7"
    assert "Seeds used: anna, bela (rule prob-mean, ρ 0.5)" in shown.output
    assert daemon.predicted == [(64 * 4, 1)]


def test_a_picture_of_another_size_is_scaled_and_said_so(daemon: MemoryDaemon, typed: Typed, tmp_path: Path) -> None:
    Image.new("RGB", (20, 30), (9, 9, 9)).save(tmp_path / "big.jpg")
    shown = typed("predict", str(tmp_path / "big.jpg"))
    assert "scaled from 20×30 to 8×8" in shown.output


def test_rows(daemon: MemoryDaemon, typed: Typed, asked: Asked, tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.zeros((3, 64), np.uint8))
    shown = typed("predict", str(tmp_path / "rows.npy"))
    assert len([line for line in shown.output.splitlines() if "7 0.750" in line]) == 3
    found = asked("predict", str(tmp_path / "rows.npy"), "--first", "2")
    assert [sample["ensemble"]["class"] for sample in found["samples"]] == ["7", "7"]
    assert found["ensemble"]["rule"] == "prob-mean"
    assert len(found["samples"][0]["alone"]["probabilities"]) == 10


@pytest.mark.parametrize("shape", [(5, 1, 8, 8), (5, 8, 8), (5, 8, 8, 1), (5, 64)])
def test_every_layout_of_a_grey_picture_is_the_same(shape: tuple[int, ...], tmp_path: Path) -> None:
    values = np.arange(5 * 64).reshape(5, 64) % 17
    np.savez(tmp_path / "x.npz", x=values.reshape(shape), y=np.zeros(5))
    found = read_samples(tmp_path / "x.npz", TASK)
    np.testing.assert_array_equal(found.x, ((values / 16 - 0.25) / 0.5).reshape(5, 1, 8, 8).astype(np.float32))


def test_one_sample_needs_no_axis_of_its_own(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((8, 8)))
    assert read_samples(tmp_path / "x.npy", TASK).x.shape == (1, 1, 8, 8)


def test_colours_come_last_in_files_and_first_in_models(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 6, 3), dtype=np.uint8)
    np.save(tmp_path / "x.npy", pixels)
    Image.fromarray(pixels[1]).save(tmp_path / "one.png")
    rows, picture = read_samples(tmp_path / "x.npy", COLOUR), read_samples(tmp_path / "one.png", COLOUR)
    assert rows.x.shape == (2, 3, 4, 6)
    np.testing.assert_allclose(rows.x[1], picture.x[0], atol=1e-6)
    np.testing.assert_allclose(rows.x[0, 1], pixels[0, :, :, 1] / 255 - 0.5, atol=1e-6)


@pytest.mark.parametrize("heading", ["", "width,height,weight\n"])
def test_csv_with_and_without_a_heading(heading: str, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(heading + "1,2,3\n4,5,6\n")
    np.testing.assert_array_equal(read_samples(tmp_path / "x.csv", ROWS).x, [[1, 1, 2], [4, 2.5, 5]])


TABLE = parse_task(
    """
name = "loans"
classes = ["no", "yes"]
seed_architectures = ["mlp-s"]
features = [
  { name = "age", type = "number", mean = 40, std = 10 },
  { name = "work", type = "category", values = ["public", "private"] },
]
""",
    "loans.toml",
)


def test_rows_of_a_table_are_read_by_their_heading(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("label,work,age\nyes,private,50\nno,public,35\n,public,40\n")
    np.testing.assert_array_equal(read_samples(tmp_path / "x.csv", TABLE).x, [[1, 0, 1], [-0.5, 1, 0], [0, 1, 0]])
    assert len(read_samples(tmp_path / "x.csv", TABLE, first=2)) == 2


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("x.csv", "age\n50\n", "has no column 'work'"),
        ("x.csv", "age,work\n50,none\n", "line 2, column 'work': 'none' is no category"),
        ("x.csv", "age,work\n", "holds no samples"),
        ("x.npy", "", "takes rows with named columns: give them as .csv"),
        ("x.png", "", "takes rows with named columns: give them as .csv"),
        ("x.parquet", "", "takes rows with named columns: give them as .csv"),
    ],
)
def test_a_table_that_is_not_the_tasks_is_refused(name: str, text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=said):
        read_samples(tmp_path / name, TABLE)


def test_many_samples_go_in_bounded_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "BATCH_BYTES_MAX", 2 * 3 * 4)
    np.save(tmp_path / "x.npy", np.arange(15.0).reshape(5, 3))
    calls: list[int] = []

    def predict(rows: bytes, count: int) -> samples.Prediction:
        calls.append(count)
        assert len(rows) == count * 3 * 4
        return samples.Prediction([[1.0]] * count, [[2.0]] * count, TASK)  # type: ignore[arg-type]

    answer = read_samples(tmp_path / "x.npy", ROWS).predicted_by(predict)
    assert calls == [2, 2, 1]
    assert len(answer.alone) == len(answer.ensemble) == 5


def _npz(path: Path, **arrays: Any) -> None:
    np.savez(path, **arrays)


BAD: list[tuple[str, Callable[[Path], object], str]] = [
    ("missing.png", lambda path: None, "there is no file"),
    ("folder.png", lambda path: path.mkdir(), "is no file"),
    ("text.png", lambda path: path.write_text("not a picture"), "no picture that can be read"),
    ("cut.png", lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n"), "no picture that can be read"),
    ("shape.npy", lambda path: np.save(path, np.zeros((2, 9, 9))), r"has the shape \(2, 9, 9\)"),
    ("pickle.npy", lambda path: np.save(path, np.array([{}]), allow_pickle=True), "cannot be read as npy"),
    ("words.npy", lambda path: np.save(path, np.array([["a"] * 64])), "give numbers"),
    ("nan.npy", lambda path: np.save(path, np.full((1, 64), np.nan)), "no finite number"),
    ("none.npy", lambda path: np.save(path, np.zeros((0, 64))), "holds no samples"),
    ("garbage.npz", lambda path: path.write_bytes(b"PK\x03\x04 garbage"), "cannot be read as npz"),
    ("empty.npy", lambda path: path.write_bytes(b""), "cannot be read as npy"),
    ("many.npz", lambda path: _npz(path, a=np.zeros(1), b=np.zeros(1)), r"--array \(a, b\)"),
    ("ragged.csv", lambda path: path.write_text("1,2\n3\n"), "cannot be read as csv"),
    ("empty.csv", lambda path: path.write_text(""), "has the shape"),
    ("binary.csv", lambda path: path.write_bytes(b"\xff\xfe\x00"), "cannot be read as csv|has the shape"),
]


@pytest.mark.parametrize(("name", "make", "said"), BAD, ids=[name for name, _, _ in BAD])
def test_bad_input_says_what_to_do(name: str, make: Callable[[Path], object], said: str, tmp_path: Path) -> None:
    make(tmp_path / name)
    with pytest.raises(DataError, match=said):
        read_samples(tmp_path / name, TASK)


def test_bad_input_ends_with_two(daemon: MemoryDaemon, typed: Typed, tmp_path: Path) -> None:
    shown = typed("predict", str(tmp_path / "missing.png"))
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert "check the path" in shown.stderr
    assert daemon.predicted == []


def test_an_array_that_is_not_there(tmp_path: Path) -> None:
    _npz(tmp_path / "x.npz", x=np.zeros((1, 64)))
    with pytest.raises(DataError, match="has no array 'z'"):
        read_samples(tmp_path / "x.npz", TASK, "z")


def test_a_picture_for_a_task_of_rows(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "x.png")
    with pytest.raises(DataError, match="takes no pictures"):
        read_samples(tmp_path / "x.png", ROWS)
