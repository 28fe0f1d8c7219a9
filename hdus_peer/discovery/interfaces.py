"""The network interfaces of this host: where to speak mDNS, and under which addresses others can dial.

Rules
1. Asked anew every time. Interfaces come, go and change their names and addresses while a peer runs.
2. An interface that is down, or has no carrier, is not there: its addresses reach nobody.
3. mDNS is spoken over both families wherever an interface has both, since a neighbour may have only one of them.

IPv6 link-local addresses are left out: they mean nothing without the asker's own interface.
"""

import fcntl
import ipaddress
import socket
import struct
from dataclasses import dataclass

import ifaddr

from hdus_peer.domain.address import split_address

ADDRESSES_MAX = 8
_MDNS_PORT = 5353
_MDNS_GROUP_IPV4, _MDNS_GROUP_IPV6 = "224.0.0.251", "ff02::fb"
_ANY_IPV4, _ANY_IPV6 = "0.0.0.0", "::"
_SIOCGIFFLAGS, _IFF_UP, _IFF_RUNNING = 0x8913, 0x1, 0x40  # Linux, netdevice(7)


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
        if usable and _is_running(adapter.name):
            found.append(Interface(adapter.nice_name, adapter.index or 0, tuple(usable)))
    return tuple(found)


def speaking_addresses(among: tuple[Interface, ...]) -> list[str]:
    """One address per interface and family: multicast is joined once for each. Where the system refuses it (just
    vanished, not yet usable, no multicast), the address is left out, so that it does not spoil the others."""
    return [address for interface in among for address in _one_per_family(interface) if _can_join(address, interface)]


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


def _one_per_family(interface: Interface) -> list[str]:
    by_family = {":" in address: address for address in reversed(interface.addresses)}
    return [by_family[is_ipv6] for is_ipv6 in sorted(by_family)]


def _can_join(address: str, interface: Interface) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as trial:
            trial.bind((address, 0))
            if family == socket.AF_INET6:
                membership = socket.inet_pton(family, _MDNS_GROUP_IPV6) + struct.pack("@I", interface.index)
                trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, membership)
                trial.connect((_MDNS_GROUP_IPV6, _MDNS_PORT, 0, interface.index))  # sends nothing, but needs a way
            else:
                membership = socket.inet_aton(_MDNS_GROUP_IPV4) + socket.inet_aton(address)
                trial.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    except OSError:
        return False
    return True


def _is_running(name: str) -> bool:
    """Whether the interface is up and has a carrier; yes where the system does not tell."""
    request = struct.pack("16sH14x", name.encode()[:15], 0)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            flags = struct.unpack("16sH14x", fcntl.ioctl(asking, _SIOCGIFFLAGS, request))[1]
    except OSError:
        return True
    return bool(flags & _IFF_UP and flags & _IFF_RUNNING)


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
