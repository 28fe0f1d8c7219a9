"""Whether mDNS works: on each wanted interface, one throw-away peer must hear another."""

import asyncio
from collections.abc import Iterator

from hdus_peer.config import Config
from hdus_peer.discovery.interfaces import interfaces
from hdus_peer.discovery.multicast import is_multicast_working
from hdus_peer.doctor.findings import Finding, good, warning

INTERFACES_MAX = 16
_OTHERWISE = "Name other peers with network.static_peers (--peer HOST:PORT); one direction is enough"


def findings(config: Config) -> Iterator[Finding]:
    network = config.network
    if not network.mdns:
        yield _without(len(network.static_peers))
        return
    found = interfaces(network.mdns_interfaces)[:INTERFACES_MAX]
    for wanted in network.mdns_interfaces:
        if not any(wanted == one.name or wanted in one.addresses for one in found):
            yield warning("multicast", f"There is no interface {wanted} now; it is used once it is there.")
    names = [one.name if one.name in network.mdns_interfaces else one.addresses[0] for one in found]
    for name, one, works in zip(names, found, asyncio.run(_heard(names)), strict=True):
        shown = one.name if name == one.name else f"{one.name} ({name})"
        if works:
            yield good("multicast", f"mDNS hears itself on {shown}.")
        else:
            yield warning("multicast", f"mDNS does not hear itself on {shown}. {_OTHERWISE}.")
    if not found:
        yield warning("multicast", f"There is no interface to speak mDNS on. {_OTHERWISE}.")


def _without(static_peers: int) -> Finding:
    if static_peers:
        return good("multicast", f"mDNS is off; {static_peers} addresses are dialled instead.")
    return warning("multicast", f"mDNS is off, and no peer is named: this one waits to be dialled. {_OTHERWISE}.")


async def _heard(names: list[str]) -> list[bool]:
    return await asyncio.gather(*(is_multicast_working((name,)) for name in names))
