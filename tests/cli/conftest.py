"""A daemon in memory behind a real control socket, and a way to type a command."""

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hdus_peer.cli.root import root
from tests.control.memory_daemon import MemoryDaemon, served

Typed = Callable[..., Result]


@pytest.fixture
def state() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hdus-", dir="/tmp") as directory:
        yield Path(directory)


@pytest.fixture
def daemon(state: Path) -> Iterator[MemoryDaemon]:
    memory = MemoryDaemon()
    with served(memory, state):
        yield memory


@pytest.fixture
def typed(state: Path) -> Typed:
    """Types `hdus-peer ARGUMENTS` with the state directory in the environment."""

    def run(*arguments: str, stdin: str | None = None) -> Result:
        environment = {"HDUS_STATE_DIRECTORY": str(state)}
        return CliRunner().invoke(root, arguments, input=stdin, env=environment, prog_name="hdus-peer")

    return run


@pytest.fixture
def asked(typed: Typed) -> Callable[..., Any]:
    """Types a command with --json that must succeed; its answer."""

    def run(*arguments: str) -> Any:
        result = typed(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return run
