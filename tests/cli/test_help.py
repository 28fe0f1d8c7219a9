"""What `--help` says is reviewed text: a change of it shows in the diff of `tests/cli/help`."""

import subprocess
import sys
from importlib.util import find_spec

from hdus_peer.cli.root import COMMANDS, EPILOG
from hdus_peer.errors import HdusError
from tests.cli.write_help import HELP, pages

HEAVY = ("rich", "grpc", "pydantic", "numpy", "torch", "cryptography", "asyncio", "hdus_peer.daemon")


def test_help_is_as_committed() -> None:
    committed = {file.name: file.read_text(encoding="utf-8") for file in HELP.glob("*.txt")}
    assert dict(pages()) == committed, "if this is wanted, type: python -m tests.cli.write_help"


def test_every_command_has_an_example() -> None:
    for name, text in pages():
        words = name.removesuffix(".txt").split("-")[2:]
        if words not in (["network"], ["certificate"], ["config"], ["study"]):
            assert "Examples" in text, name
            assert f"hdus-peer {' '.join(words)}".strip() in text.split("Examples")[1], name


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from click.testing import CliRunner; from hdus_peer.cli.root import root;"
        f"before = set(sys.modules); shown = CliRunner().invoke(root, ['--help']); assert shown.exit_code == 0;"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "[]"


def test_every_exit_code_of_an_error_is_documented() -> None:
    documented = {int(line.split()[0]) for line in EPILOG.splitlines() if line[:5].strip().isdigit()}
    assert {kind.exit_code for kind in _kinds(HdusError)} <= documented


def _kinds(kind: type[HdusError]) -> list[type[HdusError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in _kinds(child))]


def test_every_command_has_a_file_of_its_name() -> None:
    assert len(set(COMMANDS)) == len(COMMANDS)
    for name in COMMANDS:
        assert find_spec(f"hdus_peer.cli.{name}") is not None, name
