"""(h) How many bytes an owner sends to a neighbour for a new seed, beside the size of that seed.

Two daemons that know each other through a counting relay alone. The owner trains again and publishes; counted is what
goes from it to the holder, TLS and everything, from `SeedPublished` to the holder's `SeedAdopted` in their logs and a
moment longer. Heartbeats that fall into that time count too.
"""

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from statistics import median

from benchmarks.peers import Peer, running, until, until_complete, until_quiet
from benchmarks.place import Place
from benchmarks.plan import HOST, free_ports, write_config
from benchmarks.rows import Row

GOAL = 1.05
SEEDS = ("mobilenet-s", "mobilenet-m")
SETTLED_S = 0.3
TIMEOUT_S = 60.0
READ_BYTES = 1 << 16


def measure(place: Place) -> list[Row]:
    return [_measure(place, seed) for seed in SEEDS]


@dataclass
class Relay:
    """Passes bytes between whoever connects at `port` and `target`, and notes when how many went where."""

    port: int
    target: int
    out: list[tuple[float, int]] = field(default_factory=list)
    back: list[tuple[float, int]] = field(default_factory=list)

    async def serve(self, ready: threading.Event) -> None:
        server = await asyncio.start_server(self._connected, HOST, self.port)
        ready.set()
        async with server:
            await server.serve_forever()

    async def _connected(self, near: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        try:
            far, far_out = await asyncio.open_connection(HOST, self.target)
        except ConnectionRefusedError:  # the target is not up yet: the caller sees what it would see without us
            near_out.close()
            return
        await asyncio.gather(_pass_on(near, far_out, self.out), _pass_on(far, near_out, self.back))


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter, noted: list[tuple[float, int]]) -> None:
    try:
        while data := await source.read(READ_BYTES):
            noted.append((time.time(), len(data)))
            target.write(data)
            await target.drain()
    except ConnectionError:
        pass  # one side is gone, and so is the connection
    finally:
        target.close()


@contextmanager
def _relaying(relay: Relay) -> Iterator[None]:
    ready, loop = threading.Event(), asyncio.new_event_loop()
    serving = loop.create_task(relay.serve(ready))

    def run() -> None:
        try:
            loop.run_until_complete(serving)
        except asyncio.CancelledError:
            loop.run_until_complete(loop.shutdown_asyncgens())

    thread = threading.Thread(target=run, name="relay")
    thread.start()
    try:
        ready.wait(TIMEOUT_S)
        yield
    finally:
        loop.call_soon_threadsafe(serving.cancel)
        thread.join()
        loop.close()


def _measure(place: Place, seed: str) -> Row:
    plan = place.copy("pair", place.pair(seed), static=True)
    (dialler_port, owner_port, relay_port) = free_ports(3)
    dialler = replace(plan.peers[0], listen=f"{HOST}:{dialler_port}")
    owner = replace(plan.peers[1], listen=f"{HOST}:{owner_port}")
    through = replace(owner, listen=f"{HOST}:{relay_port}")
    write_config(plan, dialler, others=(through,))
    write_config(plan, owner, others=())
    relay, peers = Relay(relay_port, owner_port), [Peer(dialler), Peer(owner)]
    with _relaying(relay), running(peers):
        until_complete(peers)
        found = [_publication(relay, *peers) for _ in range(place.effort.publications)]
        size = float(_size(peers[0], peers[1].plan.name))
    sent, answered = [each[0] for each in found], [each[1] for each in found]
    how = "owner to holder, TLS included, from publication to adoption / sealed seed; median"
    details = {"sent_bytes": median(sent), "seed_bytes": size, "answered_bytes": median(answered)}
    return Row("h", f"bytes for a seed of {seed}", median(sent) / size, "", GOAL, how, details)


def _publication(relay: Relay, holder: Peer, owner: Peer) -> tuple[int, int]:
    """Bytes from the owner to the holder, and back."""
    until_quiet([holder, owner])
    published, adopted = len(owner.events("SeedPublished")), len(holder.events("SeedAdopted"))
    with owner.client() as client:
        client.train()
    until(lambda: len(owner.events("SeedPublished")) > published, TIMEOUT_S, owner)
    until(lambda: len(holder.events("SeedAdopted")) > adopted, TIMEOUT_S, holder)
    time.sleep(SETTLED_S)
    begun_s = float(owner.events("SeedPublished")[-1]["time"]) - 0.02  # the log's milliseconds, and the commit before
    ended_s = float(holder.events("SeedAdopted")[-1]["time"]) + SETTLED_S
    return _between(relay.back, begun_s, ended_s), _between(relay.out, begun_s, ended_s)


def _between(noted: Sequence[tuple[float, int]], begun_s: float, ended_s: float) -> int:
    return sum(count for at_s, count in noted if begun_s <= at_s <= ended_s)


def _size(holder: Peer, owner: str) -> int:
    with holder.client() as client:
        return next(seed.payload_bytes for seed in client.seeds() if seed.name == owner)
