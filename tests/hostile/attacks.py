"""Attacks of a member with valid credentials. Each goes on until it is cancelled, as fast as it can, and never minds an
error: whoever is hung up on comes back.

`SCALE` multiplies what is opened or invented beforehand: `make hostile` attacks on a larger one.
"""

import asyncio
import contextlib
import itertools
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import grpc

from hdus_peer.domain.envelope import sign
from hdus_peer.domain.seed import GENERATION_MAX
from hdus_peer.protocol.messages import (
    BUCKETS,
    Announce,
    AnnounceRequest,
    Heartbeat,
    Inventory,
    InventoryItem,
    KeyRequest,
    Message,
    Notices,
    TombstoneDigest,
    TombstoneRequest,
)
from hdus_peer.transport.channel import IDENTIFY, UPLOAD
from hdus_peer.transport.codec import encode_frame
from hdus_peer.transport.health import WATCH
from tests.hostile import bombs
from tests.hostile.member import OwnSeed
from tests.hostile.raw import HTTP2_PREFACE, RawMember
from tests.hostile.scene import Scene

SCALE = int(os.environ.get("HOSTILE_SCALE", "1"))
GIB = 1 << 30
BROKEN = (grpc.RpcError, grpc.aio.BaseError, asyncio.InvalidStateError, OSError, TimeoutError)

Attack = Callable[[Scene, RawMember], Awaitable[None]]


async def for_ever() -> None:
    await asyncio.Event().wait()


# --- connections and streams ------------------------------------------------------------------------------------------
async def unfinished_handshakes(scene: Scene, mallory: RawMember) -> None:
    """TCP connections on which TLS never begins."""
    await _opened(lambda: mallory.connect(tls=False), 300 * SCALE)


async def silent_connections(scene: Scene, mallory: RawMember) -> None:
    """A handshake, HTTP/2's first bytes, and nothing more."""
    await _opened(lambda: mallory.connect(HTTP2_PREFACE), 50 * SCALE)


async def streams_that_never_end(scene: Scene, mallory: RawMember) -> None:
    """Watches, uploads and links, 16 on each connection, none of which says anything."""
    calls = []
    for _ in range(8 * SCALE):
        channel = mallory.channel()
        calls += [channel.unary_stream(WATCH)(b"") for _ in range(8)]
        calls += [channel.stream_unary(UPLOAD)() for _ in range(8)]
    await for_ever()


async def links_again_and_again(scene: Scene, mallory: RawMember) -> None:
    """Each new link takes the place of the one before."""
    while True:
        await _despite_errors(mallory.link)


async def calls_without_a_pause(scene: Scene, mallory: RawMember) -> None:
    async def ask(channel: Any) -> None:
        while True:
            with contextlib.suppress(*BROKEN):
                await channel.unary_unary(IDENTIFY)(b"")

    await asyncio.gather(*(ask(channel) for channel in [mallory.channel() for _ in range(4)] for _ in range(16)))


async def packed_bombs(scene: Scene, mallory: RawMember) -> None:
    """Zeros that gzip makes a thousand times smaller."""
    channel, zeros = mallory.channel(), bytes(16 << 20)
    while True:
        with contextlib.suppress(*BROKEN):
            await channel.unary_unary(IDENTIFY)(zeros, compression=grpc.Compression.Gzip)


async def _opened(connect: Callable[[], Awaitable[object]], count: int) -> None:
    for _ in range(count):
        with contextlib.suppress(*BROKEN):
            await connect()
    await for_ever()


async def _despite_errors(link: Callable[[], Awaitable[Any]]) -> Any:
    while True:
        with contextlib.suppress(*BROKEN):
            return await link()
        await asyncio.sleep(0)


# --- frames -----------------------------------------------------------------------------------------------------------
def flood_of(frames: Callable[[Scene, RawMember], Iterator[bytes]], *, reads: bool = True) -> Attack:
    """An attack that says these frames over a link, and links again where it is hung up on."""

    async def flood(scene: Scene, mallory: RawMember) -> None:
        said = frames(scene, mallory)
        while True:
            link = await _despite_errors(lambda: mallory.link(reads=reads))
            with contextlib.suppress(*BROKEN):
                for frame in said:
                    await link.write(frame)

    return flood


def garbage(scene: Scene, mallory: RawMember) -> Iterator[bytes]:
    yield from itertools.repeat(b"\xff\x00\xfe this is no protobuf \x80\x81")


def heartbeats(scene: Scene, mallory: RawMember) -> Iterator[bytes]:
    yield from itertools.repeat(encode_frame(Heartbeat("", 1, 1)))


def large_frames(scene: Scene, mallory: RawMember) -> Iterator[bytes]:
    yield from itertools.cycle(bombs.FRAMES.values())


def false_signatures(scene: Scene, mallory: RawMember) -> Iterator[bytes]:
    signed = sign(mallory.me.credentials.identity, seed_of(scene, mallory).manifest)
    broken = replace(signed, envelope=replace(signed.envelope, signature=bytes(64)))
    yield from itertools.repeat(encode_frame(Announce(broken)))


def announcements(scene: Scene, mallory: RawMember) -> Iterator[bytes]:
    """One generation after another, of payloads that do not exist; each is of 10 GB where it is no multiple of ten."""
    honest = seed_of(scene, mallory).manifest
    for number in itertools.count(1):
        size = honest.payload_bytes if number % 10 == 0 else 10 * GIB
        payload = f"{number:064x}"
        claimed = replace(honest, generation=honest.generation + number, payload_sha256=payload, payload_bytes=size)
        yield encode_frame(Announce(sign(mallory.me.credentials.identity, claimed)))


def two_seeds_under_each_generation(scene: Scene, mallory: RawMember) -> Iterator[bytes]:
    honest = seed_of(scene, mallory).manifest
    for number in itertools.count(1):
        for payload in (f"{2 * number:064x}", f"{2 * number + 1:064x}"):
            claimed = replace(honest, generation=honest.generation + number, payload_sha256=payload)
            yield encode_frame(Announce(sign(mallory.me.credentials.identity, claimed)))


def own_notices(scene: Scene, mallory: RawMember) -> Iterator[bytes]:
    """It leaves through 1, through 2, through 3, …"""
    for through in itertools.count(1):
        yield encode_frame(Notices((mallory.me.leave_notice(through),), last=False))


def forged_notices(scene: Scene, mallory: RawMember) -> Iterator[bytes]:
    """In bela's name: the victim must neither erase bela's seed nor pass anything on."""
    for through in itertools.count(int(time.time())):
        yield encode_frame(Notices((mallory.me.notice(scene.bela_credentials, through),), last=False))


def inventories(scene: Scene, mallory: RawMember) -> Iterator[bytes]:
    """It says that it holds what it does not: the victim's seed, bela's, under every generation and hash."""
    bela, generations = scene.bela_credentials.peer_id, itertools.count(int(time.time()) - 10**6)
    while True:
        names = [(owner, next(generations) % GENERATION_MAX) for owner in (scene.id, bela) for _ in range(500)]
        yield encode_frame(Inventory(tuple(InventoryItem(*name, "ab" * 32) for name in names)))


def questions(scene: Scene, mallory: RawMember) -> Iterator[bytes]:
    """Small, and each with a longer answer."""
    asked: tuple[Message, ...] = (
        TombstoneRequest(tuple(range(BUCKETS))),
        TombstoneDigest(("f" * 64,) * BUCKETS),
        AnnounceRequest(),
        KeyRequest(1, "ab" * 32, 1, "cd" * 16),
    )
    yield from itertools.cycle(map(encode_frame, asked))


def seed_of(scene: Scene, mallory: RawMember) -> OwnSeed:
    return mallory.me.make_seed(scene.plaintext, scene.schema)


# --- all of them ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Named:
    """An attack, and the words of which at least one stands beside the attacker's name in `status`; without any, it is
    over before the victim can know who it is."""

    attack: Attack
    words: frozenset[str]


ATTACKS: dict[str, Named] = {
    "unfinished-handshakes": Named(unfinished_handshakes, frozenset()),
    "silent-connections": Named(silent_connections, frozenset()),
    "packed-bombs": Named(packed_bombs, frozenset()),
    "streams-that-never-end": Named(streams_that_never_end, frozenset({"flooding"})),
    "links-again-and-again": Named(links_again_and_again, frozenset({"flooding"})),
    "calls-without-a-pause": Named(calls_without_a_pause, frozenset({"flooding"})),
    "garbage": Named(flood_of(garbage), frozenset({"malformed"})),
    "heartbeats": Named(flood_of(heartbeats), frozenset({"flooding"})),
    "large-frames": Named(flood_of(large_frames), frozenset({"malformed"})),
    "false-signatures": Named(flood_of(false_signatures), frozenset({"forged"})),
    "announcements": Named(flood_of(announcements), frozenset({"too-big"})),
    "two-seeds-under-each-generation": Named(flood_of(two_seeds_under_each_generation), frozenset({"equivocation"})),
    "own-notices": Named(flood_of(own_notices), frozenset({"flooding"})),
    "forged-notices": Named(flood_of(forged_notices), frozenset({"not-owner"})),
    "inventories": Named(flood_of(inventories), frozenset({"flooding"})),
    "questions-without-reading": Named(flood_of(questions, reads=False), frozenset({"flooding", "unread"})),
}
