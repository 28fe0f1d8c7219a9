"""The allowance by itself, in played time."""

from hdus_peer.domain.identity import Identity
from hdus_peer.transport.allowance import PAUSE_MAX_S, PAUSE_MIN_S, Allowances
from hdus_peer.transport.limits import TransportLimits

LIMITS = TransportLimits(frames_per_s=10, frames_at_once_max=100, frame_bytes=1000)
ANN, BOB = Identity.generate().peer_id, Identity.generate().peer_id


class Time:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_what_is_said_at_once_is_bounded_and_comes_back_with_time() -> None:
    time = Time()
    allowances = Allowances(LIMITS, time)
    assert [allowances.spend(ANN, 0) for _ in range(100)] == [0.0] * 100
    assert allowances.spend(ANN, 0) == PAUSE_MIN_S + 0.1
    assert allowances.spend(BOB, 0) == 0.0, "each has its own"
    time.now_s = 1.1
    assert [allowances.spend(ANN, 0) for _ in range(10)] == [0.0] * 10
    assert allowances.spend(ANN, 0) > PAUSE_MIN_S


def test_a_large_frame_counts_as_several() -> None:
    allowances = Allowances(LIMITS, Time())
    assert [allowances.spend(ANN, 24_999) for _ in range(4)] == [0.0] * 4
    assert allowances.spend(ANN, 24_999) > PAUSE_MIN_S


def test_nobody_waits_longer_than_the_longest_pause() -> None:
    allowances = Allowances(LIMITS, Time())
    pauses = [allowances.spend(ANN, 1_000_000) for _ in range(50)]
    assert max(pauses) == PAUSE_MIN_S + PAUSE_MAX_S


def test_an_allowance_that_is_whole_again_is_forgotten() -> None:
    time = Time()
    allowances = Allowances(LIMITS, time)
    for _ in range(50):
        allowances.spend(Identity.generate().peer_id, 0)
    assert len(allowances) == 50
    time.now_s = 1.0
    allowances.spend(ANN, 0)
    assert len(allowances) == 1
