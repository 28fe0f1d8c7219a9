"""What happens to a device's network: cables pulled and plugged in elsewhere, sleep, IPv6 alone, addresses that change
hands, ports that are taken. Namespaces make it real where the machine allows it."""

import signal

import pytest

from tests.integration.lan import Lan, devices_on_a_lan
from tests.integration.peers import Network, Peer
from tests.ipv6 import has_ipv6_loopback

pytestmark = pytest.mark.slow

SOON_S = 12.0
"""Links are back within a few seconds; the rest is for a machine under load."""
MDNS = {"network__mdns": True, "network__listen": "[::]:7433"}
QUICK = {"timing__heartbeat_interval_s": 0.3, "timing__suspect_after_s": 1.0, "timing__gone_after_s": 3.0}
SLOW_RETRY = {"timing__dial_retry_max_s": 60.0}


def on_lan(peers: Network, lan: Lan, **settings: object) -> tuple[Peer, Peer]:
    """Two trained members, each on a device of its own; not started."""
    anna, bela = (peers.peer(name, **settings) for name in ("anna", "bela"))
    anna.before, bela.before = (device.run for device in lan.devices)
    return anna, bela


def untrained(peers: Network, name: str, **settings: object) -> Peer:
    return peers.peer(name, fresh=True, train__auto=False, **settings)


def meet(*peers: Peer) -> None:
    """Start them, and wait until each uses the seeds of all the others."""
    for peer in peers:
        peer.start()
    for peer in peers:
        peer.wait_event("Started")
    serve_each_other(*peers)


def serve_each_other(*peers: Peer) -> None:
    for peer in peers:
        peer.wait_serving(*(other.name for other in peers if other is not peer))


def address_of(peer: Peer) -> str:
    return str(peer.wait_event("Started")["address"])


# --- interfaces -------------------------------------------------------------------------------------------------------
def test_an_interface_that_vanishes_and_returns_with_another_name_and_address_is_followed(peers: Network) -> None:
    with devices_on_a_lan() as lan:
        lan.plug_all("10.77.0.")
        anna, bela = on_lan(peers, lan, **MDNS, **QUICK, **SLOW_RETRY)
        meet(anna, bela)
        marks = anna.mark, bela.mark
        lan.pull(*lan.devices)
        for peer, other, mark in ((anna, "bela", marks[0]), (bela, "anna", marks[1])):
            peer.wait_event("NetworkChanged", mark)
            peer.wait_event("PeerGone", mark, peer=other)
        marks = anna.mark, bela.mark
        lan.plug_all("10.78.0.")
        for peer, other, mark in ((anna, "bela", marks[0]), (bela, "anna", marks[1])):
            changed = peer.wait_event("NetworkChanged", mark)
            opened = peer.wait_event("LinkOpened", mark, peer=other)
            assert opened["time"] - changed["time"] <= SOON_S, peer.report("the link came back late")
            assert not peer.saw("SeedErased")
            peer.wait_serving(other)
        addresses = {anna.peers()["bela"].address, bela.peers()["anna"].address}
        assert addresses & {"10.78.0.1:7433", "10.78.0.2:7433"}, "the new addresses were announced"


def test_a_device_without_any_interface_says_so_once_and_finds_others_once_there_is_one(peers: Network) -> None:
    with devices_on_a_lan(loopback=False) as lan:
        anna, bela = on_lan(peers, lan, **MDNS, **QUICK)
        for peer in (anna, bela):
            peer.start().wait_event("Started")
        lan.plug_all("10.77.0.")
        anna.wait_serving("bela")
        complaints = [entry for entry in anna.entries if "mDNS has no interface" in entry["event"]]
        assert len(complaints) == 1
        assert "network.static_peers are dialled meanwhile" in complaints[0]["event"]
        changed = anna.wait_event("NetworkChanged")
        assert anna.wait_event("LinkOpened", peer="bela")["time"] - changed["time"] <= SOON_S


def test_without_multicast_named_addresses_do(peers: Network) -> None:
    nowhere = {"network__mdns": True, "network__mdns_interfaces": "no-such-interface"}
    for peer in peers.meshed("anna", "bela", **nowhere):
        assert len([entry for entry in peer.entries if "mDNS has no interface" in entry["event"]]) == 1


# --- IPv6 alone -------------------------------------------------------------------------------------------------------
@pytest.mark.skipif(not has_ipv6_loopback(), reason="this host has no IPv6")
def test_two_peers_on_the_ipv6_loopback_alone(peers: Network) -> None:
    peers.trained.prepare("anna", "bela")
    bela = peers.peer("bela", network__listen="[::1]:0").start()
    address = address_of(bela)
    assert address.startswith("[::1]:")
    anna = peers.peer("anna", network__listen="[::1]:0", network__static_peers=[address]).start()
    anna.wait_event("Started")
    serve_each_other(anna, bela)
    assert anna.peers()["bela"].address == address


@pytest.mark.skipif(not has_ipv6_loopback(), reason="this host has no IPv6")
def test_peers_find_one_another_on_a_network_of_ipv6_alone(peers: Network) -> None:
    with devices_on_a_lan() as lan:
        lan.plug_all("fd77::")
        anna, bela = on_lan(peers, lan, **MDNS)
        meet(anna, bela)
        assert {anna.peers()["bela"].address, bela.peers()["anna"].address} & {"[fd77::1]:7433", "[fd77::2]:7433"}


@pytest.mark.skipif(not has_ipv6_loopback(), reason="this host has no IPv6")
def test_a_link_local_address_with_its_zone_is_dialled(peers: Network) -> None:
    with devices_on_a_lan() as lan:
        lan.plug_all("fe80::")
        bela = untrained(peers, "bela", network__listen="[::]:7433")
        here, there = lan.devices
        bela.before = there.run
        bela.start().wait_event("Started")
        address = f"[fe80::2%{here.interfaces[0]}]:7433"
        anna = untrained(peers, "anna", network__listen="[::]:7433", network__static_peers=[address])
        anna.before = here.run
        anna.start().wait_event("LinkOpened", peer="bela")


# --- addresses --------------------------------------------------------------------------------------------------------
def test_a_named_address_that_passes_to_another_peer_is_followed(peers: Network) -> None:
    anna = untrained(peers, "anna", knows=("gate",)).start()
    bela = untrained(peers, "bela", network__listen=peers.address("gate")).start()
    anna.wait_event("LinkOpened", peer="bela")
    bela.stop()
    cleo = untrained(peers, "cleo", network__listen=peers.address("gate")).start()
    anna.wait_event("LinkOpened", peer="cleo")
    bela.start(network__listen=peers.address("bela"), network__static_peers=[address_of(anna)])
    anna.wait_event("LinkOpened", since=len(anna.entries), peer="bela")
    assert {view.name: view.state for view in anna.peers().values()} == {"bela": "alive", "cleo": "alive"}
    assert cleo.peers().keys() == {"anna"}


# --- sleep ------------------------------------------------------------------------------------------------------------
def test_a_device_that_slept_is_back_at_once_and_has_lost_nothing(peers: Network) -> None:
    """Stopped for longer than its neighbour waits; then the longest back-off would be a minute."""
    anna, bela = peers.meshed("anna", "bela", **QUICK, **SLOW_RETRY)
    marks = anna.mark, bela.mark
    bela.send_signal(signal.SIGSTOP)
    anna.wait_event("PeerGone", marks[0], peer="bela")
    anna_mark = anna.mark
    bela.send_signal(signal.SIGCONT)
    woke = bela.wait_event("NetworkChanged", marks[1])
    assert str(woke["cause"]).startswith("awake after")
    opened = anna.wait_event("LinkOpened", anna_mark, peer="bela")
    assert opened["time"] - woke["time"] <= SOON_S
    serve_each_other(anna, bela)
    assert not anna.saw("SeedErased")
    assert not bela.saw("SeedErased")


# --- ports and sockets ------------------------------------------------------------------------------------------------
def test_of_two_that_want_one_port_at_once_one_gets_it_and_the_other_says_what_to_do(peers: Network) -> None:
    both = [untrained(peers, name, network__listen=peers.address("gate")).start() for name in ("anna", "bela")]
    won = [peer for peer in both if peer.wait_event_or_end("Started")]
    assert len(won) == 1
    lost = next(peer for peer in both if peer not in won).refusal()
    assert lost.code == 2
    assert f"cannot listen at {peers.address('gate')}" in lost.answer["error"]
    assert "choose another one, or stop what uses it" in lost.answer["error"]


def test_a_deep_state_directory_any_free_port_and_a_dead_daemons_socket(peers: Network) -> None:
    anna = untrained(peers, "anna", network__listen="127.0.0.1:0")
    anna.state = peers.directory / "/".join(["a-rather-long-name-for-a-directory"] * 4)
    anna.start()
    host, _, port = address_of(anna).rpartition(":")
    assert host == "127.0.0.1"
    assert int(port) > 0
    assert anna.status().phase == "active"
    anna.kill()
    mark = anna.mark
    anna.start().wait_event("Started", mark)
    assert anna.status().phase == "active"
