"""What every discovery that knows who announces itself upholds. An implementation's test module subclasses
`DiscoveryContract` and gives it an `air` fixture: a factory of discoveries that can hear one another."""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

import pytest

from hdus_peer.discovery.cadence import Intervals
from hdus_peer.discovery.port import Discovery, Sighting
from hdus_peer.domain.identity import Identity, PeerId

WAIT_S = 10.0
OFTEN = Intervals(lonely_interval_s=0.2, settled_interval_s=3600.0)
SELDOM = Intervals(lonely_interval_s=3600.0, settled_interval_s=3600.0)


def new_peer() -> PeerId:
    return Identity.generate().peer_id


class Air(Protocol):
    """Makes discoveries of one medium; `port` tells them apart, `network` is unique to a test."""

    network: str

    def make(self, peer: PeerId, port: int, network: str | None = None, intervals: Intervals = SELDOM) -> Discovery: ...


class Ears:
    """Collects sightings, and waits for the next one of a kind."""

    def __init__(self) -> None:
        self.sightings: list[Sighting] = []
        self._came = asyncio.Event()

    def __call__(self, sighting: Sighting) -> None:
        self.sightings.append(sighting)
        self._came.set()

    async def wait_for(self, wanted: Sighting, times: int = 1) -> None:
        async with asyncio.timeout(WAIT_S):
            while self.sightings.count(wanted) < times:
                self._came.clear()
                await self._came.wait()


class Stage:
    """Starts discoveries and stops them at the end."""

    def __init__(self) -> None:
        self._started: list[Discovery] = []

    async def start(self, discovery: Discovery) -> Ears:
        ears = Ears()
        self._started.append(discovery)
        await discovery.start(ears)
        return ears

    async def stop(self) -> None:
        await asyncio.gather(*(discovery.stop() for discovery in self._started))


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    await stage.stop()


class DiscoveryContract:
    """Addresses in `Sighting`s are `127.0.0.1:<port>`."""

    async def test_two_of_a_network_find_each_other(self, air: Air, stage: Stage) -> None:
        anna, bert = new_peer(), new_peer()
        anna_hears = await stage.start(air.make(anna, 4001))
        bert_hears = await stage.start(air.make(bert, 4002, intervals=OFTEN))
        await anna_hears.wait_for(Sighting(bert, "127.0.0.1:4002"))
        assert all(sighting.peer == bert for sighting in anna_hears.sightings)
        assert all(sighting == Sighting(anna, "127.0.0.1:4001") for sighting in bert_hears.sightings)

    async def test_a_late_peer_is_found_by_being_announced_again(self, air: Air, stage: Stage) -> None:
        early, late = new_peer(), new_peer()
        await stage.start(air.make(early, 4001, intervals=OFTEN))
        late_hears = await stage.start(air.make(late, 4002))
        await late_hears.wait_for(Sighting(early, "127.0.0.1:4001"), times=3)

    async def test_networks_never_mix(self, air: Air, stage: Stage) -> None:
        anna, bert, stranger = new_peer(), new_peer(), new_peer()
        strange_ears = await stage.start(air.make(stranger, 4003, network="f" * 64, intervals=OFTEN))
        anna_hears = await stage.start(air.make(anna, 4001, intervals=OFTEN))
        await stage.start(air.make(bert, 4002, intervals=OFTEN))
        await anna_hears.wait_for(Sighting(bert, "127.0.0.1:4002"), times=2)
        assert strange_ears.sightings == []
        assert stranger not in {sighting.peer for sighting in anna_hears.sightings}

    async def test_being_lonely_again_announces_at_the_short_interval(self, air: Air, stage: Stage) -> None:
        anna = new_peer()
        discovery = air.make(anna, 4001, intervals=OFTEN)
        await stage.start(discovery)
        discovery.lonely(False)
        ears = await stage.start(air.make(new_peer(), 4002))
        discovery.lonely(True)
        await ears.wait_for(Sighting(anna, "127.0.0.1:4001"), times=3)

    async def test_looking_again_announces_at_once(self, air: Air, stage: Stage) -> None:
        anna = new_peer()
        discovery = air.make(anna, 4001)
        await stage.start(discovery)
        ears = await stage.start(air.make(new_peer(), 4002))
        heard = ears.sightings.count(Sighting(anna, "127.0.0.1:4001"))
        discovery.look_again()
        await ears.wait_for(Sighting(anna, "127.0.0.1:4001"), times=heard + 1)

    async def test_nothing_is_reported_after_stop(self, air: Air, stage: Stage) -> None:
        anna, bert, cleo = new_peer(), new_peer(), new_peer()
        stopped = air.make(anna, 4001, intervals=OFTEN)
        stopped_ears = await stage.start(stopped)
        await stopped.stop()
        heard_before = list(stopped_ears.sightings)
        await stage.start(air.make(bert, 4002, intervals=OFTEN))
        cleo_hears = await stage.start(air.make(cleo, 4003, intervals=OFTEN))
        await cleo_hears.wait_for(Sighting(bert, "127.0.0.1:4002"), times=2)
        assert stopped_ears.sightings == heard_before

    async def test_stop_is_idempotent_and_needs_no_start(self, air: Air) -> None:
        discovery = air.make(new_peer(), 4001)
        await discovery.stop()
        await discovery.start(Ears())
        await discovery.stop()
        await discovery.stop()
