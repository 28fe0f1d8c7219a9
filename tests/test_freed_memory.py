"""A program that begins again with an allocator that overwrites; its children are spared."""

import json
import os
import subprocess
import sys

import pytest

from hdus_peer.freed_memory import VARIABLES, without_overwriting

PROGRAM = """
import json, os, sys
from hdus_peer.freed_memory import overwrite_freed_memory
print(os.getpid(), flush=True)
overwrite_freed_memory()
print(json.dumps([sys.argv[1:], dict(os.environ)]))
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="glibc alone can overwrite what is freed")


def begun(environment: dict[str, str]) -> tuple[list[str], list[str], dict[str, str]]:
    """The process ids under which the program said hello; its arguments and environment at last."""
    usual = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    command = [sys.executable, "-c", PROGRAM, "an argument", "--another"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**usual, **environment})
    *pids, last = done.stdout.splitlines()
    return pids, *json.loads(last)


def test_it_begins_again_once_as_the_same_process() -> None:
    pids, arguments, environment = begun({"OTHER": "is kept"})
    assert len(pids) == 2
    assert len(set(pids)) == 1
    assert arguments == ["an argument", "--another"]
    assert VARIABLES.items() <= environment.items()
    assert environment["OTHER"] == "is kept"


def test_what_an_operator_has_set_stays() -> None:
    chosen = dict.fromkeys(VARIABLES, "")
    pids, _, environment = begun(chosen)
    assert len(pids) == 1
    assert chosen.items() <= environment.items()
    assert begun({"PYTHONMALLOC": "pymalloc"})[2]["PYTHONMALLOC"] == "pymalloc"


def test_a_child_has_nothing_of_it() -> None:
    assert without_overwriting({**VARIABLES, "PATH": "/bin"}) == {"PATH": "/bin"}
    assert without_overwriting({"PYTHONMALLOC": "debug"}) == {"PYTHONMALLOC": "debug"}, "somebody's own choice"
