"""What every transport upholds (the rules of `hdus_peer.transport.port`), as tests over any implementation.

A subclass gives a `world` fixture. Nothing here sleeps: a `Node` records what its transport tells it, and waits for
that.
"""

import asyncio
import hashlib
import random
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Protocol

import pytest

from hdus_peer.domain.identity import Identity, PeerId
from hdus_peer.errors import RefusedError, RemoteError, UnreachableError
from hdus_peer.protocol.messages import Goodbye, Heartbeat, Message
from hdus_peer.transport.limits import TransportLimits
from hdus_peer.transport.port import Transport

PATIENCE_S = 20.0


class Payload:
    """A sealed payload in memory that knows how often it was closed. Reads wait for `gate`, which another thread than
    the event loop's waits for; a payload may claim another `size` than it has."""

    def __init__(self, content: bytes, size: int, gate: threading.Event, on_close: Callable[[], None]) -> None:
        self.content = content
        self.size = size
        self.closed = 0
        self._gate = gate
        self._on_close = on_close

    def read(self, offset: int, length: int) -> bytes:
        assert self._gate.wait(PATIENCE_S)
        assert not self.closed
        return self.content[offset : offset + length]

    def close(self) -> None:
        self.closed += 1
        self._on_close()


class Node:
    """One peer with its transport; the listener that writes everything down."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.me = identity.peer_id
        self.transport: Transport
        self.ups: list[tuple[PeerId, bool]] = []
        self.downs: list[tuple[PeerId, str]] = []
        self.messages: list[tuple[PeerId, Message]] = []
        self.refused: list[tuple[PeerId | None, str]] = []
        self.payloads: dict[str, bytes] = {}
        self.opened: list[Payload] = []
        self.shortens_payloads = False
        self._gate = threading.Event()
        self._gate.set()
        self._changed = asyncio.Event()

    def on_link_up(self, peer: PeerId, dialled: bool) -> None:
        assert peer not in self.linked, "a link was reported up while one was up"
        self.ups.append((peer, dialled))
        self._changed.set()

    def on_link_down(self, peer: PeerId, reason: str) -> None:
        assert peer in self.linked, "a link was reported down that was not up"
        self.downs.append((peer, reason))
        self._changed.set()

    def on_message(self, peer: PeerId, message: Message) -> None:
        assert peer in self.linked, "a message came over no link"
        self.messages.append((peer, message))
        self._changed.set()

    def on_refused(self, peer: PeerId | None, reason: str) -> None:
        assert reason.isalpha()
        self.refused.append((peer, reason))
        self._changed.set()

    def open_payload(self, peer: PeerId, payload_sha256: str) -> Payload | None:
        assert peer != self.me
        if payload_sha256 not in self.payloads:
            return None
        content = self.payloads[payload_sha256]
        kept = content[: len(content) // 2] if self.shortens_payloads else content
        self.opened.append(Payload(kept, len(content), self._gate, self._changed.set))
        self._changed.set()
        return self.opened[-1]

    @property
    def linked(self) -> set[PeerId]:
        ups = [peer for peer, _ in self.ups]
        downs = [peer for peer, _ in self.downs]
        return {peer for peer in ups if ups.count(peer) > downs.count(peer)}

    @property
    def everything_closed(self) -> bool:
        return all(payload.closed == 1 for payload in self.opened)

    def hold(self, size: int) -> str:
        """Hold a payload of pseudo-random bytes; its hash."""
        content = random.Random(size).randbytes(size)
        digest = hashlib.sha256(content).hexdigest()
        self.payloads[digest] = content
        return digest

    @contextmanager
    def reads_held(self) -> Iterator[None]:
        """No payload of this node can be read for a while."""
        self._gate.clear()
        try:
            yield
        finally:
            self._gate.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def dial(self, other: "Node") -> None:
        """Link with `other`, and wait until both know."""
        await self.transport.dial(other.me, other.transport.address)
        await other.until(lambda: self.me in other.linked)

    async def fetch(self, owner: "Node", digest: str, offset: int = 0, size: int | None = None) -> bytes:
        size = len(owner.payloads[digest]) if size is None else size
        return b"".join([chunk async for chunk in self.transport.fetch(owner.me, digest, offset, size)])

    async def fetch_slowly(self, owner: "Node", digest: str, at_each_chunk: Callable[[], Awaitable[None]]) -> None:
        """Fetch, and do something else after every chunk."""
        async with aclosing(self.transport.fetch(owner.me, digest, 0, len(owner.payloads[digest]))) as chunks:
            async for _ in chunks:
                await at_each_chunk()


class World(Protocol):
    """Makes started nodes and stops them all at the end."""

    async def join(self, identity: Identity | None = None, limits: TransportLimits | None = None) -> Node: ...

    async def nowhere(self) -> str:
        """An address at which nobody answers."""


async def in_time(work: Awaitable[object], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        await work


async def exhaust(chunks: AsyncIterator[bytes]) -> None:
    async for _ in chunks:
        pass


async def linked_pair(world: World, *, owner_dials: bool) -> tuple[Node, Node]:
    """An owner and a fetcher with a link; either dialled it."""
    owner, fetcher = await world.join(), await world.join()
    await (owner.dial(fetcher) if owner_dials else fetcher.dial(owner))
    return owner, fetcher


either_direction = pytest.mark.parametrize("owner_dials", [False, True], ids=["dialler-fetches", "accepted-fetches"])


class TransportContract:
    # --- links --------------------------------------------------------------------------------------------------------
    async def test_a_dial_brings_one_link_up_on_both_sides(self, world: World) -> None:
        ann, bob = await world.join(), await world.join()
        await ann.dial(bob)
        assert ann.ups == [(bob.me, True)]
        assert bob.ups == [(ann.me, False)]

    async def test_dialling_a_linked_peer_changes_nothing(self, world: World) -> None:
        ann, bob = await world.join(), await world.join()
        await ann.dial(bob)
        await ann.transport.dial(bob.me, bob.transport.address)
        await bob.transport.dial(ann.me, ann.transport.address)
        assert (len(ann.ups), len(bob.ups), ann.downs, bob.downs) == (1, 1, [], [])

    async def test_identify_says_who_is_there_and_opens_no_link(self, world: World) -> None:
        ann, bob = await world.join(), await world.join()
        assert await ann.transport.identify(bob.transport.address) == bob.me
        assert (ann.ups, bob.ups) == ([], [])

    async def test_nobody_there_is_unreachable(self, world: World) -> None:
        ann = await world.join()
        address = await world.nowhere()
        with pytest.raises(UnreachableError):
            await ann.transport.dial(Identity.generate().peer_id, address)
        with pytest.raises(UnreachableError):
            await ann.transport.identify(address)
        assert ann.ups == []

    async def test_a_wrong_peer_is_refused(self, world: World) -> None:
        ann, bob = await world.join(), await world.join()
        with pytest.raises(UnreachableError):
            await ann.transport.dial(Identity.generate().peer_id, bob.transport.address)
        assert (ann.ups, bob.ups) == ([], [])

    async def test_a_peer_does_not_dial_itself(self, world: World) -> None:
        ann = await world.join()
        with pytest.raises(UnreachableError):
            await ann.transport.dial(ann.me, ann.transport.address)
        assert ann.ups == []

    async def test_dials_that_cross_leave_one_link(self, world: World) -> None:
        for _ in range(5):
            ann, bob = await world.join(), await world.join()
            await asyncio.gather(ann.dial(bob), bob.dial(ann), ann.dial(bob))
            ann.transport.send(bob.me, Goodbye("to bob"))
            bob.transport.send(ann.me, Goodbye("to ann"))
            await ann.until(lambda ann=ann: len(ann.messages) == 1)
            await bob.until(lambda bob=bob: len(bob.messages) == 1)
            assert ann.linked == {bob.me}
            assert bob.linked == {ann.me}
            assert ann.ups[-1][1] is not bob.ups[-1][1], "each side must keep the same one of the two links"

    async def test_hanging_up_is_reported_once_on_both_sides(self, world: World) -> None:
        ann, bob = await world.join(), await world.join()
        await ann.dial(bob)
        ann.transport.hang_up(bob.me)
        ann.transport.hang_up(bob.me)
        assert ann.downs == [(bob.me, "hung up")]
        await bob.until(lambda: not bob.linked)
        assert len(bob.downs) == 1

    @pytest.mark.parametrize("dialler_hangs_up", [True, False])
    async def test_a_link_comes_up_again_after_hanging_up(self, world: World, dialler_hangs_up: bool) -> None:
        ann, bob = await world.join(), await world.join()
        await ann.dial(bob)
        one, other = (ann, bob) if dialler_hangs_up else (bob, ann)
        one.transport.hang_up(other.me)
        await one.transport.dial(other.me, other.transport.address)
        await other.until(lambda: len(other.ups) == 2)
        one.transport.send(other.me, Goodbye("again"))
        await other.until(lambda: other.messages == [(one.me, Goodbye("again"))])

    async def test_what_was_sent_before_hanging_up_arrives(self, world: World) -> None:
        ann, bob = await world.join(), await world.join()
        await ann.dial(bob)
        for one, other in ((ann, bob), (bob, ann)):
            one.transport.send(other.me, Goodbye("bye"))
        ann.transport.hang_up(bob.me)
        await bob.until(lambda: not bob.linked)
        assert bob.messages == [(ann.me, Goodbye("bye"))]

    async def test_many_peers_link_with_one(self, world: World) -> None:
        hub = await world.join()
        others = [await world.join() for _ in range(5)]
        await asyncio.gather(*(other.dial(hub) for other in others))
        assert hub.linked == {other.me for other in others}

    # --- messages -----------------------------------------------------------------------------------------------------
    async def test_messages_arrive_in_order_both_ways(self, world: World) -> None:
        ann, bob = await world.join(), await world.join()
        await ann.dial(bob)
        beats = [Heartbeat("", 0, number) for number in range(300)]
        for beat in beats:
            ann.transport.send(bob.me, beat)
            bob.transport.send(ann.me, beat)
        for node, sender in ((ann, bob), (bob, ann)):
            await node.until(lambda node=node: len(node.messages) == len(beats))
            assert node.messages == [(sender.me, beat) for beat in beats]

    async def test_a_message_without_a_link_is_dropped(self, world: World) -> None:
        ann = await world.join()
        ann.transport.send(Identity.generate().peer_id, Goodbye("nobody"))
        assert ann.downs == []

    async def test_a_full_queue_closes_the_link(self, world: World) -> None:
        ann = await world.join(limits=TransportLimits(outgoing_frames_max=10))
        bob = await world.join()
        await ann.dial(bob)
        for number in range(11):
            ann.transport.send(bob.me, Heartbeat("", 0, number))
        assert ann.downs == [(bob.me, "queue full")]
        await bob.until(lambda: not bob.linked)

    # --- bulk ---------------------------------------------------------------------------------------------------------
    @either_direction
    @pytest.mark.parametrize("size", [1, 20_000, 1024 * 1024, 10 * 1024 * 1024 + 7])
    async def test_a_payload_comes_whole(self, world: World, owner_dials: bool, size: int) -> None:
        owner, fetcher = await linked_pair(world, owner_dials=owner_dials)
        digest = owner.hold(size)
        assert await fetcher.fetch(owner, digest) == owner.payloads[digest]
        await owner.until(lambda: owner.everything_closed)

    @either_direction
    async def test_chunks_are_bounded(self, world: World, owner_dials: bool) -> None:
        owner, fetcher = await linked_pair(world, owner_dials=owner_dials)
        digest = owner.hold(3 * 1024 * 1024)
        async for chunk in fetcher.transport.fetch(owner.me, digest, 0, 3 * 1024 * 1024):
            assert 0 < len(chunk) <= 1024 * 1024

    @either_direction
    async def test_a_fetch_resumes(self, world: World, owner_dials: bool) -> None:
        owner, fetcher = await linked_pair(world, owner_dials=owner_dials)
        digest = owner.hold(2_500_000)
        assert await fetcher.fetch(owner, digest, offset=1_234_567) == owner.payloads[digest][1_234_567:]
        assert await fetcher.fetch(owner, digest, offset=2_500_000) == b""

    @either_direction
    async def test_what_is_not_served_is_gone(self, world: World, owner_dials: bool) -> None:
        owner, fetcher = await linked_pair(world, owner_dials=owner_dials)
        with pytest.raises(RefusedError, match=r"^gone$"):
            await fetcher.fetch(owner, "0" * 64, size=10)

    @either_direction
    async def test_more_than_was_announced_is_refused(self, world: World, owner_dials: bool) -> None:
        owner, fetcher = await linked_pair(world, owner_dials=owner_dials)
        with pytest.raises(RefusedError, match=r"^oversized$"):
            await fetcher.fetch(owner, owner.hold(5000), size=4999)

    @either_direction
    async def test_less_than_was_announced_is_an_early_end(self, world: World, owner_dials: bool) -> None:
        owner, fetcher = await linked_pair(world, owner_dials=owner_dials)
        with pytest.raises(UnreachableError):
            await fetcher.fetch(owner, owner.hold(5000), size=5001)

    async def test_without_a_link_nothing_is_fetched(self, world: World) -> None:
        owner, fetcher = await world.join(), await world.join()
        with pytest.raises(UnreachableError):
            await fetcher.fetch(owner, owner.hold(10))

    @either_direction
    async def test_withdrawing_ends_a_stream(self, world: World, owner_dials: bool) -> None:
        owner, fetcher = await linked_pair(world, owner_dials=owner_dials)
        digest = owner.hold(64 * 1024 * 1024)

        async def withdraw() -> None:
            owner.transport.cancel_serve(digest)

        with pytest.raises(RemoteError):
            await fetcher.fetch_slowly(owner, digest, withdraw)
        await owner.until(lambda: owner.everything_closed)
        assert fetcher.linked == {owner.me}

    @either_direction
    async def test_withdrawing_another_payload_does_not(self, world: World, owner_dials: bool) -> None:
        owner, fetcher = await linked_pair(world, owner_dials=owner_dials)
        digest, received = owner.hold(8 * 1024 * 1024), 0
        async for chunk in fetcher.transport.fetch(owner.me, digest, 0, 8 * 1024 * 1024):
            owner.transport.cancel_serve("1" * 64)
            received += len(chunk)
        assert received == 8 * 1024 * 1024

    @either_direction
    async def test_a_fetch_can_be_abandoned(self, world: World, owner_dials: bool) -> None:
        owner, fetcher = await linked_pair(world, owner_dials=owner_dials)
        digest = owner.hold(64 * 1024 * 1024)
        async with aclosing(fetcher.transport.fetch(owner.me, digest, 0, 64 * 1024 * 1024)) as chunks:
            async for _ in chunks:
                break
        await owner.until(lambda: owner.everything_closed)
        assert await fetcher.fetch(owner, owner.hold(100)) == owner.payloads[owner.hold(100)]

    @either_direction
    async def test_a_fetch_ends_with_its_link(self, world: World, owner_dials: bool) -> None:
        owner, fetcher = await linked_pair(world, owner_dials=owner_dials)

        async def hang_up() -> None:
            owner.transport.hang_up(fetcher.me)
            await fetcher.until(lambda: not fetcher.linked)

        with pytest.raises(UnreachableError):
            await fetcher.fetch_slowly(owner, owner.hold(64 * 1024 * 1024), hang_up)

    @either_direction
    async def test_messages_pass_while_a_payload_does(self, world: World, owner_dials: bool) -> None:
        owner, fetcher = await linked_pair(world, owner_dials=owner_dials)
        digest = owner.hold(16 * 1024 * 1024)
        seen: list[int] = []
        async for _ in fetcher.transport.fetch(owner.me, digest, 0, 16 * 1024 * 1024):
            before = len(fetcher.messages)
            owner.transport.send(fetcher.me, Goodbye("meanwhile"))
            await fetcher.until(lambda before=before: len(fetcher.messages) > before)
            seen.append(before)
        assert len(seen) >= 16

    @either_direction
    async def test_two_fetches_at_once(self, world: World, owner_dials: bool) -> None:
        owner, fetcher = await linked_pair(world, owner_dials=owner_dials)
        digests = [owner.hold(size) for size in (1_000, 3_000_000, 300_000)]
        contents = await asyncio.gather(*(fetcher.fetch(owner, digest) for digest in digests))
        assert contents == [owner.payloads[digest] for digest in digests]

    # --- stopping -----------------------------------------------------------------------------------------------------
    async def test_stopping_takes_links_down_in_bounded_time(self, world: World) -> None:
        ann, bob, eve = await world.join(), await world.join(), await world.join()
        await ann.dial(bob)
        await eve.dial(ann)
        await in_time(ann.transport.stop(), 5.0)
        assert sorted(ann.downs) == sorted([(bob.me, "stopped"), (eve.me, "stopped")])
        await bob.until(lambda: not bob.linked)
        await eve.until(lambda: not eve.linked)
        with pytest.raises(UnreachableError):
            await bob.transport.dial(ann.me, ann.transport.address)

    @either_direction
    async def test_stopping_ends_a_fetch(self, world: World, owner_dials: bool) -> None:
        owner, fetcher = await linked_pair(world, owner_dials=owner_dials)
        stopping: list[asyncio.Task[None]] = []

        async def stop() -> None:
            stopping.append(asyncio.create_task(owner.transport.stop()))

        with pytest.raises(RemoteError):
            await fetcher.fetch_slowly(owner, owner.hold(64 * 1024 * 1024), stop)
        await in_time(asyncio.gather(*stopping), 5.0)
        await owner.until(lambda: owner.everything_closed)
