"""mDNS on the loopback interface. Every test has a network of its own, so that nothing else on the host disturbs it."""

import asyncio
import gc
import logging
import secrets
from dataclasses import dataclass, field

import pytest
from zeroconf import ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

from hdus_peer.discovery import mdns
from hdus_peer.discovery.announcement import SERVICE_TYPE, announcement, instance_name
from hdus_peer.discovery.cadence import Intervals
from hdus_peer.discovery.interfaces import Interface
from hdus_peer.discovery.mdns import MdnsDiscovery
from hdus_peer.discovery.multicast import is_multicast_working
from hdus_peer.discovery.port import Discovery, Sighting
from hdus_peer.domain.identity import PeerId
from tests.contracts.discovery import OFTEN, SELDOM, DiscoveryContract, Stage, new_peer

LOOPBACK = ("127.0.0.1",)

pytestmark = pytest.mark.skipif(
    not asyncio.run(is_multicast_working(LOOPBACK)), reason="this host has no multicast on 127.0.0.1"
)


@dataclass
class LoopbackAir:
    network: str = field(default_factory=lambda: secrets.token_hex(32))

    def make(self, peer: PeerId, port: int, network: str | None = None, intervals: Intervals = SELDOM) -> Discovery:
        return MdnsDiscovery(peer, network or self.network, f"127.0.0.1:{port}", LOOPBACK, intervals=intervals)


@pytest.fixture
def air() -> LoopbackAir:
    return LoopbackAir()


class TestMdnsDiscovery(DiscoveryContract):
    pass


async def test_spoofed_and_malformed_records_are_ignored(air: LoopbackAir, stage: Stage) -> None:
    me, honest, liar = new_peer(), new_peer(), new_peer()
    ears = await stage.start(air.make(me, 4001))
    good = {b"v": b"1", b"id": liar.encode(), b"net": air.network.encode()}
    wrong = [
        {**good, b"net": b"f" * 64},
        {**good, b"v": b"2"},
        {**good, b"id": new_peer().encode()},
        {**good, b"more": b"x"},
        {b"v": b"1", b"id": liar.encode()},
        {b"\xff\xfe": b"\xff" * 100},
    ]
    zeroconf = AsyncZeroconf(interfaces=list(LOOPBACK))
    try:
        for properties in wrong:
            _say(zeroconf, ServiceInfo(SERVICE_TYPE, instance_name(liar), 4002, properties=properties,
                                       server="liar.local.", parsed_addresses=["127.0.0.1"]))  # fmt: skip
        for label in ("not-a-peer-id", liar[:-1], liar.upper()[:-1] + "1"):
            _say(zeroconf, ServiceInfo(SERVICE_TYPE, f"{label}.{SERVICE_TYPE}", 4002, properties=good,
                                       server="liar.local.", parsed_addresses=["127.0.0.1"]))  # fmt: skip
        for hosts, port in ((["0.0.0.0", "224.0.0.1", "fe80::1"], 4002), (["127.0.0.1"], 0)):
            _say(zeroconf, announcement(new_peer(), air.network, tuple(hosts), port))
        _say(zeroconf, announcement(me, air.network, ("127.0.0.1",), 4009))
        await stage.start(air.make(honest, 4003, intervals=OFTEN))
        await ears.wait_for(Sighting(honest, "127.0.0.1:4003"), times=2)
    finally:
        await zeroconf.async_close()
    assert {sighting.peer for sighting in ears.sightings} == {honest}


async def test_both_families_of_addresses_are_reported(air: LoopbackAir, stage: Stage) -> None:
    ears = await stage.start(air.make(new_peer(), 4001))
    other = new_peer()
    advertise = ("192.0.2.7", "2001:db8::7")
    await stage.start(MdnsDiscovery(other, air.network, "0.0.0.0:4002", LOOPBACK, advertise, OFTEN))
    await ears.wait_for(Sighting(other, "192.0.2.7:4002"))
    await ears.wait_for(Sighting(other, "[2001:db8::7]:4002"))


async def test_interfaces_that_vanish_and_come_back_are_bound_anew(
    air: LoopbackAir, stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The host's list of interfaces is played: empty at first, then loopback, then loopback under another index."""
    there: list[tuple[Interface, ...]] = [()]
    monkeypatch.setattr(mdns, "interfaces", lambda _wanted: there[-1])
    roaming = new_peer()
    discovery = MdnsDiscovery(roaming, air.network, "0.0.0.0:4001", LOOPBACK, intervals=OFTEN)
    with caplog.at_level(logging.WARNING):
        await stage.start(discovery)
    assert "no interface" in caplog.text
    for index in (1, 2):
        there.append((Interface("lo", index, LOOPBACK),))
        ears = await stage.start(MdnsDiscovery(new_peer(), air.network, "127.0.0.1:4002", LOOPBACK, intervals=OFTEN))
        await ears.wait_for(Sighting(roaming, "127.0.0.1:4001"), times=2)


async def test_an_interface_that_refuses_does_not_spoil_the_others(
    air: LoopbackAir, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = (Interface("gone0", 9, ("203.0.113.99",)), Interface("lo", 1, LOOPBACK))
    monkeypatch.setattr(mdns, "interfaces", lambda _wanted: both)
    peer = new_peer()
    await stage.start(MdnsDiscovery(peer, air.network, "127.0.0.1:4001", intervals=OFTEN))
    ears = await stage.start(air.make(new_peer(), 4002))
    await ears.wait_for(Sighting(peer, "127.0.0.1:4001"))


# zeroconf leaves its listening socket to the garbage collector when one on an interface cannot be made
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_an_interface_that_vanishes_while_it_is_bound_is_logged_and_tried_again(
    air: LoopbackAir, stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    peer = new_peer()
    with monkeypatch.context() as played:
        played.setattr(mdns, "speaking_addresses", lambda _among: ["203.0.113.99"])
        await stage.start(MdnsDiscovery(peer, air.network, "127.0.0.1:4001", LOOPBACK, intervals=OFTEN))
    assert "cannot speak on 203.0.113.99" in caplog.text
    gc.collect()
    ears = await stage.start(air.make(new_peer(), 4002))
    await ears.wait_for(Sighting(peer, "127.0.0.1:4001"))


async def test_a_host_without_the_wanted_interface_has_no_multicast() -> None:
    assert not await is_multicast_working(("no-such-interface",), within_s=0.2)


def _say(zeroconf: AsyncZeroconf, info: ServiceInfo) -> None:
    zeroconf.zeroconf.async_send(zeroconf.zeroconf.generate_service_broadcast(info, None))
