"""Pictures in a folder per class, and what must not be found there."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hdus_peer.control.samples import read_samples
from hdus_peer.errors import ConfigurationError, DataError
from hdus_peer.formats.standardise import standardised
from hdus_peer.learning.sources import load, load_unlabelled
from hdus_peer.learning.sources.samples import Samples
from tests.learning.conftest import DIGITS

PETS = replace(DIGITS, classes=("cat", "dog"), shape=(3, 4, 5), scale=255.0, mean=(0.0,) * 3, std=(1.0,) * 3)


def picture(path: Path, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (10, 8), (shade, 0, 0)).save(path)


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    folder = tmp_path / "pets"
    for number in range(3):
        picture(folder / "dog" / f"{number}.png", 10 + number)
    picture(folder / "cat" / "wild" / "a.png", 20)
    picture(folder / "cat" / "b.png", 21)
    (folder / ".DS_Store").write_text("hidden")
    picture(folder / ".thumbnails" / "a.png", 99)
    (folder / "cat" / ".note").write_text("hidden")
    (folder / "cat" / "same.png").symlink_to("b.png")
    return folder


def read(folder: Path) -> Samples:
    return load(f"images:{folder}", PETS).samples


def test_folders_are_classes(pets: Path) -> None:
    samples = read(pets)
    assert samples.x.dtype == np.uint8
    found = sorted(zip(samples.y.tolist(), samples.x[:, 0, 0, 0].tolist(), strict=True))
    assert found == [(0, 20), (0, 21), (0, 21), (1, 10), (1, 11), (1, 12)]
    assert samples.x.shape == (6, 3, 4, 5)


def test_pixels_come_in_the_tasks_scale(pets: Path) -> None:
    samples = load(f"images:{pets}", replace(PETS, scale=16.0)).samples
    assert samples.x.max() == pytest.approx(21 * 16 / 255)


@pytest.mark.parametrize("scale", [255.0, 16.0])
def test_a_picture_is_predicted_as_it_was_learned(pets: Path, scale: float) -> None:
    task = replace(PETS, scale=scale, mean=(0.1, 0.2, 0.3), std=(0.5, 2.0, 3.0))
    samples = load(f"images:{pets}", task).samples
    learned = {row.tobytes() for row in standardised(samples.x, task)}
    assert read_samples(pets / "dog" / "1.png", task).x[0].tobytes() in learned


def test_a_reference_set_needs_no_classes(pets: Path) -> None:
    picture(pets / "fox" / "a.png", 30)
    picture(pets / "b.png", 31)
    assert len(load_unlabelled(f"images:{pets}", PETS)) == 8


BAD = [
    (lambda folder: picture(folder / "fox" / "a.png", 1), r"fox is none of the task's classes \(cat, dog\)"),
    (lambda folder: picture(folder / "a.png", 1), "a.png lies outside of the classes' folders"),
    (lambda folder: (folder / "dog" / "notes.txt").write_text("x"), "notes.txt is no picture"),
    (lambda folder: (folder / "dog" / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n"), "cut.png is no picture"),
    (lambda folder: (folder / "dog" / "z.png").symlink_to("/etc/hostname"), "z.png is a link to something else"),
    (lambda folder: (folder / "dog" / "z.png").symlink_to("nowhere"), "z.png is a link to something else"),
    (lambda folder: (folder / "dog" / "loop").symlink_to(folder), "loop is a link to something else"),
    (lambda folder: (folder / "lion").symlink_to(folder / "dog"), "lion is a link to something else"),
    (lambda folder: os.mkfifo(folder / "dog" / "pipe.png"), "pipe.png is neither a file nor a folder"),
]


@pytest.mark.parametrize(("spoil", "said"), BAD, ids=[said for _, said in BAD])
def test_what_does_not_belong_there_is_refused(pets: Path, spoil, said: str) -> None:
    spoil(pets)
    with pytest.raises(DataError, match=said):
        read(pets)


def test_a_picture_from_outside_is_not_followed_to(pets: Path, tmp_path: Path) -> None:
    picture(tmp_path / "pets-private" / "passport.png", 5)
    (pets / "dog" / "z.png").symlink_to(tmp_path / "pets-private" / "passport.png")
    with pytest.raises(DataError, match=r"z\.png is a link to something else than a file inside"):
        read(pets)


def test_a_folder_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    for name, said in (("none", "there is no folder"), ("file", "is no folder"), ("empty", "holds no pictures")):
        with pytest.raises(DataError, match=said):
            read(tmp_path / name)


def test_only_a_task_of_pictures_takes_them(pets: Path) -> None:
    for task in (replace(PETS, shape=(3,)), replace(PETS, shape=(9, 4, 5))):
        with pytest.raises(ConfigurationError, match="which are no pictures"):
            load(f"images:{pets}", task)
    with pytest.raises(ConfigurationError, match="no 'writer' to make shards by"):
        load(f"images:{pets}", PETS, "writer")
