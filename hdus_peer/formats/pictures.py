"""One picture file as an array of the task's shape, by steps that depend on the file and the task alone:

1. turned upright as its EXIF orientation says;
2. what is transparent is laid on white (unless the task has four channels);
3. converted to the task's channels: 1 grey (ITU-R 601 luma), 3 RGB, 4 RGBA, 8 bits each;
4. stretched to the task's height and width, each pixel the mean of the area that it covers (box filter).

Rules
1. Only the raster formats below are decoded. Others are refused, and so are several pictures in one file: which one
   would be meant? More than 8 bits a channel are refused as well: to cut them would turn most into white.
2. Size in bytes and in pixels is looked at before anything is decoded.
"""

import struct
import warnings
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from hdus_peer.errors import DataError

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
PICTURE_BYTES_MAX = 256 << 20
PIXELS_MAX = 1 << 26
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
"""Pillow's mode for each number of channels that a task of pictures may have."""
_BROKEN = (OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error, IndexError)


class Picture(NamedTuple):
    """`pixels`: uint8 (channels, height, width). `width` and `height`: what the file had."""

    pixels: NDArray[np.uint8]
    width: int
    height: int


def takes_pictures(shape: tuple[int, ...]) -> bool:
    """Whether samples of `shape` can be made from picture files."""
    return len(shape) == 3 and shape[0] in MODES


def read_picture(file: Path, shape: tuple[int, ...]) -> Picture:
    """`shape`: (channels, height, width), with 1, 3 or 4 channels. Raises DataError that names the file."""
    try:
        with file.open("rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is lower
            if (size := file.stat().st_size) > PICTURE_BYTES_MAX:
                raise DataError(f"{file} has {size} bytes, more than {PICTURE_BYTES_MAX}; store it smaller")
            with Image.open(stream, formats=FORMATS) as opened:
                _check_one_picture(opened, file)
                return _converted(opened, shape)
    except UnidentifiedImageError:
        raise DataError(f"{file} is no picture that can be read ({', '.join(FORMATS)}); remove or convert it") from None
    except Image.DecompressionBombError:
        raise DataError(f"{file} has more than {PIXELS_MAX} pixels; store it smaller") from None
    except _BROKEN as problem:
        said = getattr(problem, "strerror", None) or problem
        raise DataError(f"{file} cannot be read as a picture ({said}); mend or remove it") from problem


def _check_one_picture(opened: Image.Image, file: Path) -> None:
    width, height = opened.size
    if width * height > PIXELS_MAX:
        raise DataError(f"{file} has {width}×{height} pixels, more than {PIXELS_MAX}; store it smaller")
    if (frames := getattr(opened, "n_frames", 1)) > 1:
        raise DataError(f"{file} holds {frames} pictures (an animation, or pages); store one of them by itself")
    if opened.mode.startswith(("I", "F")):
        raise DataError(f"{file} has more than 8 bits a channel ({opened.mode}); store it with 8 bits")


def _converted(opened: Image.Image, shape: tuple[int, ...]) -> Picture:
    channels, height, width = shape
    picture: Any = ImageOps.exif_transpose(opened)
    if channels < 4 and picture.has_transparency_data:
        layer = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    resized = picture.convert(MODES[channels]).resize((width, height), Image.Resampling.BOX)
    pixels = np.asarray(resized, dtype=np.uint8).reshape(height, width, channels)
    return Picture(np.ascontiguousarray(pixels.transpose(2, 0, 1)), picture.width, picture.height)
