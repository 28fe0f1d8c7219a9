"""Completion: the scripts are understood by their shells, and complete what there is, fast."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hdus_peer.cli.completion import SHELLS, VARIABLE
from hdus_peer.cli.root import COMMANDS
from tests.cli.conftest import Typed


def completed(line: str) -> list[str]:
    """What bash is offered after `line`."""
    words = line.split(" ")
    asked = {VARIABLE: "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    found = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "from hdus_peer.cli import main; main()"],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert "grpc" not in found.stderr
    assert "rich" not in found.stderr
    return [each.partition(",")[2] for each in found.stdout.splitlines()]


def test_commands_options_and_choices() -> None:
    assert set(completed("hdus-peer ")) == set(COMMANDS)
    assert "--follow" in completed("hdus-peer logs --f")
    assert completed("hdus-peer logs --level w") == ["warning"]
    assert "create" in completed("hdus-peer network c")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_understood_by_its_shell(shell: str, typed: Typed, tmp_path: Path) -> None:
    shown = typed("completion", shell)
    assert (shown.exit_code, VARIABLE in shown.stdout) == (0, True)
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / "script"
    script.write_text(shown.stdout)
    assert subprocess.run([shell, "-n", script], capture_output=True, timeout=30, check=True).stderr == b""


def test_bash_completes_with_it(typed: Typed, tmp_path: Path) -> None:
    """The installed line, a word, and what bash's own completion of it says."""
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    program = tmp_path / "hdus-peer"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "from hdus_peer.cli import main; main()" "$@"\n')
    program.chmod(0o755)
    script = (
        'eval "$(hdus-peer completion bash)"; COMP_WORDS=(hdus-peer even); COMP_CWORD=1;'
        '_hdus_peer_completion hdus-peer; echo "${COMPREPLY[@]}"'
    )
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    shown = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, timeout=30)
    assert shown.stdout == "events\n", shown.stderr


def test_a_shell_that_is_none(typed: Typed) -> None:
    shown = typed("completion", "csh")
    assert shown.exit_code == 2
    assert "'bash', 'zsh', 'fish'" in shown.stderr
