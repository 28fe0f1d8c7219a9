"""Who gets in: real certificates of strangers, of other networks and out of date never reach a protocol handler."""

import grpc
import pytest

from hdus_peer.domain.identity import Identity
from hdus_peer.domain.tls_name import ANY_TLS_NAME
from hdus_peer.errors import AdmissionError, UnreachableError
from hdus_peer.transport.channel import IDENTIFY
from hdus_peer.transport.grpc import GrpcTransport
from hdus_peer.transport.health import CHECK
from hdus_peer.transport.tls import peer_of
from tests.contracts.transport import Node
from tests.transport.certificates import Authority
from tests.transport.worlds import GrpcWorld


def entered(node: Node) -> int:
    assert isinstance(node.transport, GrpcTransport)
    return node.transport.handlers_entered


@pytest.mark.parametrize("fault", ["another network", "expired"])
async def test_an_outsider_reaches_no_handler(world: GrpcWorld, fault: str) -> None:
    identity = Identity.generate()
    another, expired = Authority().material(identity.peer_id), world.authority.material(identity.peer_id, days=-1)
    eve = await world.join(identity, material=another if fault == "another network" else expired)
    ann = await world.join()
    with pytest.raises(UnreachableError):
        await eve.transport.dial(ann.me, ann.transport.address)
    with pytest.raises((UnreachableError, AdmissionError)):
        await eve.transport.identify(ann.transport.address)
    with pytest.raises(UnreachableError):
        await ann.transport.dial(eve.me, eve.transport.address)
    with pytest.raises(AdmissionError, match="no member of this network"):
        await ann.transport.identify(eve.transport.address)
    assert (entered(ann), entered(eve)) == (0, 0)
    assert (ann.ups, eve.ups) == ([], [])


async def test_an_outsider_that_does_not_check_reaches_no_handler(world: GrpcWorld) -> None:
    """It trusts this network's root, and still has nothing to show for itself."""
    ann = await world.join()
    foreign = Authority().material(Identity.generate().peer_id)
    options = [("grpc.ssl_target_name_override", ANY_TLS_NAME)]
    root = world.authority.material(ann.me).root_certificate_pem
    for pair in ((None, None), (foreign.private_key_pem, foreign.certificate_chain_pem)):
        credentials = grpc.ssl_channel_credentials(root, *pair)
        async with grpc.aio.secure_channel(ann.transport.address, credentials, options) as channel:
            for method in (IDENTIFY, CHECK):
                with pytest.raises(grpc.aio.AioRpcError, match="UNAVAILABLE"):
                    await channel.unary_unary(method)(b"")
    assert entered(ann) == 0


async def test_plaintext_reaches_no_handler(world: GrpcWorld) -> None:
    ann = await world.join()
    async with grpc.aio.insecure_channel(ann.transport.address) as channel:
        for method in (IDENTIFY, CHECK):
            with pytest.raises(grpc.aio.AioRpcError, match="UNAVAILABLE"):
                await channel.unary_unary(method)(b"")
    assert entered(ann) == 0


async def test_a_member_reaches_a_handler(world: GrpcWorld) -> None:
    ann, bob = await world.join(), await world.join()
    await ann.transport.identify(bob.transport.address)
    assert (entered(ann), entered(bob)) == (0, 1)


async def test_a_certificate_that_names_two_peers_is_nobodys(world: GrpcWorld) -> None:
    """Signed by the root, and yet not as the root signs: common name and DNS name differ."""
    identity, victim = Identity.generate(), Identity.generate()
    eve = await world.join(identity, material=world.authority.material(identity.peer_id, claims=victim.peer_id))
    ann = await world.join()
    with pytest.raises(AdmissionError, match="does not accept"):
        await eve.transport.identify(ann.transport.address)
    assert ann.refused == [(None, "nameless")]


async def test_a_peer_that_lies_about_its_name_is_not_linked(world: GrpcWorld) -> None:
    """`identify` is a hint; the certificate decides at the dial."""
    victim = Identity.generate()
    mallory = await world.join(victim, material=world.authority.material(Identity.generate().peer_id))
    ann = await world.join()
    assert await ann.transport.identify(mallory.transport.address) == victim.peer_id
    with pytest.raises(UnreachableError):
        await ann.transport.dial(victim.peer_id, mallory.transport.address)
    assert ann.ups == []


async def test_a_second_device_of_the_same_identity_gets_no_link(world: GrpcWorld) -> None:
    ann = await world.join()
    """It answers for that identity, so it is refused by name and counted; what a clone means is the protocol's."""
    clone = await world.join(material=world.authority.material(ann.me))
    with pytest.raises(UnreachableError):
        await clone.transport.dial(ann.me, ann.transport.address)
    assert (ann.ups, ann.refused) == ([], [(ann.me, "cloned")])


def test_material_never_shows_its_key() -> None:
    material = Authority().material(Identity.generate().peer_id)
    assert "PRIVATE" not in repr(material)


def test_a_certificate_without_names_is_nobodys() -> None:
    with pytest.raises(AdmissionError):
        peer_of({})
