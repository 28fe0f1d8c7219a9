"""A neighbour killed -9 in mid-transfer: whoever fetches from it learns so at once. Nobody waits for a dead peer."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from hdus_peer.domain.identity import Identity
from hdus_peer.errors import UnreachableError
from hdus_peer.transport.limits import TransportLimits
from tests.contracts.transport import PATIENCE_S, Node, either_direction, exhaust, in_time
from tests.transport.victim import ENDLESS_BYTES
from tests.transport.worlds import GrpcWorld


@asynccontextmanager
async def victim(world: GrpcWorld, folder: Path, identity: Identity, target: str) -> AsyncIterator[tuple[int, str]]:
    """A running victim; its process id and address."""
    material = world.authority.material(identity.peer_id)
    for name, content in (
        ("root", material.root_certificate_pem),
        ("chain", material.certificate_chain_pem),
        ("key", material.private_key_pem),
        ("network", material.network.encode()),
        ("root_public_key", material.root_public_key),
    ):
        (folder / name).write_bytes(content)
    command = [sys.executable, "-m", "tests.transport.victim", str(folder), identity.peer_id, target]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            address = (await process.stdout.readline()).decode().strip()
        yield process.pid, address
    finally:
        with suppress(ProcessLookupError):  # killed by the test, and not yet reaped
            process.kill()
        await process.wait()


@pytest.mark.slow
@either_direction
async def test_a_killed_owner_fails_the_fetch_at_once(world: GrpcWorld, tmp_path: Path, owner_dials: bool) -> None:
    identity = Identity.generate()
    fetcher = await world.join()
    target = f"{fetcher.me}@{fetcher.transport.address}" if owner_dials else ""
    async with victim(world, tmp_path, identity, target) as (pid, address):
        if not owner_dials:
            await fetcher.transport.dial(identity.peer_id, address)
        await fetcher.until(lambda: identity.peer_id in fetcher.linked)
        killed_at = await kill_in_mid_fetch(fetcher, identity, pid)
        assert time.monotonic() - killed_at < 2.0
        await fetcher.until(lambda: not fetcher.linked)
        assert len(fetcher.downs) == 1


async def kill_in_mid_fetch(fetcher: Node, owner: Identity, pid: int) -> float:
    """When the owner was killed."""
    chunks = fetcher.transport.fetch(owner.peer_id, "0" * 64, 0, ENDLESS_BYTES)
    for _ in range(5):
        assert await anext(chunks)
    killed_at = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(UnreachableError):
        await exhaust(chunks)
    return killed_at


@pytest.mark.slow
@either_direction
async def test_a_frozen_neighbour_holds_nobody_up(world: GrpcWorld, tmp_path: Path, owner_dials: bool) -> None:
    """SIGSTOP: the connection stays open and nobody answers, as behind a pulled cable. (gRPC's keepalive takes at least
    ten seconds; the protocol's own heartbeat is sooner and hangs up, as this test does.)"""
    identity = Identity.generate()
    fetcher = await world.join(limits=TransportLimits(bulk_idle_s=0.5, flush_s=0.5))
    target = f"{fetcher.me}@{fetcher.transport.address}" if owner_dials else ""
    async with victim(world, tmp_path, identity, target) as (pid, address):
        if not owner_dials:
            await fetcher.transport.dial(identity.peer_id, address)
        await fetcher.until(lambda: identity.peer_id in fetcher.linked)
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(UnreachableError):
            await in_time(exhaust(fetcher.transport.fetch(identity.peer_id, "0" * 64, 0, 10)), 5.0)
        fetcher.transport.hang_up(identity.peer_id)
        assert fetcher.downs == [(identity.peer_id, "hung up")]
        await in_time(fetcher.transport.stop(), 5.0)
