"""Published data sets by their file names here: where they come from, how they are checked, and how they are read.

Rule: what was fetched is used only if its MD5 is the published one; archives are read in memory and never unpacked onto
the disk. Sources of addresses and sums: the pages of MNIST (LeCun, Cortes, Burges; by the mirror that PyTorch keeps),
Fashion-MNIST (Zalando, MIT licence) and CIFAR-10 (Krizhevsky; research use with citation).
"""

import gzip
import hashlib
import io
import tarfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdus_peer.durable import write_durably
from hdus_peer.errors import DataError

Arrays = dict[str, NDArray[np.uint8]]
TIMEOUT_S = 60
DOWNLOAD_BYTES_MAX = 1 << 29
CIFAR_RECORD = 1 + 3 * 32 * 32


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a data set; `md5`: as published."""

    address: str
    md5: str


@dataclass(frozen=True, slots=True)
class DataSet:
    """`parts` in the order that `read` takes their contents."""

    parts: tuple[Part, ...]
    read: Callable[[Sequence[bytes]], Arrays]


def fetch(known: DataSet, target: Path) -> None:
    """Download, check and store as .npz. Raises DataError or StorageError."""
    try:
        arrays: dict[str, Any] = known.read([_content(part) for part in known.parts])
    except (ValueError, KeyError, EOFError, OSError, zlib.error, tarfile.TarError) as problem:
        raise DataError(f"what was fetched for {target.name} cannot be read ({problem}); fetch it by hand") from problem
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    write_durably(target, file.getvalue(), mode=0o644)


def read_idx(contents: Sequence[bytes]) -> Arrays:
    """MNIST's form: training pictures and labels, test pictures and labels, each gzip-compressed IDX of bytes."""
    names = ("x_train", "y_train", "x_test", "y_test")
    return {name: _idx(gzip.decompress(content)) for name, content in zip(names, contents, strict=True)}


def read_cifar(contents: Sequence[bytes]) -> Arrays:
    """CIFAR-10's binary form: records of a label and a picture, channels first; ours are channels last."""
    (content,) = contents
    batches = {"train": [f"data_batch_{number}.bin" for number in range(1, 6)], "test": ["test_batch.bin"]}
    arrays: Arrays = {}
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        for part, names in batches.items():
            found = [archive.extractfile(f"cifar-10-batches-bin/{name}") for name in names]
            raw = b"".join(stream.read() for stream in found if stream is not None)
            records = np.frombuffer(raw, dtype=np.uint8).reshape(-1, CIFAR_RECORD)
            arrays[f"x_{part}"] = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
            arrays[f"y_{part}"] = records[:, 0]
    return arrays


def _idx(raw: bytes) -> NDArray[np.uint8]:
    """IDX of unsigned bytes: two zeros, 8, the number of axes, their lengths, the values."""
    if raw[:3] != b"\0\0\x08":
        raise ValueError("no IDX file of bytes")
    axes = np.frombuffer(raw, dtype=">u4", count=raw[3], offset=4)
    return np.frombuffer(raw, dtype=np.uint8, offset=4 + 4 * raw[3]).reshape(*map(int, axes))


def _content(part: Part) -> bytes:
    try:
        with urllib.request.urlopen(part.address, timeout=TIMEOUT_S) as answer:
            content: bytes = answer.read(DOWNLOAD_BYTES_MAX)
    except (urllib.error.URLError, TimeoutError, OSError) as problem:
        raise DataError(f"{part.address} cannot be fetched ({problem}); try again, or use --data-dir") from problem
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != part.md5:
        raise DataError(f"{part.address} is not what was published (MD5 {found}, not {part.md5}); nothing was kept")
    return content


def _mnist_like(base: str, *sums: str) -> DataSet:
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    parts = (Part(f"{base}{name}-ubyte.gz", md5) for name, md5 in zip(names, sums, strict=True))
    return DataSet(tuple(parts), read_idx)


KNOWN: dict[str, DataSet] = {
    "mnist.npz": _mnist_like(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    ),
    "fashion_mnist.npz": _mnist_like(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ),
    "cifar10.npz": DataSet(
        (Part("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"),),
        read_cifar,
    ),
}
