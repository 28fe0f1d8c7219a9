"""The task of the demo's network, made as its operator would: a preset for digits, a task.toml for an `.npz` file.

Rule: this is done once, before any peer exists, and travels in the credentials. No peer infers a task.
"""

import math
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdus_peer.demo.plan import to_toml
from hdus_peer.errors import ConfigurationError, DataError

LOOKED_AT_MAX = 2000
PICTURE_SIDE_MIN = 4
DIGITS = "digits"
_PICTURE_SEEDS = ["mobilenet-s", "resnet8"]

Array = NDArray[Any]


def absolute_source(data: str) -> str:
    """`data` with an absolute path, so that it means the same from anywhere. Raises ConfigurationError."""
    if data == DIGITS:
        return data
    if not data.startswith("npz:") or data == "npz:":
        raise ConfigurationError(f"--data {data} is neither digits nor npz:FILE[#x=NAME,y=NAME]: choose one of them")
    path, hash_mark, names = data.removeprefix("npz:").partition("#")
    return f"npz:{Path(path).expanduser().absolute()}{hash_mark}{names}"


def write_task(data: str, file: Path) -> str:
    """What `network create --task` takes for `data` (as `absolute_source` gives it): a preset, or `file`, written
    here. Raises DataError."""
    if data == DIGITS:
        return DIGITS
    x, y, name = _read(data)
    file.write_text(task_text(x, y, name), encoding="utf-8")
    return str(file)


def is_picture(shape: tuple[int, ...]) -> bool:
    """Whether samples of `shape` (channels first) suit the architectures for pictures."""
    return len(shape) == 3 and min(shape[1:]) >= PICTURE_SIDE_MIN


def task_text(x: Array, y: Array, name: str) -> str:
    """The task.toml of samples (n, H, W), (n, H, W, C) or (n, features) with labels (n,)."""
    seen = x[:: max(1, len(x) // LOOKED_AT_MAX)].astype(np.float64)
    shape, channels_last = _shape_of(seen)
    scale = 255.0 if x.dtype == np.uint8 else max(1.0, float(np.abs(seen).max()))
    values = channels_last.reshape(-1, channels_last.shape[-1]) / scale
    mean, std = values.mean(axis=0), values.std(axis=0)
    lines = {
        "name": re.sub(r"[^A-Za-z0-9._-]", "-", name).strip("-._")[:40] or "demo",
        "classes": [str(label) for label in np.unique(y)],
        "shape": list(shape),
        "scale": scale,
        "mean": [round(float(each), 6) for each in mean],
        "std": [round(float(each), 6) if each > 0 else 1.0 for each in std],
        "seed_architectures": _PICTURE_SEEDS if is_picture(shape) else ["mlp"],
    }
    return to_toml({"": lines})


def _shape_of(x: Array) -> tuple[tuple[int, ...], Array]:
    """The task's shape (channels first), and the samples with the axis that is normalised last."""
    if x.ndim == 3:
        return (1, *x.shape[1:]), x[..., None]
    if x.ndim == 4:
        return (x.shape[3], *x.shape[1:3]), x
    return (math.prod(x.shape[1:]),), x.reshape(len(x), -1)


def _read(data: str) -> tuple[Array, Array, str]:
    path, _, chosen = data.removeprefix("npz:").partition("#")
    names = dict(item.split("=", 1) for item in chosen.split(",") if "=" in item)
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as archive:
            x_name = names.get("x") or ("x_train" if "x_train" in archive.files else "x")
            y_name = names.get("y") or ("y_train" if "x" not in names and "x_train" in archive.files else "y")
            x, y = archive[x_name], archive[y_name]
    except FileNotFoundError:
        raise DataError(f"there is no file {path}: check the path behind npz:") from None
    except KeyError as problem:
        raise DataError(f"{path} has no array {problem}: name samples and labels, npz:FILE#x=NAME,y=NAME") from problem
    except (OSError, ValueError, TypeError, AttributeError, zipfile.BadZipFile) as problem:
        raise DataError(f"{path} cannot be read as .npz ({problem}): store it with numpy.savez") from problem
    if x.ndim < 2 or x.dtype.kind not in "buif" or len(x) != len(y) or not len(x):
        raise DataError(f"{path}: {x_name} {x.shape} and {y_name} {y.shape} are no samples with one label each")
    return x, y, Path(path).stem
