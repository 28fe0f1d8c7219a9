"""Addresses as text: `host:port`, with an IPv6 host in brackets (`[fd00::1]:7433`).

Rule: whatever took part of an address from a file, a flag or the network goes through `split_address` first.
Absent on purpose: looking names up.
"""

import ipaddress
import re

PORT_MAX = 65_535
HOST_LENGTH_MAX = 253
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")


def split_address(address: str) -> tuple[str, int]:
    """Host (an IPv6 one without its brackets) and port (0 to 65535). Raises ValueError with a sentence."""
    host, colon, port = address.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or len(port) > 5 or int(port) > PORT_MAX:
        raise ValueError("an address is host:port, with a port from 0 to 65535")
    if host.startswith("[") and host.endswith("]"):
        return _ipv6(host[1:-1]), int(port)
    if not is_host(host):
        raise ValueError("an address is host:port, where host is a name, an IPv4 address or an IPv6 address in []")
    return host, int(port)


def join_address(host: str, port: int) -> str:
    """The inverse of `split_address`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_host(host: str) -> bool:
    """Whether `host` may be a host name or an IPv4 address (it may still not exist)."""
    if not host or len(host) > HOST_LENGTH_MAX:
        return False
    return all(_LABEL.fullmatch(label) for label in host.removesuffix(".").split("."))


def _ipv6(host: str) -> str:
    try:
        return str(ipaddress.IPv6Address(host))
    except ValueError as problem:
        raise ValueError("in brackets stands an IPv6 address, for example [fd00::1]:7433") from problem
