"""A disk that is really full or read-only: a tmpfs in a name space of a child, and a limit on the size of files."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.repository.full_disk import MOUNTED

ROOT = Path(__file__).parents[2]
NAME_SPACE = ["unshare", "--map-root-user", "--mount"]
DISK_BYTES = 8 << 20


def _may_mount() -> bool:
    try:
        return subprocess.run([*NAME_SPACE, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(not _may_mount(), reason="no right to mount a file system of its own here (unshare)")
@pytest.mark.parametrize("case", MOUNTED)
def test_on_a_disk_of_its_own(tmp_path: Path, case: str) -> None:
    mount = f"mount -t tmpfs -o size={DISK_BYTES} tmpfs {tmp_path}"
    child = [sys.executable, "-m", "tests.repository.full_disk", case, str(tmp_path)]
    _succeed([*NAME_SPACE, "sh", "-c", f'{mount} && exec "$@"', "sh", *child])


@pytest.mark.slow
def test_under_a_limit_on_the_size_of_files(tmp_path: Path) -> None:
    _succeed([sys.executable, "-m", "tests.repository.full_disk", "limited", str(tmp_path)])


def _succeed(command: list[str]) -> None:
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stdout + ended.stderr
