"""Whether an interface carries multicast: asked by sending a datagram to ourselves, before mDNS is relied on."""

import contextlib
import secrets
import socket

GROUP = "224.0.0.251"
ANSWER_TIMEOUT_S = 0.5


def has_multicast(interface: str) -> bool:
    """Whether a datagram sent to mDNS's group on `interface` (an IPv4 address) comes back."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        membership = socket.inet_aton(GROUP) + socket.inet_aton(interface)
        probe.bind(("", 0))
        probe.settimeout(ANSWER_TIMEOUT_S)
        probe.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        probe.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(interface))
        probe.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
        word = secrets.token_bytes(16)
        probe.sendto(word, (GROUP, probe.getsockname()[1]))
        return probe.recv(64) == word
    return False
