"""Two networks of one name on one LAN never mix, even where an address of one is given to a peer of the other.

The members of one asked with keys of their own devices (request, sign, accept); those of the other have issued files.
"""

import asyncio
import shutil
from pathlib import Path

import pytest

from hdus_peer.admission import authority, device
from hdus_peer.discovery.multicast import is_multicast_working
from tests.integration.peers import Network, Peer

pytestmark = pytest.mark.slow
INTERFACE = "127.0.0.1"


def _asked(network: authority.Network, state: Path, file: Path) -> None:
    """Credentials in `state` and a copy in `file`; the keys were made in `state`."""
    request, grant = (file.with_suffix(suffix) for suffix in (".request", ".grant"))
    device.request_admission(state, file.stem, network.directory / "root.pem", request)
    asked = authority.read_request(network, request)
    authority.sign_request(network, asked, grant, authority.name_for(network, asked))
    device.accept(state, grant)
    shutil.copy(state / "credentials", file)


def _issued(network: authority.Network, state: Path, file: Path) -> None:
    authority.issue_file(network.directory, file.stem, file)


@pytest.fixture
def both(peers: Network, tmp_path: Path) -> dict[str, Peer]:
    """ada and abe of one network, bea and bob of the other; nobody trains. Bea is told to dial ada."""
    if not asyncio.run(is_multicast_working((INTERFACE,))):
        pytest.skip(f"this host has no multicast on {INTERFACE}")
    made = {}
    for names, admit in ((("ada", "abe"), _asked), (("bea", "bob"), _issued)):
        network = authority.create_network(tmp_path / f"net-{names[0]}", "home", "digits")
        for name in names:
            file = tmp_path / f"{name}.credentials"
            admit(network, tmp_path / name, file)
            made[name] = peers.add(Peer(name, tmp_path / name, file, _settings(peers, name)))
    return made


def _settings(peers: Network, name: str) -> dict[str, object]:
    stray = [peers.address("ada")] if name == "bea" else []
    return {
        "network.listen": peers.address(name), "network.static_peers": stray, "network.mdns_interfaces": INTERFACE,
        "train.auto": False, "log.level": "debug",
    }  # fmt: skip


def test_each_sees_its_own_network_alone(both: dict[str, Peer]) -> None:
    for peer in both.values():
        peer.start()
    for name, other in (("ada", "abe"), ("abe", "ada"), ("bea", "bob"), ("bob", "bea")):
        both[name].wait_event("PeerAlive", peer=other)
    bea = both["bea"]
    since = bea.wait_event("Refused", reason="not-of-this-network")
    bea.wait_event("Refused", since=bea.entries.index(since) + 1, reason="not-of-this-network")
    assert bea.status().refusals["not-of-this-network"] >= 2
    for name, other in (("ada", "abe"), ("abe", "ada"), ("bea", "bob"), ("bob", "bea")):
        assert set(both[name].peers()) == {other}
        assert both[name].status().links.alive == 1
        assert name == "bea" or not both[name].saw("Refused"), both[name].report("a stranger got through")
    for peer in both.values():
        peer.stop()
