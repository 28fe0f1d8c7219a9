"""One child process of the daemon: started, spoken to in frames, watched, ended.

Rules
1. `killed` and `ended` are facts about the operating system's process: `wait_ended` returns only after it was reaped,
   when the kernel has taken every byte of it back.
2. A child that is gone answers nothing any more: each waiting request raises `ChildGoneError`, even if its answer was
   on the way. Whether to ask another child is the caller's decision.
3. Nothing secret is in a child's arguments; HDUS_ variables of the daemon are not passed on.

Absent on purpose: when to start a child again (`predictor`, `trainer`).
"""

import asyncio
import contextlib
import itertools
import logging
import os
import sys
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hdus_peer import errors
from hdus_peer.errors import HdusError, WorkerError
from hdus_peer.freed_memory import without_overwriting
from hdus_peer.workers.frames import Frame, pack, read_frame

log = logging.getLogger(__name__)

STREAM_BYTES = 1 << 18
LOG_LINE_BYTES_MAX = 2048
LAST_LINES = 10
TERMINATE_S = 3.0
LAST_WORDS_S = 1.0


class ChildGoneError(WorkerError):
    """The child ended before its answer; another one may be asked."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to start: `python -m MODULE ARGUMENTS`, with these variables on top of the usual."""

    module: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


Listener = Callable[[dict[str, Any]], None]
"""Takes the header of each frame that answers no request; must not raise."""


class Child:
    """A running child. Made by `start_child` alone."""

    def __init__(self, process: asyncio.subprocess.Process, name: str, listener: Listener | None) -> None:
        self.name = name
        self.killed = False
        self._process = process
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Frame]] = {}
        self._listener = listener
        self._last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._ended = asyncio.Event()
        self._gone = False
        self._watcher = asyncio.create_task(self._watch(), name=f"watch-{name}")

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def gone(self) -> bool:
        """Whether it can answer no more: killed, found dead, or its pipe broke, which may be seen before its end is."""
        return self.killed or self._gone or self._input().is_closing()

    @property
    def ended(self) -> bool:
        """Whether it was reaped."""
        return self._ended.is_set()

    def describe_end(self) -> str:
        """For people: how it ended, and the last line that it wrote."""
        line = f": {self._last_lines[-1]}" if self._last_lines else ""
        return f"{self.name} ended with status {self._process.returncode}{line}"

    async def ask(self, request: dict[str, Any], body: bytes = b"") -> Frame:
        """Send one request and wait for its answer. Raises ChildGoneError, or the error that the child answered."""
        posted = self.post(request, body)
        try:
            with contextlib.suppress(ConnectionError):  # the watcher sees its end and fails the request
                await self._input().drain()
            return await self.answer(posted)
        finally:
            posted.cancel()

    def post(self, request: dict[str, Any], body: bytes = b"") -> asyncio.Future[Frame]:
        """Send one request at once, before anything that is sent later; `answer` waits for what comes of it."""
        number = next(self._numbers)
        answered: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        answered.add_done_callback(lambda _: self._waiting.pop(number, None))
        self._waiting[number] = answered
        if self.gone:
            self._fail_waiting()
        else:
            self._input().write(pack({"id": number, **request}, body))
        return answered

    async def answer(self, posted: asyncio.Future[Frame]) -> Frame:
        """The answer to a posted request. Raises as `ask` does."""
        header, body = await posted
        if self.killed:
            raise ChildGoneError(f"{self.name} was ended")
        if "error" in header:
            raise raised(header["error"])
        return header["ok"], body

    def kill(self) -> None:
        """End it now; no answer of it counts from here on. `wait_ended` says when it is gone."""
        if self._gone:
            return
        self.killed = True
        self._fail_waiting()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def wait_ended(self) -> None:
        """Return once the process is reaped: then no byte of it is left in memory."""
        await self._ended.wait()

    async def terminate(self) -> None:
        """Ask it to end, and kill it where it does not within three seconds."""
        self.killed = True
        self._fail_waiting()
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._ended.wait(), TERMINATE_S)
        except TimeoutError:
            self.kill()
            await self._ended.wait()

    def _input(self) -> asyncio.StreamWriter:
        assert self._process.stdin is not None, "started with a pipe"
        return self._process.stdin

    async def _watch(self) -> None:
        """Until its end: give its frames to those who wait for them; then nobody waits any longer."""
        reading = asyncio.create_task(self._read_errors())
        try:
            await self._read_frames()
        except (WorkerError, ValueError) as problem:
            log.warning("%s sent what is no frame (%s); it is ended", self.name, problem)
            self._process.kill()
        finally:
            self._gone = True
            self._fail_waiting()
            await self._reap()
            await asyncio.wait({reading}, timeout=LAST_WORDS_S)
            reading.cancel()
            self._input().close()
            self._ended.set()

    async def _reap(self) -> None:
        """It closed its channel, so it is about to end; what hangs there is killed."""
        try:
            await asyncio.wait_for(self._process.wait(), LAST_WORDS_S)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    async def _read_frames(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None, "started with a pipe"
        while (frame := await read_frame(stdout)) is not None:
            number = frame[0].get("id")
            if number is not None:
                self._answer(number, frame)
            elif self._listener is not None:
                self._listener(frame[0])
            else:
                raise WorkerError("nobody asked for it")

    def _answer(self, number: int, frame: Frame) -> None:
        answered = self._waiting.get(number)  # None where the asker gave up
        if answered is not None and not answered.done():
            answered.set_result(frame)

    async def _read_errors(self) -> None:
        """What it writes to stderr goes to the log, line by line, cut to a bounded length."""
        stderr = self._process.stderr
        assert stderr is not None, "started with a pipe"
        rest = b""
        while part := await stderr.read(LOG_LINE_BYTES_MAX):
            *lines, rest = (rest + part).split(b"\n")
            rest = rest[-LOG_LINE_BYTES_MAX:]
            for line in lines:
                self._log_line(line)
        self._log_line(rest)

    def _log_line(self, line: bytes) -> None:
        if text := line[:LOG_LINE_BYTES_MAX].decode(errors="replace").strip():
            self._last_lines.append(text)
            log.info("%s: %s", self.name, text)

    def _fail_waiting(self) -> None:
        for answered in tuple(self._waiting.values()):
            if not answered.done():
                answered.set_exception(ChildGoneError(f"{self.name} is gone"))


async def start_child(program: Program, name: str, listener: Listener | None = None) -> Child:
    """Start `program`; `name` is for the log. Raises WorkerError."""
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            program.module,
            *program.arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=_environment(program.environment),
            limit=STREAM_BYTES,
        )
    except OSError as problem:
        raise WorkerError(f"{name} cannot be started ({problem.strerror}); free memory or processes") from problem
    return Child(process, f"{name}[{process.pid}]", listener)


def raised(error: dict[str, str]) -> HdusError:
    """The product's error that a child reported as {"kind", "message"}; of a kind unknown here, a WorkerError."""
    kind = getattr(errors, error["kind"], WorkerError)
    is_ours = isinstance(kind, type) and issubclass(kind, HdusError)
    return kind(error["message"]) if is_ours else WorkerError(error["message"])


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    usual = {name: value for name, value in without_overwriting(os.environ).items() if not name.startswith("HDUS_")}
    return {**usual, "PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1", **extra}
