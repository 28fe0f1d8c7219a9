"""Ctrl-C and SIGTERM at any time: everything is gone within five seconds, and the next start goes on."""

import os
import signal
import time

import pytest

from tests.integration.peers import Network, Peer

pytestmark = pytest.mark.slow

STOP_S = 5.0
SLACK_S = 3.0
"""For a machine under load: the promise is made for a quiet one."""


def stop_quickly(peer: Peer, number: signal.Signals, *, whole_group: bool = False) -> None:
    """`whole_group`: as Ctrl-C in a terminal reaches the children too."""
    family = peer.children()
    began = time.monotonic()
    if whole_group:
        os.killpg(peer.process.pid, number)
        assert peer.ended() == 0, peer.report("it did not end in order")
    else:
        peer.stop(number)
    assert time.monotonic() - began < STOP_S + SLACK_S
    assert not [child for child in family if child.is_running() and child.status() != "zombie"]


def test_ctrl_c_during_the_exchange(peers: Network) -> None:
    anna, bela = peers.peers("anna", "bela")
    bela.wait_event("LinkOpened")
    stop_quickly(bela, signal.SIGINT, whole_group=True)
    assert not [entry for entry in bela.entries if "Traceback" in entry.get("text", "")], bela.report("a traceback")
    mark = bela.mark
    bela.start().wait_event("Started", mark)
    bela.wait_serving("anna")
    anna.wait_serving("bela")
    stop_quickly(bela, signal.SIGINT, whole_group=True)
    assert not [entry for entry in bela.entries if "text" in entry], bela.report("lines that are no log")


def test_sigterm_during_a_leave_and_the_leave_goes_on(peers: Network) -> None:
    anna, bela = peers.meshed("anna", "bela")
    anna.kill()
    assert bela.typed("leave", "--yes", "--wait=0.5").code == 3
    stop_quickly(bela, signal.SIGTERM)
    mark = bela.mark
    bela.start().wait_event("Started", mark)
    assert bela.status().phase == "leaving"
    anna.start()
    assert bela.end() == 0


def test_sigterm_during_the_first_training(peers: Network) -> None:
    anna = peers.peer("anna", fresh=True).start()
    anna.wait_event("TrainingProgressed", stage="data")
    stop_quickly(anna, signal.SIGTERM)
    mark = anna.mark
    anna.start().wait_event("TrainingDone", mark)
