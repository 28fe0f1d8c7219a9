"""Who is there: a crash and a silence are seen in time, a crash is not a leave, and discovery gives one link each."""

import asyncio
import signal

import pytest

from hdus_peer.config import TimingSection
from hdus_peer.discovery.multicast import is_multicast_working
from tests.integration.peers import Network

pytestmark = pytest.mark.slow

LOOPBACK = "127.0.0.1"
QUICK = {"timing__heartbeat_interval_s": 0.2, "timing__suspect_after_s": 1.0, "timing__gone_after_s": 2.0}
SLACK_S = 2.0
"""For a machine under load; what is measured is otherwise the daemon's own, from its log."""


@pytest.fixture(scope="module")
def multicast() -> None:
    if not asyncio.run(is_multicast_working((LOOPBACK,))):
        pytest.skip(f"this host has no multicast on {LOOPBACK}")


def test_the_defaults_keep_the_promise() -> None:
    """Suspect within 5 s of a crash, gone within 15 s: the last heartbeat came before the crash."""
    timing = TimingSection()
    assert timing.suspect_after_s < 5
    assert timing.gone_after_s < 15


def test_a_silent_neighbour_is_suspect_then_gone_and_its_seed_stays(peers: Network) -> None:
    anna, bela = peers.meshed("anna", "bela", **QUICK)
    mark = anna.mark
    bela.process.suspend()
    suspected = anna.wait_event("PeerSuspected", mark, peer="bela")
    gone = anna.wait_event("PeerGone", mark, peer="bela")
    assert anna.entries.index(suspected) < anna.entries.index(gone)
    assert gone["time"] - suspected["time"] <= 1.0 + SLACK_S
    anna.wait_serving("bela")
    assert anna.peers()["bela"].state == "gone"
    mark = anna.mark
    bela.process.resume()
    anna.wait_event("PeerAlive", mark, peer="bela")
    anna.wait_event("LinkOpened", mark, peer="bela")
    assert not anna.saw("SeedErased")


def test_a_crashed_neighbour_is_suspect_at_once_and_comes_back(peers: Network) -> None:
    anna, bela = peers.meshed("anna", "bela", **QUICK)
    mark = anna.mark
    bela.send_signal(signal.SIGKILL)
    suspected = anna.wait_event("PeerSuspected", mark, peer="bela")
    gone = anna.wait_event("PeerGone", mark, peer="bela")
    assert gone["time"] - suspected["time"] <= 2.0 + SLACK_S
    bela.ended()
    bela.start()
    anna.wait_event("PeerAlive", mark, peer="bela")
    anna.wait_serving("bela")
    assert not anna.peers()["bela"].cloned


@pytest.mark.usefixtures("multicast")
def test_peers_find_one_another_by_mdns_alone(peers: Network) -> None:
    found = {"network__mdns": True, "network__mdns_interfaces": LOOPBACK}
    anna, bela = (peers.peer(name, **found).start() for name in ("anna", "bela"))
    for peer, other in ((anna, "bela"), (bela, "anna")):
        peer.wait_event("Started")
        peer.wait_serving(other)


@pytest.mark.usefixtures("multicast")
def test_both_ways_of_finding_give_one_link(peers: Network) -> None:
    both = {"network__mdns": True, "network__mdns_interfaces": LOOPBACK}
    anna, bela = peers.meshed("anna", "bela", **both)
    assert len(anna.saw("LinkOpened")) == len(bela.saw("LinkOpened")) == 1
    assert not anna.saw("LinkClosed")
    assert not bela.saw("LinkClosed")
    assert {anna.peers()["bela"].dialled, bela.peers()["anna"].dialled} == {True, False}
