"""What a member gone bad can send: garbage, too much, half of it, or nothing. It is counted; all else goes on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from hdus_peer.domain.identity import Identity
from hdus_peer.errors import RefusedError, UnreachableError
from hdus_peer.protocol.messages import Announce, Goodbye
from hdus_peer.transport.channel import ACCEPTED, FETCH, IDENTIFY, LINK, MESSAGE_BYTES_MAX, UPLOAD
from hdus_peer.transport.chunks import encode_chunk
from hdus_peer.transport.codec import FRAME_BYTES_MAX, FetchRefused, FetchRequest, encode_fetch, encode_frame
from hdus_peer.transport.health import WATCH
from hdus_peer.transport.limits import TransportLimits
from hdus_peer.transport.tls import channel_credentials
from tests.contracts.transport import Node, either_direction, exhaust, in_time, linked_pair
from tests.transport import messages as samples
from tests.transport.worlds import GrpcWorld

NOISE = b"\xff\x00\xfe this is no protobuf \x80\x81"
IMPATIENT = TransportLimits(bulk_idle_s=0.2, flush_s=0.2)


class Mallory:
    """A member with valid credentials that speaks raw bytes."""

    def __init__(self, world: GrpcWorld, victim: Node) -> None:
        self.identity = Identity.generate()
        self.me = self.identity.peer_id
        self._victim = victim
        options = [
            ("grpc.ssl_target_name_override", f"{victim.me}.peer.hdus"),
            ("grpc.max_send_message_length", -1),
            ("grpc.use_local_subchannel_pool", 1),
        ]
        credentials = channel_credentials(world.authority.material(self.me))
        self.channel: Any = grpc.aio.secure_channel(victim.transport.address, credentials, options)

    async def link(self) -> Any:
        call = self.channel.stream_stream(LINK)()
        assert ACCEPTED in tuple(await call.initial_metadata())
        await self._victim.until(lambda: self.me in self._victim.linked)
        return call


@asynccontextmanager
async def mallory_against(world: GrpcWorld, victim: Node) -> AsyncIterator[Mallory]:
    mallory = Mallory(world, victim)
    try:
        yield mallory
    finally:
        await mallory.channel.close()


async def status_of(call: Any) -> grpc.StatusCode:
    async with asyncio.timeout(10):
        code: grpc.StatusCode = await call.code()
    return code


async def still_works(world: GrpcWorld, node: Node) -> None:
    """An honest peer links with `node`, talks and fetches."""
    honest = await world.join()
    await honest.dial(node)
    honest.transport.send(node.me, Goodbye("still here?"))
    await node.until(lambda: (honest.me, Goodbye("still here?")) in node.messages)
    digest = node.hold(4321)
    assert await honest.fetch(node, digest) == node.payloads[digest]


# --- garbage on every method ------------------------------------------------------------------------------------------
async def test_garbage_for_identify(world: GrpcWorld) -> None:
    ann = await world.join()
    async with mallory_against(world, ann) as mallory:
        assert await status_of(mallory.channel.unary_unary(IDENTIFY)(NOISE)) is grpc.StatusCode.INVALID_ARGUMENT
        assert ann.refused == [(mallory.me, "malformed")]
    await still_works(world, ann)


async def test_garbage_for_fetch(world: GrpcWorld) -> None:
    ann = await world.join()
    async with mallory_against(world, ann) as mallory:
        for noise in (NOISE, b"", encode_fetch(FetchRequest("../../etc/passwd", 0, 0))):
            assert await status_of(mallory.channel.unary_stream(FETCH)(noise)) is grpc.StatusCode.INVALID_ARGUMENT
        assert ann.refused == [(mallory.me, "malformed")] * 3
    assert ann.opened == []
    await still_works(world, ann)


async def test_garbage_for_upload(world: GrpcWorld) -> None:
    ann = await world.join()
    async with mallory_against(world, ann) as mallory:
        call = mallory.channel.stream_unary(UPLOAD)()
        await call.write(NOISE)
        assert await status_of(call) is grpc.StatusCode.INVALID_ARGUMENT
        assert ann.refused == [(mallory.me, "malformed")]
    await still_works(world, ann)


async def test_garbage_on_a_link_is_dropped_and_the_link_stays(world: GrpcWorld) -> None:
    ann = await world.join()
    forged = Announce(samples.signed_by_another(samples.manifest(ann.identity), Identity.generate()))  # type: ignore[arg-type]
    async with mallory_against(world, ann) as mallory:
        call = await mallory.link()
        for frame in (NOISE, b"", encode_frame(forged), encode_frame(Goodbye("at last"))):
            await call.write(frame)
        await ann.until(lambda: len(ann.messages) == 1)
        assert ann.messages == [(mallory.me, Goodbye("at last"))]
        assert ann.refused == [(mallory.me, word) for word in ("malformed", "malformed", "forged")]
        assert ann.downs == []
    await still_works(world, ann)


# --- too much ---------------------------------------------------------------------------------------------------------
async def test_a_frame_beyond_the_limit_is_counted(world: GrpcWorld) -> None:
    ann = await world.join()
    async with mallory_against(world, ann) as mallory:
        call = await mallory.link()
        await call.write(bytes(FRAME_BYTES_MAX + 1))
        await ann.until(lambda: ann.refused == [(mallory.me, "malformed")])
    await still_works(world, ann)


async def test_a_message_beyond_what_grpc_reads_ends_its_stream(world: GrpcWorld) -> None:
    ann = await world.join()
    async with mallory_against(world, ann) as mallory:
        call = await mallory.link()
        await call.write(bytes(MESSAGE_BYTES_MAX + 1))
        await ann.until(lambda: not ann.linked)
        assert await status_of(mallory.channel.unary_unary(IDENTIFY)(bytes(MESSAGE_BYTES_MAX + 1))) in (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            grpc.StatusCode.CANCELLED,
        )
    await still_works(world, ann)


async def test_links_are_bounded(world: GrpcWorld) -> None:
    ann = await world.join(limits=TransportLimits(links_max=1, dial_s=1.0))
    bob, eve = await world.join(), await world.join()
    await bob.dial(ann)
    with pytest.raises(UnreachableError):
        await eve.transport.dial(ann.me, ann.transport.address)
    assert ann.refused == [(eve.me, "crowded")]
    assert ann.linked == {bob.me}


async def test_a_second_link_replaces_the_first(world: GrpcWorld) -> None:
    ann = await world.join()
    async with mallory_against(world, ann) as mallory:
        calls = [await mallory.link() for _ in range(20)]
        await ann.until(lambda: len(ann.ups) == 20)
        assert len(ann.downs) == 19
        assert await status_of(calls[0]) is grpc.StatusCode.OK


async def test_streams_per_connection_are_bounded(world: GrpcWorld) -> None:
    """One stream more waits on the caller's side: it is not even begun here."""
    ann = await world.join(limits=TransportLimits(streams_per_connection_max=1))
    async with mallory_against(world, ann) as mallory:
        await mallory.link()
        call = mallory.channel.unary_unary(IDENTIFY)(b"", timeout=0.3)
        assert await status_of(call) is grpc.StatusCode.DEADLINE_EXCEEDED
        assert ann.transport.handlers_entered == 1  # type: ignore[attr-defined]


async def test_connections_are_bounded(world: GrpcWorld) -> None:
    ann = await world.join(limits=TransportLimits(connections_max=4))
    async with mallory_against(world, ann) as mallory:
        await mallory.link()
        host, port = ann.transport.address.split(":")
        held = [await asyncio.open_connection(host, int(port)) for _ in range(12)]
        closed = [asyncio.create_task(reader.read(1)) for reader, _ in held]
        async with asyncio.timeout(10):
            while sum(task.done() for task in closed) < 9:
                await asyncio.wait([task for task in closed if not task.done()], return_when=asyncio.FIRST_COMPLETED)
        for _, writer in held:
            writer.close()
        await asyncio.gather(*closed, return_exceptions=True)
    await still_works(world, ann)


async def test_served_streams_are_bounded_per_peer(world: GrpcWorld) -> None:
    ann = await world.join(limits=TransportLimits(served_per_peer_max=2))
    request = encode_fetch(FetchRequest(ann.hold(64 * 1024 * 1024), 0, 0))
    async with mallory_against(world, ann) as mallory:
        held = [mallory.channel.unary_stream(FETCH)(request) for _ in range(2)]
        for call in held:
            await call.read()
        assert await status_of(mallory.channel.unary_stream(FETCH)(request)) is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert len(ann.opened) == 2
        await still_works(world, ann)
    await ann.until(lambda: ann.everything_closed)


async def test_a_flood_of_requests_to_the_dialler_is_refused_as_busy(world: GrpcWorld) -> None:
    """The accepted side may ask as well; its tickets are bounded in the same way."""
    owner = await world.join(limits=TransportLimits(served_per_peer_max=1, bulk_idle_s=1.0))
    fetcher = await world.join()
    await owner.dial(fetcher)
    digest = owner.hold(16 * 1024 * 1024)
    slow = fetcher.transport.fetch(owner.me, digest, 0, 16 * 1024 * 1024)
    await anext(slow)
    with pytest.raises(UnreachableError, match="busy"):
        await fetcher.fetch(owner, digest)
    await slow.aclose()


async def test_a_flood_of_frames_waits_on_its_own_side_and_others_are_heard(world: GrpcWorld) -> None:
    """Half as many again as may come at once: the rest is neither lost nor read before its time."""
    limits = TransportLimits(frames_at_once_max=200, frames_per_s=100)
    ann = await world.join(limits=limits)
    async with mallory_against(world, ann) as mallory:
        call = await mallory.link()
        for number in range(300):
            await call.write(encode_frame(Goodbye(str(number))))
        await ann.until(lambda: (mallory.me, "flooding") in ann.refused)
        assert len(ann.messages) < 300
        await still_works(world, ann)
        await ann.until(lambda: (mallory.me, Goodbye("299")) in ann.messages)
        of_mallory = [message for peer, message in ann.messages if peer == mallory.me]
        assert of_mallory == [Goodbye(str(number)) for number in range(300)]


async def test_calls_under_way_are_bounded_per_peer_and_come_free_again(world: GrpcWorld) -> None:
    """On several connections, which each have streams of their own."""
    ann = await world.join(limits=TransportLimits(calls_per_peer_max=3))
    async with mallory_against(world, ann) as mallory:
        watches = [mallory.channel.unary_stream(WATCH)(b"") for _ in range(3)]
        for watch in watches:
            await watch.read()
        refused = mallory.channel.unary_unary(IDENTIFY)(b"")
        assert await status_of(refused) is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert ann.refused == [(mallory.me, "flooding")]
        await still_works(world, ann)
        watches[0].cancel()
        while await status_of(call := mallory.channel.unary_unary(IDENTIFY)(b"")) is not grpc.StatusCode.OK:
            assert await status_of(call) is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_connection_on_which_nothing_is_asked_is_closed(world: GrpcWorld) -> None:
    ann = await world.join(limits=TransportLimits(connection_idle_s=0.3))
    async with mallory_against(world, ann) as mallory:
        assert await status_of(mallory.channel.unary_unary(IDENTIFY)(b"")) is grpc.StatusCode.OK
        async with asyncio.timeout(10):
            while mallory.channel.get_state() is grpc.ChannelConnectivity.READY:
                await mallory.channel.wait_for_state_change(grpc.ChannelConnectivity.READY)


async def test_what_unpacks_to_more_than_a_message_is_not_unpacked(world: GrpcWorld) -> None:
    """16 MiB of zeros, 16 KiB on the wire."""
    ann = await world.join()
    async with mallory_against(world, ann) as mallory:
        call = mallory.channel.unary_unary(IDENTIFY)(bytes(1 << 24), compression=grpc.Compression.Gzip)
        assert await status_of(call) is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert ann.transport.handlers_entered <= 1  # type: ignore[attr-defined]
    await still_works(world, ann)


async def test_a_reader_that_takes_nothing_is_hung_up_on_and_named(world: GrpcWorld) -> None:
    ann = await world.join(limits=TransportLimits(outgoing_frames_max=50, flush_s=0.2))
    async with mallory_against(world, ann) as mallory:
        await mallory.link()
        for _ in range(2000):
            ann.transport.send(mallory.me, Goodbye("x" * 200))
        assert ann.refused == [(mallory.me, "unread")]
        assert ann.downs == [(mallory.me, "queue full")]
    await still_works(world, ann)


# --- half of it, or nothing -------------------------------------------------------------------------------------------
async def test_an_upload_that_says_nothing_ends(world: GrpcWorld) -> None:
    ann = await world.join(limits=IMPATIENT)
    async with mallory_against(world, ann) as mallory:
        assert await status_of(mallory.channel.stream_unary(UPLOAD)()) is grpc.StatusCode.INVALID_ARGUMENT
        call = mallory.channel.stream_unary(UPLOAD)()
        await call.done_writing()
        assert await status_of(call) is grpc.StatusCode.INVALID_ARGUMENT


async def test_an_upload_that_nobody_asked_for_is_refused(world: GrpcWorld) -> None:
    ann = await world.join()
    async with mallory_against(world, ann) as mallory:
        call = mallory.channel.stream_unary(UPLOAD)()
        await call.write(encode_chunk(b"take this", ticket=1))
        assert await status_of(call) is grpc.StatusCode.NOT_FOUND
        assert ann.refused == [(mallory.me, "unasked")]


async def test_an_upload_that_turns_into_garbage_is_refused(world: GrpcWorld) -> None:
    ann = await world.join()
    async with mallory_against(world, ann) as mallory:
        link = await mallory.link()
        chunks = ann.transport.fetch(mallory.me, "0" * 64, 0, 1000)
        first = asyncio.create_task(anext(chunks))
        await link.read()
        call = mallory.channel.stream_unary(UPLOAD)()
        await call.write(encode_chunk(b"well begun", ticket=1))
        assert await first == b"well begun"
        await call.write(NOISE)
        with pytest.raises(RefusedError, match=r"^malformed$"):
            await anext(chunks)


async def test_a_ticket_is_good_for_nobody_else(world: GrpcWorld) -> None:
    owner, fetcher = await linked_pair(world, owner_dials=True)
    async with mallory_against(world, fetcher) as mallory, mallory_against(world, fetcher) as eve:
        link = await mallory.link()
        fetching = asyncio.create_task(anext(fetcher.transport.fetch(mallory.me, "0" * 64, 0, 5)))
        await link.read()
        call = eve.channel.stream_unary(UPLOAD)()
        await call.write(encode_chunk(b"false", ticket=1))
        assert await status_of(call) is grpc.StatusCode.NOT_FOUND
        await link.write(encode_frame(FetchRefused(1, "gone")))
        with pytest.raises(RefusedError, match=r"^gone$"):
            await fetching
    assert owner.me in fetcher.linked


async def test_frames_of_the_wrong_side_are_counted(world: GrpcWorld) -> None:
    """Who dialled can fetch by itself, and has no tickets to refuse."""
    ann, bob = await world.join(), await world.join()
    async with mallory_against(world, ann) as mallory:
        call = await mallory.link()
        await call.write(encode_frame(FetchRequest(samples.SHA, 0, 1)))
        await ann.until(lambda: ann.refused == [(mallory.me, "misplaced")])
        await call.write(encode_frame(FetchRefused(1, "gone")))
        await call.write(encode_frame(Goodbye("done")))
        await ann.until(lambda: len(ann.messages) == 1)
    assert bob.refused == []


async def test_a_stranger_that_does_not_shake_hands_blocks_nobody(world: GrpcWorld) -> None:
    ann = await world.join()
    host, port = ann.transport.address.split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(NOISE)
    await still_works(world, ann)
    writer.close()


@either_direction
async def test_an_owner_that_falls_silent_is_given_up(world: GrpcWorld, owner_dials: bool) -> None:
    """The stream stays open and nothing comes; `Payload` blocks in its thread until the test lets it go."""
    owner, fetcher = await world.join(), await world.join(limits=IMPATIENT)
    await (owner.dial(fetcher) if owner_dials else fetcher.dial(owner))
    digest = owner.hold(1_000_000)
    with owner.reads_held(), pytest.raises(UnreachableError, match="stopped coming"):
        await in_time(fetcher.fetch(owner, digest), 10.0)
    assert await fetcher.fetch(owner, digest) == owner.payloads[digest]


@either_direction
async def test_a_fetcher_that_takes_nothing_is_given_up(world: GrpcWorld, owner_dials: bool) -> None:
    owner, fetcher = await world.join(limits=IMPATIENT), await world.join()
    await (owner.dial(fetcher) if owner_dials else fetcher.dial(owner))
    size = 64 * 1024 * 1024
    chunks = fetcher.transport.fetch(owner.me, owner.hold(size), 0, size)
    await anext(chunks)
    await owner.until(lambda: owner.everything_closed)
    assert owner.refused[-1] == (fetcher.me, "stalled")
    with pytest.raises(UnreachableError):
        await in_time(exhaust(chunks), 10.0)


@either_direction
@pytest.mark.parametrize("size", [10_000, 3_000_000])
async def test_a_payload_that_cannot_be_read_breaks_off(world: GrpcWorld, owner_dials: bool, size: int) -> None:
    owner, fetcher = await linked_pair(world, owner_dials=owner_dials)
    digest = owner.hold(size)
    owner.shortens_payloads = True
    with pytest.raises(UnreachableError):
        await fetcher.fetch(owner, digest)
    await owner.until(lambda: owner.refused == [(fetcher.me, "unreadable")])
