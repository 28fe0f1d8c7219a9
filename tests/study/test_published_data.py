"""Published archives are fetched from a server, checked, and read as the product reads any other data."""

import gzip
import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from hdus_peer.errors import DataError
from hdus_peer.study.files import needed_files
from hdus_peer.study.plan_file import read_plan
from hdus_peer.study.published_data import KNOWN, DataSet, Part, fetch, read_cifar, read_idx


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address under which its files are served."""
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(folder))) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{httpd.server_address[1]}"
        httpd.shutdown()
        thread.join()


def served(server: tuple[Path, str], name: str, content: bytes) -> Part:
    folder, address = server
    (folder / name).write_bytes(content)
    return Part(f"{address}/{name}", hashlib.md5(content, usedforsecurity=False).hexdigest())


def idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">u4").tobytes()
    return gzip.compress(header + array.tobytes())


def test_idx_files_become_arrays(server: tuple[Path, str], tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    x, y = random.integers(0, 256, (5, 28, 28), dtype=np.uint8), np.arange(5, dtype=np.uint8)
    arrays = {"x_train": x, "y_train": y, "x_test": x[:2], "y_test": y[:2]}
    parts = tuple(served(server, f"{name}.gz", idx(array)) for name, array in arrays.items())
    fetch(DataSet(parts, read_idx), tmp_path / "data" / "mnist.npz")
    with np.load(tmp_path / "data" / "mnist.npz", allow_pickle=False) as found:
        for name, array in arrays.items():
            assert np.array_equal(found[name], array)


def test_cifar_becomes_pictures_with_channels_last(server: tuple[Path, str], tmp_path: Path) -> None:
    pictures = np.random.default_rng(1).integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)
    records = [bytes([number % 10]) + pictures[number].transpose(2, 0, 1).tobytes() for number in range(12)]
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        names = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]
        for place, name in enumerate(names):
            content = records[2 * place] + records[2 * place + 1]
            entry = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    fetch(DataSet((served(server, "cifar.tar.gz", file.getvalue()),), read_cifar), tmp_path / "cifar10.npz")
    with np.load(tmp_path / "cifar10.npz", allow_pickle=False) as found:
        assert np.array_equal(found["x_train"], pictures[:10])
        assert np.array_equal(found["x_test"], pictures[10:])
        assert found["y_train"].tolist() == list(range(10))


def test_what_is_not_as_published_is_not_kept(server: tuple[Path, str], tmp_path: Path) -> None:
    part = served(server, "x.gz", b"something else")
    with pytest.raises(DataError, match="is not what was published"):
        fetch(DataSet((Part(part.address, "0" * 32),), read_idx), tmp_path / "x.npz")
    with pytest.raises(DataError, match="cannot be fetched"):
        fetch(DataSet((Part(f"{part.address}.nowhere", part.md5),), read_idx), tmp_path / "x.npz")
    with pytest.raises(DataError, match="cannot be read"):
        fetch(DataSet((part,), read_cifar), tmp_path / "x.npz")
    assert not (tmp_path / "x.npz").exists()


@pytest.mark.parametrize("plan", ["paper-mnist", "paper-fashion-mnist", "paper-cifar10", "unlearn"])
def test_the_data_of_the_paper_can_be_fetched(plan: str) -> None:
    assert set(needed_files(read_plan(plan))) <= set(KNOWN)
