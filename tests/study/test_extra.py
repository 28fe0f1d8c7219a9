"""What is not installed is named with the command that installs it."""

import subprocess
import sys
from pathlib import Path

import pytest

WITHOUT_PYARROW = """
import sys
from importlib.machinery import PathFinder

found = PathFinder.find_spec
PathFinder.find_spec = classmethod(lambda cls, name, *rest: None if name == "pyarrow" else found(name, *rest))
from hdus_peer.cli import main

main()
"""


@pytest.mark.parametrize("words", [["run", "smoke", "--out", "nowhere"], ["report", "nowhere"]])
def test_a_missing_package_is_said(words: list[str], tmp_path: Path) -> None:
    typed = [sys.executable, "-c", WITHOUT_PYARROW, "study", *words]
    ended = subprocess.run(typed, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert ended.returncode == 2
    assert ended.stderr == "hdus-peer: pyarrow is not installed: pip install 'hdus-peer[study]'\n"
