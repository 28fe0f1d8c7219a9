"""What is particular to the gRPC transport: where it listens, what it refuses to send, and using it at a wrong time."""

import pytest

from hdus_peer.domain.identity import Identity
from hdus_peer.errors import ConfigurationError, StateError, UnreachableError
from hdus_peer.protocol.messages import Goodbye, NoticeItem, Notices
from hdus_peer.transport.codec import FRAME_BYTES_MAX, encode_frame
from hdus_peer.transport.grpc import GrpcTransport
from tests.contracts.transport import Node
from tests.transport import messages as samples
from tests.transport.certificates import Authority
from tests.transport.worlds import GrpcWorld


async def test_ipv6(world: GrpcWorld) -> None:
    ann, bob = await world.join(listen="[::1]:0"), await world.join(listen="[::1]:0")
    assert ann.transport.address.startswith("[::1]:")
    assert not ann.transport.address.endswith(":0")
    await ann.dial(bob)
    assert await ann.transport.identify(bob.transport.address) == bob.me


async def test_a_host_name_is_an_address(world: GrpcWorld) -> None:
    ann, bob = await world.join(), await world.join(listen="localhost:0")
    assert await ann.transport.identify(bob.transport.address) == bob.me


async def test_a_port_that_is_taken_is_named(world: GrpcWorld) -> None:
    ann = await world.join()
    with pytest.raises(ConfigurationError, match=f"cannot listen at {ann.transport.address}"):
        await world.join(listen=ann.transport.address)


@pytest.mark.parametrize("listen", ["nonsense", "127.0.0.1", "127.0.0.1:70000", "192.0.2.1:0", "[::1:0"])
async def test_what_is_no_address_of_this_machine_is_named(world: GrpcWorld, listen: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot listen"):
        await world.join(listen=listen)


@pytest.mark.parametrize("address", ["", "nonsense", "host:port", "[::1:5", "a b:1"])
async def test_what_is_no_address_is_unreachable(world: GrpcWorld, address: str) -> None:
    """Discovery may bring anything; it must not stop who tries it."""
    ann = await world.join()
    with pytest.raises(UnreachableError):
        await ann.transport.identify(address)
    with pytest.raises(UnreachableError):
        await ann.transport.dial(Identity.generate().peer_id, address)


async def test_a_frame_that_nobody_would_read_is_not_sent(world: GrpcWorld) -> None:
    ann, bob = await world.join(), await world.join()
    await ann.dial(bob)
    member = world.authority.membership(ann.identity)
    ledger = tuple(samples.LedgerEntry(bob.me, number, number) for number in range(4000))
    huge = Notices((NoticeItem(samples.notice(ann.identity), member, None, ledger),) * 5, last=False)
    assert len(encode_frame(huge)) > FRAME_BYTES_MAX
    ann.transport.send(bob.me, huge)
    ann.transport.send(bob.me, Goodbye("small"))
    await bob.until(lambda: bob.messages == [(ann.me, Goodbye("small"))])
    assert ann.refused == [(bob.me, "unsendable")]


async def test_it_says_when_it_was_not_started() -> None:
    node = Node(Identity.generate())
    transport = GrpcTransport(node.me, Authority().material(node.me), "127.0.0.1:0")
    with pytest.raises(StateError):
        transport.send(node.me, Goodbye("too early"))
    await transport.stop()


async def test_stopping_twice_is_stopping_once(world: GrpcWorld) -> None:
    ann = await world.join()
    await ann.transport.stop()
    await ann.transport.stop()
