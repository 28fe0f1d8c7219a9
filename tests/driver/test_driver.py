"""Commit, send, act, publish: never in another order, and nothing of a Step whose commit was refused."""

import pytest

from hdus_peer.domain.identity import Identity
from hdus_peer.driver import Driver
from hdus_peer.errors import StorageError
from hdus_peer.protocol.messages import Merged
from hdus_peer.protocol.records import SelfRow
from hdus_peer.protocol.step import Event, HangUp, Put, Send, Step

PEER = Identity(bytes(32)).peer_id
STEP = Step((Put(SelfRow(PEER)),), (Send(PEER, Merged()),), (HangUp(PEER),), (Event("Said"),))


class Recorder:
    """Committer, outbox, actor and publisher in one, noting the order."""

    def __init__(self, refuses: bool = False) -> None:
        self.seen: list[str] = []
        self._refuses = refuses

    def commit(self, writes):
        if self._refuses:
            raise StorageError("full")
        self.seen.append(f"commit {len(writes)}")

    def send(self, peer, message):
        self.seen.append("send")

    def act(self, effect):
        self.seen.append("act")

    def publish(self, event):
        self.seen.append("publish")


def _driver(recorder: Recorder) -> Driver:
    return Driver(recorder, recorder, recorder, recorder.publish)


def test_the_order_of_a_step_is_the_contract():
    recorder = Recorder()
    _driver(recorder).execute(STEP)
    assert recorder.seen == ["commit 1", "send", "act", "publish"]


def test_nothing_leaves_when_the_commit_is_refused():
    recorder = Recorder(refuses=True)
    with pytest.raises(StorageError):
        _driver(recorder).execute(STEP)
    assert recorder.seen == []


def test_several_steps_share_one_transaction_and_a_step_without_writes_needs_none():
    recorder = Recorder()
    driver = _driver(recorder)
    driver.commit([STEP, Step(), STEP])
    driver.commit([Step()])
    assert recorder.seen == ["commit 2"]
