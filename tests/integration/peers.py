"""Real peers for tests: `hdus-peer start` as processes of their own, spoken to as their owner would.

Rules
1. Nothing sleeps: what is waited for is a line of the peer's log, a change of its status, or its end, with a deadline.
2. Whatever happens in a test, `Network.close` ends every process of every group and fails where one was left behind.
3. A failure shows the end of the log of the peer that it is about.
4. Peers listen on a loopback address of this test process alone, so that nobody else can take their ports.
"""

import itertools
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from hdus_peer.admission import authority
from hdus_peer.control.client import ControlClient
from hdus_peer.control.port import HolderView, PeerStatus, PeerView, SeedView

PATIENCE_S = 40.0
END_S = 15.0
LOG_LINES_SHOWN = 40

TASK = """
name = "small-digits"
classes = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
shape = [1, 8, 8]
scale = 16.0
mean = [0.3053]
std = [0.3761]
seed_architectures = ["mlp", "mobilenet-s"]
"""

SETTINGS: dict[str, object] = {
    "network.mdns": False,
    "limits.ballast_bytes": 65_536,
    "timing.heartbeat_interval_s": 0.5,
    "timing.suspect_after_s": 4.0,
    "timing.gone_after_s": 8.0,
    "timing.dial_retry_max_s": 0.5,
    "data.samples": 120,
    "data.reference_samples": 80,
    "data.test_samples": 60,
    "train.main": "mlp",
    "train.seed_model": "mlp",
    "train.epochs_max": 2,
    "distil.steps": 10,
    "log.level": "debug",
}
"""Everything a test needs of training in a second; a crash is noticed late enough for a machine under load."""

Entry = dict[str, Any]


def loopback_address() -> str:
    """An address of the loopback that belongs to this process, by its id."""
    pid = os.getpid()
    return f"127.{64 + (pid >> 16) % 64}.{(pid >> 8) % 256}.{pid % 256}"


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "hdus_peer.cli", *arguments]


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("HDUS_")}


@dataclass(frozen=True, slots=True)
class Typed:
    """What a command ended with; `answer`: the JSON that it printed, or {}."""

    code: int
    answer: Any
    errors: str


@dataclass(eq=False, slots=True)
class Peer:
    """One member's device. `start` may be called again after its process ended; `entries` are the log lines of all
    runs, so that a wait may name the one after which it looks. `before`: a command that its own is run by."""

    name: str
    state: Path
    credentials: Path
    settings: dict[str, object]
    entries: list[Entry] = field(default_factory=list)
    before: tuple[str, ...] = ()
    _process: subprocess.Popen[bytes] | None = None
    _family: list[psutil.Process] = field(default_factory=list)
    _news: threading.Condition = field(default_factory=threading.Condition)
    _reader: threading.Thread | None = None
    _stdout: Path | None = None
    _is_over: bool = False

    # --- processes --------------------------------------------------------------------------------------------------
    def start(self, *flags: str, **settings: object) -> "Peer":
        """Start the process; returns at once. `settings` with `__` for the dot go before those of the peer."""
        given = {**self.settings, **{key.replace("__", "."): value for key, value in settings.items()}}
        sets = [f"--set={key}={_text(value)}" for key, value in given.items()]
        places = [f"--state={self.state}", f"--credentials={self.credentials}"]
        self._stdout = self.credentials.with_name(f"{self.state.name}.out")
        with self._stdout.open("wb") as out:
            self._process = subprocess.Popen(
                [*self.before, *command("start", "--json", *places, *sets, *flags)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.PIPE,
                env=environment(),
                start_new_session=True,
            )
        self._is_over = False
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()
        return self

    def _read(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stderr is not None
        with process.stderr:
            for line in process.stderr:
                with self._news:
                    self.entries.append(_entry(line))
                    self._news.notify_all()
        with self._news:
            self._is_over = True
            self._news.notify_all()

    @property
    def process(self) -> psutil.Process:
        assert self._process is not None, f"{self.name} was never started"
        return psutil.Process(self._process.pid)

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def child(self, module: str) -> psutil.Process:
        """The oldest child that runs `hdus_peer.MODULE`."""
        return self.children(module)[0]

    def children(self, module: str = "") -> list[psutil.Process]:
        """Children that run `hdus_peer.MODULE`, or all of them, oldest first."""
        found = [each for each in self.process.children() if f"hdus_peer.{module}" in " ".join(_arguments(each))]
        return sorted(found, key=lambda each: each.create_time())

    def send_signal(self, number: signal.Signals) -> None:
        """To the daemon alone; its children are remembered, so that `ended` sees whether one outlived it."""
        assert self._process is not None
        self._family = self._children_now()
        self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, and wait until neither the daemon nor a child of it is left."""
        self.send_signal(signal.SIGKILL)
        assert self.ended() == -signal.SIGKILL

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask for an orderly end, and see that it is one."""
        self.send_signal(number)
        assert self.ended() == 0, self.report("it did not end in order")

    def ended(self, within_s: float = END_S) -> int:
        """The exit code; fails where it still runs after `within_s`, or a child outlived it."""
        assert self._process is not None
        assert self._reader is not None
        try:
            code = self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(self.report(f"it still runs after {within_s} s")) from None
        self._reader.join(within_s)
        left = outliving(self._family, within_s)
        assert not left, self.report(f"children outlived it: {left}")
        return code

    def end(self) -> int:
        """Wait for an end that comes by itself."""
        self._family = self._children_now()
        return self.ended(PATIENCE_S)

    def _children_now(self) -> list[psutil.Process]:
        try:
            return self.process.children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def copied(self, state: Path, listen: str) -> "Peer":
        """Another device with this one's credentials, not started, and with a log of its own."""
        return Peer(self.name, state, self.credentials, {**self.settings, "network.listen": listen})

    def refused_start(self, *flags: str, **settings: object) -> Typed:
        """Start, and wait for the end that is expected."""
        self.start(*flags, **settings)
        return self.refusal()

    def refusal(self) -> Typed:
        """What the process ended with, and what it said on stdout."""
        code = self.ended(PATIENCE_S)
        assert self._stdout is not None
        return Typed(code, _json(self._stdout.read_text()), "")

    def reap(self) -> list[psutil.Process]:
        """End everything that is left of the group; what outlived its daemon."""
        if self._process is None:
            return []
        self._process.kill()
        self._process.wait()
        assert self._reader is not None
        self._reader.join()
        alive = outliving([each for each in psutil.process_iter() if _group(each.pid) == self._process.pid], END_S)
        for each in alive:
            each.kill()
        return alive

    # --- what it says -----------------------------------------------------------------------------------------------
    @property
    def mark(self) -> int:
        """Where the log ends now."""
        return len(self.entries)

    def saw(self, event: str, since: int = 0, **fields: object) -> list[Entry]:
        """The log's entries of this event from `since` on, with these fields."""
        wanted = {"event": event, **fields}.items()
        return [entry for entry in self.entries[since:] if wanted <= entry.items()]

    def wait_event(self, event: str, since: int = 0, within_s: float = PATIENCE_S, **fields: object) -> Entry:
        """The first such entry."""
        found = self.wait_event_or_end(event, since, within_s, **fields)
        assert found is not None, self.report(f"it ended before {event} {fields}")
        return found

    def wait_event_or_end(
        self, event: str, since: int = 0, within_s: float = PATIENCE_S, **fields: object
    ) -> Entry | None:
        """The first such entry; None where the process ended without one."""
        with self._news:
            if not self._news.wait_for(lambda: self.saw(event, since, **fields) or self._is_over, within_s):
                raise AssertionError(self.report(f"no {event} {fields} within {within_s} s"))
        return next(iter(self.saw(event, since, **fields)), None)

    def wait_lines(self, count: int, within_s: float = PATIENCE_S) -> None:
        """Until its log has so many lines."""
        with self._news:
            if not self._news.wait_for(lambda: len(self.entries) >= count, within_s):
                raise AssertionError(self.report(f"no {count} lines within {within_s} s"))

    @contextmanager
    def client(self) -> Iterator[ControlClient]:
        with ControlClient(self.state) as client:
            yield client

    def status(self) -> PeerStatus:
        with self.client() as client:
            return client.status()

    def peers(self) -> dict[str, PeerView]:
        """What it knows of others, by name."""
        with self.client() as client:
            return {view.name: view for view in client.peers()}

    def seeds(self) -> dict[str, SeedView]:
        """The seeds that it holds, by the owner's name."""
        with self.client() as client:
            return {view.name: view for view in client.seeds()}

    def holders(self) -> list[HolderView]:
        """Its holder ledger."""
        with self.client() as client:
            return client.holders()

    def wait(self, reached: Callable[[PeerStatus], bool], goal: str, within_s: float = PATIENCE_S) -> PeerStatus:
        """The first status that `reached` takes."""
        deadline, last = time.monotonic() + within_s, None
        with self.client() as client:
            for last in client.watch():
                if reached(last):
                    return last
                if time.monotonic() > deadline:
                    raise AssertionError(self.report(f"not reached within {within_s} s: {goal}; last {last}"))
        raise AssertionError(self.report(f"it ended before {goal}; last {last}"))

    def wait_for(self, holds: Callable[[], object], goal: str, within_s: float = PATIENCE_S) -> None:
        """Look at every change of the status whether `holds`."""
        self.wait(lambda _: bool(holds()), goal, within_s)

    def wait_serving(self, *owners: str, within_s: float = PATIENCE_S) -> None:
        """Until the ensemble is made of the seeds of exactly these members."""
        wanted = sorted(owners)
        self.wait(
            lambda now: not now.ensemble.pending and self._names(now) == wanted and sorted(self.seeds()) == wanted,
            f"an ensemble of {wanted}",
            within_s,
        )

    def _names(self, now: PeerStatus) -> list[str]:
        by_id = {view.peer: name for name, view in self.peers().items()}
        return sorted(by_id.get(owner, owner) for owner in now.ensemble.owners)

    def typed(self, name: str, *arguments: str) -> Typed:
        """`hdus-peer NAME … --json` for this peer's state directory."""
        done = subprocess.run(
            command(*name.split(), "--json", f"--state={self.state}", *arguments),
            capture_output=True,
            text=True,
            env=environment(),
            timeout=3 * PATIENCE_S,
            check=False,
        )
        return Typed(done.returncode, _json(done.stdout), done.stderr)

    def files(self, *folders: str) -> set[str]:
        """Names of the payload and key files (or of those of `folders`), without the tags."""
        found = [path for folder in folders or ("seeds", "keys") for path in (self.state / folder).iterdir()]
        return {f"{path.parent.name}/{path.name}" for path in found if path.name != "CACHEDIR.TAG"}

    def report(self, problem: str) -> str:
        """`problem`, with the end of this peer's log."""
        told = [entry for entry in self.entries if entry["event"] != "Unreached"][-LOG_LINES_SHOWN:]
        lines = "\n".join(f"    {json.dumps(entry)}" for entry in told)
        out = self._stdout.read_text() if self._stdout is not None else ""
        return f"{self.name}: {problem}\n{out}The end of its log:\n{lines}"


class Trained:
    """A network's authority, and the state directories of members that have trained once: copied, never run on."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.root = directory / "network"
        self._issued: set[str] = set()
        self._ready: set[str] = set()
        task = directory / "task.toml"
        task.write_text(TASK)
        authority.create_network(self.root, "tests", str(task))

    def credentials(self, name: str) -> Path:
        file = self.directory / f"{name}.credentials"
        if name not in self._issued:
            authority.issue_file(self.root, name, file)
            self._issued.add(name)
        return file

    def state(self, name: str) -> Path:
        return self.directory / name

    def prepare(self, *names: str) -> None:
        """Train those that have not; each alone, and with the random seed of its name."""
        missing = [name for name in names if name not in self._ready]
        with network(self, self.directory) as alone:
            peers = [
                alone.add(Peer(name, self.state(name), self.credentials(name), settings(name))) for name in missing
            ]
            for peer in peers:
                peer.start()
            for peer in peers:
                peer.wait_event("TrainingDone")
                peer.stop()
        self._ready.update(missing)


def settings(name: str) -> dict[str, object]:
    """The configuration of a member without neighbours; the shard is by its name, so that no two are equal."""
    return {**SETTINGS, "network.listen": "127.0.0.1:0", "train.random_seed": sum(name.encode())}


_ports = itertools.count(20_000)


class Network:
    """The peers of one test, in its directory."""

    def __init__(self, trained: Trained, directory: Path) -> None:
        self.trained = trained
        self.directory = directory
        self._peers: list[Peer] = []
        self._addresses: dict[str, str] = {}

    def add(self, peer: Peer) -> Peer:
        """Have `peer` reaped at the end."""
        self._peers.append(peer)
        return peer

    def address(self, name: str) -> str:
        """Where `name` listens in this test."""
        return self._addresses.setdefault(name, f"{loopback_address()}:{next(_ports)}")

    def peer(self, name: str, *, fresh: bool = False, knows: tuple[str, ...] = (), **more: object) -> Peer:
        """A trained member (`fresh`: one with an empty state directory), not started. `knows`: whom it may dial;
        `more`: settings with `__` for the dot."""
        state, file = self.directory / name, self.directory / f"{name}.credentials"
        shutil.copy(self.trained.credentials(name), file)
        if not fresh:
            self.trained.prepare(name)
            shutil.copytree(self.trained.state(name), state)
        given = {key.replace("__", "."): value for key, value in more.items()}
        known = [self.address(other) for other in knows]
        listen = {"network.listen": self.address(name), "network.static_peers": known}
        return self.add(Peer(name, state, file, {**settings(name), **listen, **given}))

    def peers(self, *names: str, **more: object) -> list[Peer]:
        """Trained members that know one another's addresses, started."""
        self.trained.prepare(*names)
        others = {name: tuple(other for other in names if other != name) for name in names}
        return [self.peer(name, knows=others[name], **more).start() for name in names]

    def meshed(self, *names: str, **more: object) -> list[Peer]:
        """The same, once every seed has arrived everywhere and is in use."""
        started = self.peers(*names, **more)
        for peer in started:
            peer.wait_event("Started")
        for peer in started:
            peer.wait_serving(*(name for name in names if name != peer.name))
        return started

    def close(self) -> None:
        left = {peer.name: alive for peer in self._peers if (alive := peer.reap())}
        assert not left, f"processes outlived their daemon: {left}"


@contextmanager
def network(trained: Trained, directory: Path) -> Iterator[Network]:
    made = Network(trained, directory)
    try:
        yield made
    finally:
        made.close()


def outliving(processes: list[psutil.Process], within_s: float) -> list[psutil.Process]:
    """Those that have not ended `within_s` from now. (Ended is enough: an orphan may wait long to be reaped.)"""
    deadline = time.monotonic() + within_s
    return [each for each in processes if not _ends_by(each.pid, deadline)]


def _ends_by(pid: int, deadline: float) -> bool:
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], max(0.0, deadline - time.monotonic()))[0])
    finally:
        os.close(process)


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _entry(line: bytes) -> Entry:
    try:
        entry: Entry = json.loads(line)
    except ValueError:
        return {"event": "", "text": line.decode(errors="replace").rstrip()}
    return entry


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {}


def _arguments(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return -1
