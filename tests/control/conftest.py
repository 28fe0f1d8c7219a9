"""State directories short enough for a socket, whatever pytest's own temporary directory is called."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def state() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hdus-", dir="/tmp") as directory:
        yield Path(directory)
