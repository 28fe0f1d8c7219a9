"""kill -9 of every kind of process, at instants that hurt: nothing is lost, nothing comes back, nobody waits."""

import signal

import pytest

from hdus_peer.protocol.records import Phase
from tests.integration.asking import asking
from tests.integration.peers import Network, Peer
from tests.integration.proxy import proxy

pytestmark = pytest.mark.slow

MID_PAYLOAD_BYTES = 60_000
"""More than a handshake and greetings, less than the sealed seed of the tests' architecture (71 KB)."""


def restart(peer: Peer) -> int:
    """Start again after a crash; the log's mark from which on it is the new run."""
    mark = peer.mark
    peer.start().wait_event("Started", mark)
    return mark


def test_a_daemon_killed_during_the_exchange_catches_up(peers: Network) -> None:
    """Again and again: at another event of the exchange each time, and then after so many lines of its log."""
    anna, bela, cleo = peers.peers("anna", "bela", "cleo")
    for event in ("LinkOpened", "KeyGranted", "TrainingDone", "SeedAdopted"):
        bela.wait_event(event)
        bela.kill()
        mark = restart(bela)
    for lines in (2, 5, 7):
        bela.wait_lines(mark + lines)
        bela.kill()
        mark = restart(bela)
    anna.kill()
    restart(anna)
    for peer, others in ((anna, ("bela", "cleo")), (bela, ("anna", "cleo")), (cleo, ("anna", "bela"))):
        peer.wait_serving(*others)
        assert len(peer.files()) == 6, peer.files()
        assert not any(view.cloned for view in peer.peers().values())


@pytest.mark.parametrize("event", ["LeaveBegun", "SeedErased", "GrantClosed"])
def test_a_leaver_killed_at_any_instant_goes_on_leaving(peers: Network, event: str) -> None:
    anna, bela = peers.meshed("anna", "bela")
    payload = bela.seeds()["anna"].payload_sha256
    with anna.client() as client:
        steps = client.leave()
        assert next(steps).phase == Phase.LEAVING
        anna.wait_event(event)
        anna.kill()
        steps.close()
    mark = anna.mark
    assert anna.start().end() in (0, 5), anna.report("it neither went on leaving nor had left")
    assert not anna.saw("SeedPublished", mark)
    assert anna.files() == set()
    bela.wait_serving()
    assert not [file for file in bela.files() if payload in file]


@pytest.mark.parametrize("event", ["TombstoneWritten", "SeedErased"])
def test_a_holder_killed_while_it_erases_confirms_afterwards(peers: Network, event: str) -> None:
    anna, bela = peers.meshed("anna", "bela")
    payload = bela.seeds()["anna"].payload_sha256
    with anna.client() as client:
        steps = client.leave()
        assert next(steps).phase == Phase.LEAVING
        bela.wait_event(event)
        bela.kill()
        mark = restart(bela)
        assert [step.finished for step in steps][-1]
    assert anna.end() == 0
    assert not [file for file in bela.files() if payload in file]
    assert bela.seeds() == {}
    assert not bela.saw("SeedAdopted", mark)


def test_a_killed_predictor_is_replaced_and_no_answer_fails(peers: Network) -> None:
    anna, _ = peers.meshed("anna", "bela")
    with asking(anna) as asker:
        for victim in anna.children("inference"):
            victim.kill()
        killed = asker.states[-1].version if asker.states else 0
        anna.wait(lambda now: now.ensemble.version > killed and not now.ensemble.pending, "the ensemble rebuilt")
        anna.wait_serving("bela")
    assert {state.owners for state in asker.states} <= {(), anna.status().ensemble.owners}


def test_a_killed_trainer_resumes_and_a_stopped_one_goes_on_at_the_next_start(peers: Network) -> None:
    anna = peers.peer("anna", fresh=True, train__epochs_max=12, train__patience=12).start()
    first = anna.wait_event("TrainingProgressed", stage="main")
    trainer = anna.child("learning")
    trainer.kill()
    mark = anna.entries.index(first) + 1
    anna.wait_event("TrainingProgressed", mark, stage="data")
    assert anna.child("learning").pid != trainer.pid
    anna.wait_event("TrainingProgressed", mark, stage="main")
    anna.stop()
    mark = anna.mark
    anna.start().wait_event("TrainingDone", mark)
    assert anna.status().generation > 0


@pytest.mark.parametrize("swallows_end", [False, True], ids=["killed", "cut-off"])
def test_an_owner_that_dies_in_mid_transfer_is_not_waited_for(peers: Network, swallows_end: bool) -> None:
    """bela reaches anna through a cable that stops in the middle of anna's payload; then anna dies. Where the end is
    swallowed, only silence tells."""
    peers.trained.prepare("anna", "bela", "cleo")
    anna = peers.peer("anna").start()
    cleo = peers.peer("cleo").start()
    anna.wait_event("TrainingDone")
    with proxy(peers.address("anna"), MID_PAYLOAD_BYTES, swallows_end=swallows_end) as cable:
        quick = {"timing__suspect_after_s": 2.0, "timing__gone_after_s": 4.0}
        bela = peers.peer("bela", knows=("cleo",), **quick)
        bela.settings["network.static_peers"] = [cable.address, peers.address("cleo")]
        bela.start()
        assert cable.held.wait(30), bela.report("nothing of anna's payload came")
        anna.send_signal(signal.SIGKILL)
        anna.ended()
        bela.wait_event("Refused", reason="unreachable", peer="anna")
        bela.wait_serving("cleo")
        bela.wait_event("PeerGone", peer="anna")
        assert not bela.saw("SeedAdopted", peer="anna")

        cable.open()
        restart(anna)
        bela.wait_event("SeedAdopted", peer="anna")
        bela.wait_serving("anna", "cleo")
    cleo.stop()
