"""mDNS, over which anybody on the local network can say any name: members' names at wrong addresses, and a thousand
names that nobody has. A stranger's attack: no credentials."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from zeroconf.asyncio import AsyncZeroconf

from hdus_peer.discovery.announcement import announcement
from hdus_peer.discovery.multicast import is_multicast_working
from hdus_peer.domain.identity import Identity, PeerId
from tests.hostile.attacks import SCALE
from tests.hostile.scene import Scene
from tests.hostile.toll import Watcher
from tests.integration.peers import Trained, network

LOOPBACK = ("127.0.0.1",)
INVENTED = 1000 * SCALE
DIALLED_MIN = 50
NOBODY_S_PORTS = range(1, 9)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not asyncio.run(is_multicast_working(LOOPBACK)), reason="this host has no multicast on 127.0.0.1"
    ),
]


@pytest.fixture(scope="module")
def scene(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Whose victim listens to mDNS."""
    with network(trained, tmp_path_factory.mktemp("spoofed")) as made:
        yield Scene(made, network__mdns=True, network__mdns_interfaces=LOOPBACK)


@asynccontextmanager
async def speaking(scene: Scene) -> AsyncIterator[AsyncZeroconf]:
    zeroconf = AsyncZeroconf(interfaces=list(LOOPBACK))
    try:
        yield zeroconf
    finally:
        await zeroconf.async_close()


def say(zeroconf: AsyncZeroconf, scene: Scene, peer: PeerId, port: int) -> None:
    spoofed = announcement(peer, scene.bela_credentials.network, LOOPBACK, port)
    zeroconf.zeroconf.async_send(zeroconf.zeroconf.generate_service_broadcast(spoofed, None))


async def test_invented_names_and_spoofed_ones_disturb_nobody(scene: Scene) -> None:
    watcher, mark = Watcher(scene.victim), scene.victim.mark
    async with speaking(scene) as zeroconf, watcher.measuring() as paid:
        for number in range(INVENTED):
            say(zeroconf, scene, Identity(number.to_bytes(32)).peer_id, NOBODY_S_PORTS[number % len(NOBODY_S_PORTS)])
            if number % 20 == 0:
                await asyncio.sleep(0)
        for port in NOBODY_S_PORTS:
            say(zeroconf, scene, scene.bela_credentials.peer_id, port)
        await asyncio.to_thread(
            scene.victim.wait_for,
            lambda: len(scene.victim.saw("Unreached", mark)) >= DIALLED_MIN,
            "invented names dialled in vain",
        )
        await scene.serves_others()
    assert paid.is_within_bounds(), scene.victim.report(f"invented names: {paid}")
    assert not scene.victim.saw("LinkClosed", mark, peer="bela"), scene.victim.report("bela's link was lost")
    links = scene.victim.status().links
    assert (links.alive, links.suspect + links.gone <= 2) == (1, True), links
    scene.lost_nothing()


async def test_a_member_whose_name_was_spoofed_is_linked_again(scene: Scene) -> None:
    async with speaking(scene) as zeroconf:
        for port in NOBODY_S_PORTS:
            say(zeroconf, scene, scene.bela_credentials.peer_id, port)
        mark = scene.victim.mark
        await asyncio.to_thread(scene.bela.stop)
        await asyncio.to_thread(scene.victim.wait_event, "LinkClosed", mark, peer="bela")
        scene.bela.start()
        await asyncio.to_thread(scene.victim.wait_event, "LinkOpened", mark, peer="bela")
        await asyncio.to_thread(scene.victim.wait_serving, "bela")
    scene.lost_nothing()
