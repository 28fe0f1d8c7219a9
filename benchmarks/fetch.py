"""(b) Fetching a sealed payload until it is verified and durable, beside what nobody could do without.

10 MiB: beside a bare gRPC stream of the same bytes, over the same mutual TLS and loop, on a connection that is open
already, each chunk written while the next one comes, then fsync, rename, fsync of the directory; no hash is computed.
A real seed: beside one empty call and one durable commit. The owner is a process of its own.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, BinaryIO

import grpc
import uvloop

from benchmarks.empty_calls import tls_material
from benchmarks.endpoint import BARE_OPTIONS, BARE_STREAM, Holder
from benchmarks.figures import interval, ratios
from benchmarks.place import SEED, Place
from benchmarks.plan import HOST, environment
from benchmarks.rows import Row
from hdus_peer.admission.credentials import load
from hdus_peer.domain.identity import PeerId
from hdus_peer.driver.effects import Effects
from hdus_peer.protocol.records import FloorRow
from hdus_peer.protocol.step import Done, Fetched, Put, StartFetch
from hdus_peer.repository.durable import DurableRepository
from hdus_peer.transport.channel import IDENTIFY, open_channel
from hdus_peer.transport.grpc import GrpcTransport
from hdus_peer.transport.limits import TransportLimits
from hdus_peer.transport.tls import TlsMaterial, channel_credentials
from hdus_peer.workers.memory import MemoryPredictor

BULK_BYTES = 10 * 1024 * 1024
BULK_GOAL, SEED_GOAL = 1.3, 4.0
WARM_UP = 3

Measured = Callable[[], Awaitable[float]]


def measure(place: Place) -> list[Row]:
    plan = place.network("bulk", (SEED, SEED), SEED)
    owner, holder = plan.peers
    bulk = place.new_directory("payload") / "bulk"
    bulk.write_bytes(os.urandom(BULK_BYTES))
    (seed,) = (file for file in (place.trained.peers[0].state / "seeds").iterdir() if len(file.name) == 64)
    with (
        _owner_process(owner.credentials, bulk, seed) as found,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(_measure(place, found, holder.credentials, bulk, seed))


async def _measure(place: Place, owner: dict[str, str], credentials: Path, bulk: Path, seed: Path) -> list[Row]:
    directory, tls = place.new_directory("fetched"), tls_material(credentials)
    async with _holder(directory, credentials, owner) as holder, _bare(tls, owner) as bare:
        fetch_bulk = await _in_turns(
            lambda: holder.fetch(bulk), lambda: bare.stream_and_write(bulk, directory), place.effort.fetches
        )
        fetch_seed = await _in_turns(
            lambda: holder.fetch(seed), lambda: bare.call_and_commit(holder.repository), place.effort.fetches
        )
    return [
        _row(
            "fetch of 10 MiB", fetch_bulk, BULK_GOAL, "fetched, verified, durable / (bare gRPC stream + durable write)"
        ),
        _row(
            f"fetch of a real seed of {seed.stat().st_size} bytes",
            fetch_seed,
            SEED_GOAL,
            "fetched, verified, durable / (round trip + commit)",
        ),
    ]


class _Holder:
    """The product's side: repository, transport and effects as in a daemon."""

    def __init__(self, repository: DurableRepository, transport: GrpcTransport, owner: PeerId) -> None:
        self.repository = repository
        self._owner = owner
        self._done: asyncio.Queue[Done] = asyncio.Queue()
        self._effects = Effects(
            repository, transport, MemoryPredictor(), self._done.put_nowait, lambda event: print(event, file=sys.stderr)
        )

    async def fetch(self, file: Path) -> float:
        digest, size = hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_size
        began_s = time.perf_counter()
        self._effects.act(StartFetch(self._owner, digest, size))
        done = await self._done.get()
        took_s = time.perf_counter() - began_s
        if not isinstance(done, Fetched):
            raise RuntimeError(f"the fetch failed: {done}")
        await asyncio.to_thread(self.repository.destroy, (digest,))
        return took_s

    async def stop(self) -> None:
        await self._effects.stop()


class _Bare:
    """gRPC and files, and nothing else."""

    def __init__(self, stream: Any, calls: Any) -> None:
        self._stream, self._calls = stream, calls

    async def stream_and_write(self, file: Path, directory: Path) -> float:
        target, size = directory / "bare", file.stat().st_size
        began_s = time.perf_counter()
        await self._receive(size, target.with_suffix(".new"))
        await asyncio.to_thread(_rename_durably, target.with_suffix(".new"), target)
        took_s = time.perf_counter() - began_s
        target.unlink()
        return took_s

    async def call_and_commit(self, repository: DurableRepository) -> float:
        write = Put(FloorRow(PeerId("a" * 52), 1, secrets.token_hex(32)))
        began_s = time.perf_counter()
        await self._calls.unary_unary(IDENTIFY)(b"")
        await asyncio.to_thread(repository.commit, [write])
        return time.perf_counter() - began_s

    async def _receive(self, size: int, path: Path) -> None:
        """Written in a thread while the next chunk comes."""
        loop = asyncio.get_running_loop()
        writing: asyncio.Future[None] | None = None
        with path.open("wb", buffering=0) as file:
            call = self._stream.unary_stream(BARE_STREAM)(str(size).encode())
            while (chunk := await call.read()) is not grpc.aio.EOF:
                if writing is not None:
                    await writing
                writing = loop.run_in_executor(None, _write, file, chunk)
            if writing is not None:
                await writing
            await asyncio.to_thread(os.fsync, file.fileno())


def _write(file: BinaryIO, chunk: bytes) -> None:
    file.write(chunk)


def _rename_durably(source: Path, target: Path) -> None:
    source.rename(target)
    handle = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@asynccontextmanager
async def _holder(directory: Path, credentials: Path, owner: dict[str, str]) -> AsyncIterator[_Holder]:
    """Linked to the owner, as daemons are."""
    peer = PeerId(owner["peer"])
    transport = GrpcTransport(load(credentials).peer_id, tls_material(credentials), f"{HOST}:0")
    repository = DurableRepository(directory / "state")
    holder = _Holder(repository, transport, peer)
    await transport.start(Holder())
    try:
        await transport.dial(peer, owner["address"])
        yield holder
    finally:
        await holder.stop()
        await transport.stop()
        repository.close()


@asynccontextmanager
async def _bare(tls: TlsMaterial, owner: dict[str, str]) -> AsyncIterator[_Bare]:
    override = ("grpc.ssl_target_name_override", "any.peer.hdus")
    stream: Any = grpc.aio.secure_channel(owner["bare"], channel_credentials(tls), [*BARE_OPTIONS, override])
    calls: Any = open_channel(tls, PeerId(owner["peer"]), owner["address"], TransportLimits())
    try:
        yield _Bare(stream, calls)
    finally:
        await stream.close()
        await calls.close()


async def _in_turns(product: Measured, bare: Measured, rounds: int) -> tuple[list[float], list[float]]:
    for _ in range(WARM_UP):
        await product(), await bare()
    pairs = [(await product(), await bare()) for _ in range(rounds)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


@contextmanager
def _owner_process(credentials: Path, *files: Path) -> Iterator[dict[str, str]]:
    names = [str(credentials), *map(str, files)]
    owner = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.endpoint", *names], stdout=subprocess.PIPE, env=environment()
    )
    try:
        assert owner.stdout is not None, "a pipe"
        found: dict[str, str] = json.loads(owner.stdout.readline())
        yield found
    finally:
        with contextlib.suppress(ProcessLookupError):
            owner.kill()
        owner.communicate()


def _row(name: str, pairs: tuple[list[float], list[float]], goal: float, how: str) -> Row:
    found = ratios(*pairs)
    low, high = interval(found)
    details = {"low": low, "high": high, "ms": median(pairs[0]) * 1000, "bare_ms": median(pairs[1]) * 1000}
    return Row("b", name, median(found), "", goal, how, details)
