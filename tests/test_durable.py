"""A full disk or a wrong place is a sentence, and leaves the old bytes as they were."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hdus_peer.durable import remove_durably, write_durably
from hdus_peer.errors import StorageError


@contextmanager
def small_files() -> Iterator[None]:
    """No file grows beyond 1,000 bytes. Never longer than one call: it is the whole process's limit, and the test
    runner's own output, if it goes to a file, is one of these files."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    write_durably(path, b"old")
    with small_files(), pytest.raises(StorageError, match="cannot be written"):
        write_durably(path, b"x" * 5000)
    assert path.read_bytes() == b"old"


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    write_durably(tmp_path / "folder" / "file", b"content")
    assert oct((tmp_path / "folder" / "file").stat().st_mode)[-3:] == "600"
    assert oct((tmp_path / "folder").stat().st_mode)[-3:] == "700"


def test_a_failed_write_leaves_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(StorageError, match="cannot be written"):
        write_durably(tmp_path / "file", b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    remove_durably(tmp_path / "nowhere" / "file")
    with pytest.raises(StorageError, match="cannot be removed"):
        remove_durably(tmp_path)
