from hdus_peer.discovery.combined import CombinedDiscovery
from hdus_peer.discovery.memory import MemoryDiscovery, Neighbourhood
from hdus_peer.discovery.port import Sighting
from hdus_peer.discovery.static import StaticDiscovery
from tests.contracts.discovery import OFTEN, SELDOM, Ears, Stage, new_peer

ADDRESSES = ("laptop.local:7433", "[2001:db8::7]:7433")
SIGHTINGS = [Sighting(None, address) for address in ADDRESSES]


async def test_addresses_are_reported_at_start_as_they_are(stage: Stage) -> None:
    ears = await stage.start(StaticDiscovery(ADDRESSES, SELDOM))
    assert ears.sightings == SIGHTINGS


async def test_addresses_are_reported_again_while_lonely(stage: Stage) -> None:
    ears = await stage.start(StaticDiscovery(ADDRESSES, OFTEN))
    await ears.wait_for(SIGHTINGS[1], times=3)


async def test_nothing_is_reported_after_stop_and_stop_is_idempotent() -> None:
    discovery, ears = StaticDiscovery(ADDRESSES, OFTEN), Ears()
    await discovery.stop()
    await discovery.start(ears)
    await discovery.stop()
    await discovery.stop()
    assert ears.sightings == SIGHTINGS


async def test_several_discoveries_report_through_one(stage: Stage) -> None:
    air, anna, bert = Neighbourhood(), new_peer(), new_peer()
    parts = (StaticDiscovery(ADDRESSES, SELDOM), MemoryDiscovery(air, anna, "net", "a:1", SELDOM))
    combined = CombinedDiscovery(parts)
    ears = await stage.start(combined)
    await stage.start(MemoryDiscovery(air, bert, "net", "b:1", SELDOM))
    assert ears.sightings == [*SIGHTINGS, Sighting(bert, "b:1")]


async def test_loneliness_reaches_every_part(stage: Stage) -> None:
    part = StaticDiscovery(ADDRESSES, OFTEN)
    combined = CombinedDiscovery((part,))
    combined.lonely(False)
    ears = await stage.start(combined)
    combined.lonely(True)
    await ears.wait_for(SIGHTINGS[0], times=3)


async def test_looking_again_reaches_every_part_and_reports_at_once(stage: Stage) -> None:
    combined = CombinedDiscovery((StaticDiscovery(ADDRESSES, SELDOM),))
    ears = await stage.start(combined)
    combined.look_again()
    await ears.wait_for(SIGHTINGS[1], times=2)
