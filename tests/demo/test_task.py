"""The task that the demo's operator makes for a file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdus_peer.admission.task_file import parse_task
from hdus_peer.demo.task import absolute_source, is_picture, task_text, write_task
from hdus_peer.domain.task import Task
from hdus_peer.errors import ConfigurationError, DataError


def _task(x: Any, y: Any, name: str = "mine") -> Task:
    return parse_task(task_text(np.asarray(x), np.asarray(y), name), "here")


def test_grey_pictures() -> None:
    x = np.full((4, 28, 28), 51, np.uint8)
    x[0] = 255
    task = _task(x, [3, 1, 3, 7], "my data!")
    assert (task.name, task.shape, task.classes, task.scale) == ("my-data", (1, 28, 28), ("1", "3", "7"), 255.0)
    assert task.mean == (0.4,)
    assert is_picture(task.shape)


def test_colours_are_normalised_one_by_one() -> None:
    x = np.zeros((4, 8, 6, 3), np.uint8)
    x[..., 1] = 255
    task = _task(x, list("abab"))
    assert (task.shape, task.mean, task.std) == ((3, 8, 6), (0.0, 1.0, 0.0), (1.0, 1.0, 1.0))
    assert task.classes == ("a", "b")


def test_rows() -> None:
    task = _task([[0.0, 10.0], [2.0, 10.0]], [0, 1])
    assert (task.shape, task.scale, task.mean) == ((2,), 10.0, (0.1, 1.0))
    assert task.seed_architectures == ("mlp",)
    assert not is_picture(task.shape)


def test_digits_are_a_preset(tmp_path: Path) -> None:
    assert write_task("digits", tmp_path / "task.toml") == "digits"
    assert not (tmp_path / "task.toml").exists()


@pytest.mark.parametrize("names", [("x_train", "y_train"), ("x", "y")])
def test_a_file_in_the_usual_layouts(names: tuple[str, str], tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", **{names[0]: np.ones((6, 8, 8)), names[1]: np.arange(6) % 2})
    file = write_task(f"npz:{tmp_path}/data.npz", tmp_path / "task.toml")
    assert parse_task(Path(file).read_text(), "here").shape == (1, 8, 8)


def test_arrays_by_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", pictures=np.ones((6, 8, 8)), labels=np.arange(6) % 3)
    write_task(f"npz:{tmp_path}/data.npz#x=pictures,y=labels", tmp_path / "task.toml")
    assert len(parse_task((tmp_path / "task.toml").read_text(), "here").classes) == 3


def test_the_source_means_the_same_from_anywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute_source("npz:data.npz#x=a,y=b") == f"npz:{tmp_path}/data.npz#x=a,y=b"
    assert absolute_source("digits") == "digits"


@pytest.mark.parametrize("data", ["mnist", "npz:", "images:here"])
def test_another_source(data: str) -> None:
    with pytest.raises(ConfigurationError, match="choose one"):
        absolute_source(data)


def test_bad_files_say_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "garbage.npz").write_bytes(b"PK\x03\x04")
    np.savez(tmp_path / "nameless.npz", a=np.ones(3))
    np.savez(tmp_path / "uneven.npz", x=np.ones((3, 2)), y=np.ones(2))
    for name, said in [
        ("missing", "there is no file"),
        ("garbage", "cannot be read"),
        ("nameless", "#x=NAME"),
        ("uneven", "one label"),
    ]:
        with pytest.raises(DataError, match=said):
            write_task(f"npz:{tmp_path}/{name}.npz", tmp_path / "task.toml")
