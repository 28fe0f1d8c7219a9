"""The search for what a leaver may have left behind."""

from pathlib import Path

import pytest

from hdus_peer.demo.leaving import Marks, marks_of, traces
from hdus_peer.demo.plan import DemoOptions, PeerPlan, plan_network
from hdus_peer.errors import WorkerError

NAME, KEY, PAYLOAD = "ab" * 32, bytes(range(32)), bytes(range(100, 200))


@pytest.fixture
def peers(tmp_path: Path) -> tuple[PeerPlan, ...]:
    plan = plan_network(tmp_path, DemoOptions("digits", 3, None, 0, None, False), is_picture=True)
    for peer in plan.peers:
        (peer.state / "seeds").mkdir(parents=True)
        (peer.state / "keys").mkdir()
        (peer.state / "ledger.sqlite").write_bytes(b"rows" * 1000)
        (peer.state / "empty").touch()
    leaver = plan.leaver.state
    (leaver / "seeds" / NAME).write_bytes(PAYLOAD)
    (leaver / "keys" / NAME).write_bytes(KEY)
    return plan.peers


@pytest.fixture
def marks(peers: tuple[PeerPlan, ...]) -> Marks:
    return marks_of(peers[-1], NAME)


def test_nothing_is_left(peers: tuple[PeerPlan, ...], marks: Marks) -> None:
    assert traces(peers[:-1], marks) == ()
    assert traces(peers[-1:], marks) == (f"cleo/keys/{NAME}", f"cleo/seeds/{NAME}")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (f"seeds/{NAME}.partial", b""),
        ("seeds/renamed", b"head" + PAYLOAD),
        ("ledger.sqlite-wal", b"page" * 999 + KEY + b"page"),
    ],
)
def test_whatever_is_left_is_found(name: str, content: bytes, peers: tuple[PeerPlan, ...], marks: Marks) -> None:
    (peers[1].state / name).write_bytes(content)
    assert traces(peers[:-1], marks) == (f"bela/{name}",)


def test_marks_show_no_key(marks: Marks) -> None:
    assert repr(marks) == "Marks(abababab)"


def test_a_leaver_without_a_seed(peers: tuple[PeerPlan, ...]) -> None:
    with pytest.raises(WorkerError, match=r"look at its log .*log\.txt"):
        marks_of(peers[0], NAME)
