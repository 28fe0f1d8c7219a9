"""grpc.health.v1 as a probe sees it: over a real port, with a member's credentials."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection

from hdus_peer.domain.identity import Identity
from hdus_peer.domain.tls_name import tls_name
from hdus_peer.errors import AdmissionError, WorkerError
from hdus_peer.transport.channel import SERVICE
from hdus_peer.transport.grpc import GrpcTransport
from hdus_peer.transport.health import CHECK, WATCH, ask_health
from hdus_peer.transport.tls import channel_credentials
from tests.contracts.transport import Node
from tests.transport.worlds import GrpcWorld

Status = health_pb2.HealthCheckResponse
ANSWER_S = 10.0


@asynccontextmanager
async def calling(world: GrpcWorld, node: Node, material: object = None) -> AsyncIterator[grpc.aio.Channel]:
    """A channel of another member to `node`."""
    tls = material or world.authority.material(Identity.generate().peer_id)
    options = [("grpc.ssl_target_name_override", tls_name(node.me))]
    async with grpc.aio.secure_channel(node.transport.address, channel_credentials(tls), options) as channel:
        yield channel


def asked(service: str) -> bytes:
    return health_pb2.HealthCheckRequest(service=service).SerializeToString()


async def check(channel: grpc.aio.Channel, service: str = "") -> str:
    reply = await channel.unary_unary(CHECK)(asked(service), timeout=ANSWER_S)
    return Status.ServingStatus.Name(Status.FromString(reply).status)


async def told(call: grpc.aio.UnaryStreamCall) -> str:
    message = await asyncio.wait_for(call.read(), ANSWER_S)
    return "END" if message is grpc.aio.EOF else Status.ServingStatus.Name(Status.FromString(message).status)


def transport(node: Node) -> GrpcTransport:
    assert isinstance(node.transport, GrpcTransport)
    return node.transport


@pytest.mark.parametrize("service", ["", SERVICE])
async def test_it_serves_once_it_is_told_so(world: GrpcWorld, service: str) -> None:
    ann = await world.join()
    async with calling(world, ann) as channel:
        assert await check(channel, service) == "NOT_SERVING"
        transport(ann).set_serving(True)
        assert await check(channel, service) == "SERVING"
        transport(ann).set_serving(False)
        assert await check(channel, service) == "NOT_SERVING"
    assert transport(ann).handlers_entered == 3


async def test_a_watcher_hears_of_every_change_and_of_the_end(world: GrpcWorld) -> None:
    ann = await world.join()
    async with calling(world, ann) as channel:
        call = channel.unary_stream(WATCH)(asked(SERVICE))
        assert await told(call) == "NOT_SERVING"
        transport(ann).set_serving(True)
        assert await told(call) == "SERVING"
        transport(ann).set_serving(True)
        stopping = asyncio.create_task(ann.transport.stop())
        assert await told(call) == "NOT_SERVING"
        assert await told(call) == "END"
        await stopping
        transport(ann).set_serving(True)


async def test_services_that_are_not_here(world: GrpcWorld) -> None:
    ann = await world.join()
    transport(ann).set_serving(True)
    async with calling(world, ann) as channel:
        with pytest.raises(grpc.aio.AioRpcError, match="NOT_FOUND"):
            await check(channel, "elsewhere.Service")
        watching = channel.unary_stream(WATCH)(asked("elsewhere.Service"))
        assert await told(watching) == "SERVICE_UNKNOWN"
        watching.cancel()


@pytest.mark.parametrize("method", [CHECK, WATCH])
async def test_bytes_that_are_no_request(world: GrpcWorld, method: str) -> None:
    ann = await world.join()
    async with calling(world, ann) as channel:
        with pytest.raises(grpc.aio.AioRpcError, match="INVALID_ARGUMENT"):
            await channel.unary_stream(method)(b"\xff").read()
        assert await check(channel) == "NOT_SERVING"


async def test_a_certificate_that_names_two_peers_may_not_ask(world: GrpcWorld) -> None:
    ann = await world.join()
    odd = world.authority.material(Identity.generate().peer_id, claims=Identity.generate().peer_id)
    async with calling(world, ann, odd) as channel:
        with pytest.raises(grpc.aio.AioRpcError, match="UNAUTHENTICATED"):
            await check(channel)


async def test_there_is_no_reflection_on_the_peer_port(world: GrpcWorld) -> None:
    ann = await world.join()
    async with calling(world, ann) as channel:
        method = f"/{reflection.SERVICE_NAME}/ServerReflectionInfo"
        with pytest.raises(grpc.aio.AioRpcError, match="UNIMPLEMENTED"):
            await channel.unary_unary(method)(b"", timeout=ANSWER_S)
    assert transport(ann).handlers_entered == 0


@pytest.mark.parametrize("everywhere", ["0.0.0.0", "[::]"])
async def test_asking_as_the_command_does(world: GrpcWorld, everywhere: str) -> None:
    ann = await world.join(listen=f"{everywhere}:0")
    tls = world.authority.material(ann.me)
    pems = (tls.root_certificate_pem, tls.certificate_chain_pem, tls.private_key_pem)
    address = ann.transport.address
    assert address.startswith(f"{everywhere}:")
    assert not await asyncio.to_thread(ask_health, ann.me, address, *pems)
    transport(ann).set_serving(True)
    assert await asyncio.to_thread(ask_health, ann.me, address, *pems)
    with pytest.raises(AdmissionError, match="does not accept the credentials"):
        await asyncio.to_thread(ask_health, Identity.generate().peer_id, address, *pems)
    with pytest.raises(WorkerError, match="gives no answer"):
        await asyncio.to_thread(ask_health, ann.me, await world.nowhere(), *pems)
