"""A network of real processes for each test; its members were trained once for the whole run."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # before gRPC loads: nothing here uses it in a forked child

from tests.integration.peers import Network, Trained, network


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return Trained(tmp_path_factory.mktemp("trained"))


@pytest.fixture
def peers(trained: Trained, tmp_path: Path) -> Iterator[Network]:
    with network(trained, tmp_path) as made:
        yield made


@pytest.fixture
def tmpfs(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Makes one small file system of its own, with these mount options; skips the test where nobody may mount."""
    directory = tmp_path / "disk"

    def mount(options: str) -> Path:
        if shutil.which("mount") is None or os.geteuid() != 0:
            pytest.skip("a file system of its own can be mounted by root only")
        directory.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "none", directory], capture_output=True, text=True, check=False
        )
        if mounted.returncode:
            pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
        return directory

    yield mount
    if directory.is_mount():
        subprocess.run(["umount", "--lazy", directory], check=True)
