"""What a peer says of itself over mDNS, and how such a record is read.

    instance   <peer id>._hdus._tcp.local.
    SRV        port, at host <peer id>.local.
    TXT        v=1, id=<peer id>, net=<network id>
    A, AAAA    addresses

Rule: anybody on the local network can send such records. What is not exactly of this form, of another network, or this
peer's own, is nothing; what remains is only a suggestion where to dial.
"""

import ipaddress

from zeroconf import ServiceInfo

from hdus_peer.discovery.interfaces import ADDRESSES_MAX
from hdus_peer.discovery.port import Sighting
from hdus_peer.domain.address import PORT_MAX, join_address
from hdus_peer.domain.identity import PeerId, is_peer_id

SERVICE_TYPE = "_hdus._tcp.local."
VERSION = b"1"


def instance_name(peer: PeerId) -> str:
    return f"{peer}.{SERVICE_TYPE}"


def peer_in(instance: str) -> PeerId | None:
    """The PeerId that an instance name claims, or None."""
    label = instance.lower().removesuffix("." + SERVICE_TYPE)
    return PeerId(label) if label != instance.lower() and is_peer_id(label) else None


def announcement(peer: PeerId, network: str, addresses: tuple[str, ...], port: int) -> ServiceInfo:
    """The records of `peer`."""
    properties = {b"v": VERSION, b"id": peer.encode(), b"net": network.encode()}
    return ServiceInfo(
        SERVICE_TYPE,
        instance_name(peer),
        port=port,
        properties=properties,
        server=f"{peer}.local.",
        parsed_addresses=list(addresses),
    )


def sightings_in(info: ServiceInfo, network: str) -> tuple[Sighting, ...]:
    """One per address of a well-formed announcement of this network; none for anything else."""
    peer, port = peer_in(info.name), info.port
    if peer is None or port is None or not 1 <= port <= PORT_MAX:
        return ()
    if info.properties != {b"v": VERSION, b"id": peer.encode(), b"net": network.encode()}:
        return ()
    hosts = [host for host in info.parsed_addresses() if _is_dialable(host)][:ADDRESSES_MAX]
    return tuple(Sighting(peer, join_address(host, port)) for host in hosts)


def _is_dialable(host: str) -> bool:
    address = ipaddress.ip_address(host)
    is_foreign_scope = address.version == 6 and address.is_link_local
    return not (address.is_unspecified or address.is_multicast or is_foreign_scope)
