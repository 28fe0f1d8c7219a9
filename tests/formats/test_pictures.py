"""Picture files: the same numbers whoever reads them, and a sentence for what is no single small picture."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hdus_peer.errors import DataError
from hdus_peer.formats import pictures
from hdus_peer.formats.pictures import read_picture

GREY = (1, 4, 6)
RGB = (3, 4, 6)


def test_a_picture_of_the_tasks_size_is_taken_as_it_is(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found = read_picture(tmp_path / "a.png", RGB)
    assert np.array_equal(found.pixels, pixels.transpose(2, 0, 1))
    assert (found.width, found.height) == (6, 4)


def test_a_larger_picture_becomes_the_means_of_its_areas(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 18), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.bmp")
    expected = pixels.reshape(4, 2, 6, 3).mean(axis=(1, 3))
    assert np.abs(read_picture(tmp_path / "a.bmp", GREY).pixels[0] - expected).max() <= 1


def test_it_is_turned_upright(tmp_path: Path) -> None:
    pixels = np.zeros((6, 4), dtype=np.uint8)
    pixels[0] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90° clockwise
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    found = read_picture(tmp_path / "a.png", GREY).pixels[0]
    assert (found[:, -1] == 255).all()
    assert not found[:, :-1].any()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white(mode: str, tmp_path: Path) -> None:
    picture = Image.new("LA", (6, 4), (0, 0)).convert("RGBA" if mode == "P" else mode)
    if mode == "P":
        picture = picture.quantize(2)
    picture.save(tmp_path / "a.png")
    assert (read_picture(tmp_path / "a.png", GREY).pixels == 255).all()
    assert (read_picture(tmp_path / "a.png", (4, 4, 6)).pixels[3] == 0).all()


def bomb(path: Path, side: int) -> None:
    """A PNG of some bytes that says that it has side² pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 999)))


def animated(path: Path) -> None:
    frames = [Image.new("L", (6, 4), shade) for shade in (0, 99, 200)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=10)


def truncated(path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:500])


BAD = [
    ("a.png", lambda path: path.write_text("words"), "is no picture that can be read"),
    ("a.png", lambda path: path.write_bytes(b""), "is no picture that can be read"),
    ("a.eps", lambda path: path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"), "is no picture"),
    ("a.png", truncated, "cannot be read as a picture"),
    ("a.jpg", truncated, "cannot be read as a picture"),
    ("a.png", lambda path: bomb(path, 9000), "9000×9000 pixels, more than"),
    ("a.png", lambda path: bomb(path, 60000), "more than 67108864 pixels"),
    ("a.gif", animated, "holds 3 pictures"),
    ("a.png", animated, "holds 3 pictures"),
    ("a.tiff", animated, "holds 3 pictures"),
    ("a.webp", animated, "holds 3 pictures"),
    ("a.png", lambda path: Image.new("I;16", (6, 4), 999).save(path), "more than 8 bits a channel"),
    ("a.tiff", lambda path: Image.new("F", (6, 4), 0.5).save(path), "more than 8 bits a channel"),
    ("a.png", lambda path: path.mkdir(), "cannot be read"),
    ("a.png", lambda path: None, "cannot be read"),
]


@pytest.mark.parametrize(("name", "make", "said"), BAD)
def test_what_is_no_usable_picture_is_refused(name: str, make, said: str, tmp_path: Path) -> None:
    make(tmp_path / name)
    with pytest.raises(DataError, match=said) as problem:
        read_picture(tmp_path / name, GREY)
    assert str(tmp_path / name) in str(problem.value)


def test_too_big_a_file_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "PICTURE_BYTES_MAX", 10)
    Image.new("L", (6, 4)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="more than 10"):
        read_picture(tmp_path / "a.png", GREY)
