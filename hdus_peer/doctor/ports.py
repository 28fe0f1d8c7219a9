"""The port where other peers are to reach this one: free, ours already, or somebody else's."""

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from hdus_peer.config import Config
from hdus_peer.control.client import ControlClient
from hdus_peer.doctor.findings import Finding, bad, good
from hdus_peer.domain.address import split_address
from hdus_peer.errors import HdusError

_LISTENING = "0A"
_ANY, _ANY_IPV4 = "::", "0.0.0.0"
"""Every address; where there is no IPv6, the transport listens at those of IPv4, and so does the trial."""


def findings(config: Config) -> Iterator[Finding]:
    listen = config.network.listen
    host, port = split_address(listen)
    if port == 0:
        yield good("port", "Any free port is taken at the start; others learn it by mDNS.")
        return
    own = _own_address(config.state_directory.absolute())
    if own is not None and split_address(own)[1] == port:
        yield good("port", f"This peer is running already, and listens at {own}.")
        return
    yield _tried(listen, host, port)


def _own_address(state: Path) -> str | None:
    """Where the daemon of this state directory listens; None where none answers."""
    try:
        with ControlClient(state) as daemon:
            return daemon.status().address
    except HdusError:
        return None


def _tried(listen: str, host: str, port: int) -> Finding:
    try:
        wanted = _ANY_IPV4 if host == _ANY and not socket.has_dualstack_ipv6() else host
        family, *_, address = socket.getaddrinfo(wanted, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
            trial.listen(1)
    except socket.gaierror:
        return bad("port", f"{host} is no address of this device: choose another network.listen.")
    except OSError as problem:
        return bad("port", _sentence(problem, listen, port))
    return good("port", f"{listen} is free. Open this TCP port in the firewall, and UDP 5353 for mDNS.")


def _sentence(problem: OSError, listen: str, port: int) -> str:
    if problem.errno == errno.EADDRINUSE:
        return f"{listen} is taken{_by_whom(port)}: stop that one, or choose another port with --listen."
    if problem.errno == errno.EACCES:
        return f"Port {port} is for root alone: choose one from 1024 on with --listen."
    return f"{listen} cannot be had ({problem.strerror}): choose an address of this device with --listen."


def _by_whom(port: int) -> str:
    """ " by NAME (process PID)", as far as this user may see it."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(os.readlink(handle) in sockets for handle in (process / "fd").iterdir()):
                return f" by {(process / 'comm').read_text().strip()} (process {process.name})"
        except OSError:
            continue
    return " by a process of another user" if sockets else ""


def _listening_inodes(port: int) -> list[str]:
    lines = [line.split() for table in ("tcp", "tcp6") for line in _table(table)]
    return [line[9] for line in lines if line[3] == _LISTENING and int(line[1].rpartition(":")[2], 16) == port]


def _table(name: str) -> list[str]:
    try:
        return Path("/proc/net", name).read_text().splitlines()[1:]
    except OSError:
        return []
