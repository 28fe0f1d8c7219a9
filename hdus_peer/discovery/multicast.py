"""Whether mDNS works on this host: tried with the very mechanism, since no setting tells.

Containers, virtual machines and firewalls often swallow multicast in silence; whoever asks here can then fall back to
static addresses, and say so.
"""

import asyncio

from hdus_peer.discovery.cadence import Intervals
from hdus_peer.discovery.mdns import MdnsDiscovery
from hdus_peer.domain.identity import Identity

_NOWHERE = "127.0.0.1:9"


async def is_multicast_working(wanted: tuple[str, ...] = (), within_s: float = 1.5) -> bool:
    """Whether, on the wanted interfaces (empty: all), one peer of a throw-away network hears another in time."""
    network = Identity.generate().peer_id
    intervals = Intervals(lonely_interval_s=within_s / 4)
    speaker, hearer = (
        MdnsDiscovery(Identity.generate().peer_id, network, _NOWHERE, wanted, intervals=intervals) for _ in range(2)
    )
    heard = asyncio.Event()
    try:
        await hearer.start(lambda _sighting: heard.set())
        await speaker.start(lambda _sighting: None)
        async with asyncio.timeout(within_s):
            await heard.wait()
    except TimeoutError:
        return False
    finally:
        await asyncio.gather(speaker.stop(), hearer.stop())
    return True
