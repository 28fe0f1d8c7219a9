"""The network interfaces of this host: where to speak mDNS, and under which addresses others can dial.

Rule: asked anew every time. Interfaces come, go and change their names and addresses while a peer runs.
IPv6 link-local addresses are left out: they mean nothing without the asker's own interface.
"""

import ipaddress
import socket
from dataclasses import dataclass

import ifaddr

from hdus_peer.domain.address import split_address

ADDRESSES_MAX = 8
_MDNS_GROUP = "224.0.0.251"
_ANY_IPV4, _ANY_IPV6 = "0.0.0.0", "::"


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface with at least one address; IPv4 ones first. `index` changes when it was taken away and came back."""

    name: str
    index: int
    addresses: tuple[str, ...]

    @property
    def is_loopback(self) -> bool:
        return all(ipaddress.ip_address(address).is_loopback for address in self.addresses)


def interfaces(wanted: tuple[str, ...]) -> tuple[Interface, ...]:
    """Those named in `wanted` (interface names or addresses; empty: all) that exist now."""
    found = []
    for adapter in ifaddr.get_adapters():
        is_named = not wanted or adapter.nice_name in wanted
        addresses = [_text(ip) for ip in adapter.ips if is_named or _text(ip) in wanted]
        usable = sorted((address for address in addresses if _is_usable(address)), key=_ipv4_first)
        if usable:
            found.append(Interface(adapter.nice_name, adapter.index or 0, tuple(usable)))
    return tuple(found)


def speaking_addresses(among: tuple[Interface, ...]) -> list[str]:
    """One address per interface, IPv4 where there is one: multicast is joined once per interface. An interface on which
    the system refuses it (just vanished, no multicast) is left out, so that it does not spoil the others."""
    return [interface.addresses[0] for interface in among if _can_join(interface.addresses[0])]


def dialable_addresses(among: tuple[Interface, ...], listen: str, advertise: tuple[str, ...]) -> tuple[str, ...]:
    """The IP addresses under which others reach a peer that listens at `listen` (`host:port`): those of `advertise`, or
    the one it listens at, or those of the interfaces; loopback only where there is nothing else."""
    host = split_address(listen)[0]
    if advertise or (_is_ip(host) and host not in (_ANY_IPV4, _ANY_IPV6)):
        return (advertise or (host,))[:ADDRESSES_MAX]
    outward = [interface for interface in among if not interface.is_loopback] or list(among)
    addresses = [address for interface in outward for address in interface.addresses]
    reachable = [address for address in addresses if host != _ANY_IPV4 or ":" not in address]
    return tuple(sorted(reachable, key=_ipv4_first)[:ADDRESSES_MAX])


def _can_join(address: str) -> bool:
    if ":" in address:
        return True
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        try:
            membership = socket.inet_aton(_MDNS_GROUP) + socket.inet_aton(address)
            trial.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        except OSError:
            return False
    return True


def _text(ip: ifaddr.IP) -> str:
    return ip.ip if isinstance(ip.ip, str) else ip.ip[0]


def _is_usable(address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    return parsed.version == 4 or not parsed.is_link_local


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _ipv4_first(address: str) -> bool:
    return ":" in address
