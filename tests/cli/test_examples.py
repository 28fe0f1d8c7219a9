"""Every example in the help of every command is run, as it stands, in a place where it can work.

The place: a home directory and a directory of work with the files that examples name, a network in `~/home`, and a peer
`./mira` whose daemon is one in memory. `~` is that home; `/media/stick` is a directory of the test. A pipe goes to the
real program where it is installed, else what precedes it is run. What needs a daemon that really learns, or the network
of this machine, stands in ELSEWHERE with the place that runs it; it must still be understood.
"""

import dataclasses
import inspect
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from hdus_peer.admission import authority
from hdus_peer.cli import manual
from hdus_peer.cli.root import root
from hdus_peer.repository.durable import DurableRepository
from tests.control.memory_daemon import STATUS, MemoryDaemon, served

KEPT = re.compile(r"\n\s*\n")
PROGRAM = "hdus-peer "
STICK = "/media/stick"


def lines_of(text: str) -> list[str]:
    """The commands in the paragraphs whose lines are kept, without the remarks behind them."""
    kept = [part for part in KEPT.split(inspect.cleandoc(text)) if part.startswith("\b")]
    lines = [line.strip() for part in kept for line in part.splitlines() if line.strip().startswith(PROGRAM)]
    return [re.sub(r" {2,}.*", "", line) for line in lines]


def examples() -> list[str]:
    found = [
        line
        for _, context in manual.commands(root)
        for text in (context.command.help or "", context.command.epilog or "")
        for line in lines_of(text)
    ]
    return list(dict.fromkeys(found))


ELSEWHERE = {
    "hdus-peer start": "a daemon that learns: tests/docs/test_readme.py",
    "hdus-peer simulate --hours 500": "an hour and more: tests/simulation/test_campaign.py",
    "hdus-peer demo": "a minute of real peers: tests/demo/test_demo.py",
    "hdus-peer study run": "minutes of training: tests/study/test_run.py",
    "hdus-peer study report": "what a study left: tests/study/test_run.py",
    "hdus-peer health": "a peer port that answers: tests/cli/test_health.py",
    "hdus-peer doctor": "what it finds is this machine's: tests/cli/test_doctor.py",
    "hdus-peer certificate": "a leave that was proved: tests/cli/test_certificate.py",
}
BEFORE = {
    "hdus-peer network sign anna.request --network ~/home": ["hdus-peer network request anna --root root.pem"],
    "hdus-peer network sign anna.request --network home": ["hdus-peer network request anna --root root.pem"],
    "hdus-peer network sign anna.request --network ~/home --name pi-4 --days 90 --out /media/stick/pi-4.grant": [
        "hdus-peer network request anna --root root.pem"
    ],
    "hdus-peer network accept anna.grant": [
        "hdus-peer network request anna --root root.pem",
        "hdus-peer network sign anna.request --network ~/home",
    ],
    "hdus-peer network accept /media/stick/anna.grant --state ./anna": [
        "hdus-peer network request anna --root root.pem --state ./anna",
        "hdus-peer network sign anna.request --network ~/home --out /media/stick/anna.grant",
    ],
    "hdus-peer network revoke anna --network home --yes": ["hdus-peer network issue anna --network home"],
    "hdus-peer network revoke anna --network ~/home --yes": ["hdus-peer network issue anna --network ~/home"],
    "hdus-peer network revoke anna --network ~/home --out /media/stick/anna.revocation --yes": [
        "hdus-peer network issue anna --network ~/home"
    ],
}
"""What has to be done before an example can be."""

ABSENT = {
    "hdus-peer network create home --task digits": "work/home",
    "hdus-peer network create ~/home --task digits": "user/home",
    "hdus-peer init": "work/peer.toml",
    "hdus-peer init --yes --credentials mira.credentials --data npz:mine.npz --main resnet20": "work/peer.toml",
}
"""What must not be there yet."""

ANSWERS = {"hdus-peer init": "\n" * 40}
"""What a person types who takes every proposal."""


@pytest.fixture(scope="module")
def admitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network `home` with credentials of mira, made once."""
    place = tmp_path_factory.mktemp("admitted")
    authority.create_network(place / "home", "home", "digits")
    authority.issue_file(place / "home", "mira", place / "mira.credentials")
    return place


class Place:
    """Where examples are run."""

    def __init__(self, directory: Path, admitted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home, self.work, self.stick = directory / "user", directory / "work", directory / "stick"
        for made in (self.home, self.work, self.stick, self.work / "mira"):
            made.mkdir()
        shutil.copytree(admitted / "home", self.home / "home")
        (self.work / "home").symlink_to(self.home / "home")
        shutil.copy(self.home / "home" / "root.pem", self.work)
        for target in (self.work, self.work / "mira" / "credentials"):
            shutil.copy(admitted / "mira.credentials", target)
        DurableRepository(self.work / "mira").close()
        self._write_files()
        monkeypatch.setenv("HOME", str(self.home))
        monkeypatch.setenv("HDUS_STATE_DIRECTORY", str(self.work / "mira"))
        monkeypatch.chdir(self.work)

    def _write_files(self) -> None:
        rows = np.ones((25, 64), dtype=np.float32)
        np.savetxt(self.work / "rows.csv", rows[:2], delimiter=",")
        for name in ("test.npz", "mnist.npz", "mine.npz", "withdrawn.npz"):
            labels = np.arange(25) % 10
            np.savez(self.work / name, x_train=rows, y_train=labels, x_test=rows, y_test=labels)
        Image.new("L", (8, 8)).save(self.work / "seven.png")
        (self.work / "peer.toml").write_text('[train]\nmain = "mlp"\n')
        for place in (self.home, self.work):
            shutil.copy(self.home / "home" / "task.toml", place)

    def remove(self, name: str) -> None:
        path = self.work.parent / name
        if path.is_file() or path.is_symlink():
            path.unlink()
        elif name:
            shutil.rmtree(path)

    def run(self, line: str) -> Result:
        """Type it; what follows a pipe or a `>` is the shell's."""
        typed, _, rest = line.partition(" | ")
        typed, _, target = typed.partition(" > ")
        words = [self._expanded(word) for word in shlex.split(typed)[1:]]
        result = CliRunner().invoke(root, words, input=ANSWERS.get(line, ""), prog_name="hdus-peer")
        if target:
            file = Path(self._expanded(target))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(result.stdout)
        if rest and shutil.which(rest.split()[0]):
            piped = subprocess.run(
                ["bash", "-c", rest], input=result.stdout, capture_output=True, text=True, timeout=60, check=False
            )
            assert (piped.returncode, piped.stderr) == (0, ""), line
        return result

    def _expanded(self, word: str) -> str:
        return re.sub(r"^~", str(self.home), word).replace(STICK, str(self.stick))


@pytest.fixture
def place(tmp_path: Path, admitted: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(Path(tmp_path), admitted, monkeypatch)


def reason_elsewhere(line: str) -> str:
    return next((reason for start, reason in ELSEWHERE.items() if line.startswith(start)), "")


def parameter(line: str) -> object:
    """An example as a test of its own; `init` looks at the network for some seconds."""
    return pytest.param(line, marks=[pytest.mark.slow] if line.startswith("hdus-peer init") else [], id=line)


@pytest.mark.parametrize("line", [parameter(line) for line in examples() if not reason_elsewhere(line)])
def test_the_example_runs(line: str, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.remove(ABSENT.get(line, ""))
    if any(each.startswith("hdus-peer network request anna") for each in (line, *BEFORE.get(line, []))):
        monkeypatch.setenv("HDUS_STATE_DIRECTORY", str(place.work / "new"))  # a device that is no member yet
    daemon = MemoryDaemon()
    if line == "hdus-peer leave":
        daemon.statuses = [dataclasses.replace(STATUS, phase="leaving")]  # else it asks, which needs a person
    with served(daemon, place.work / "mira"):
        for earlier in BEFORE.get(line, []):
            prepared = place.run(earlier)
            assert prepared.exit_code == 0, (earlier, prepared.output)
        result = place.run(line)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("line", [line for line in examples() if reason_elsewhere(line)])
def test_an_example_that_is_run_elsewhere_is_understood(line: str) -> None:
    words = shlex.split(line.partition(" | ")[0])[1:]
    context = click.Context(root, info_name="hdus-peer", **root.context_settings)
    command: click.Command = root
    while isinstance(command, click.Group) and words:
        found = command.get_command(context, words.pop(0))
        assert found is not None
        command = found
    command.make_context(command.name, words, parent=context)


def test_every_command_has_an_example_that_begins_with_its_words() -> None:
    found = examples()
    for words, context in manual.commands(root):
        if words and not isinstance(context.command, click.Group):
            assert any(line.startswith(PROGRAM + " ".join(words)) for line in found), words


def test_nothing_is_listed_that_is_no_example() -> None:
    found = examples()
    for start, reason in ELSEWHERE.items():
        assert any(line.startswith(start) for line in found), start
        assert (Path(__file__).parents[2] / reason.partition(": ")[2]).is_file(), reason
    assert {*BEFORE, *ABSENT, *ANSWERS} <= set(found)
