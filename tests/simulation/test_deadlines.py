"""The next deadline is never told too late, whatever the input was: it is compared with what every part says."""

import pytest

from hdus_peer.protocol.alarms import NEVER_S
from hdus_peer.simulation import simulate
from hdus_peer.simulation.checker import Checker
from hdus_peer.simulation.crowd import Crowd
from hdus_peer.simulation.device import Device
from hdus_peer.simulation.evidence import Violation

PEERS_IN_A_LARGE_NETWORK = 70  # more than are all dialled


@pytest.fixture(autouse=True)
def every_part_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Checker.after_action

    def after_action(self: Checker, device: Device) -> None:
        real(self, device)
        if device.core is None:
            return
        told_s, asked_s = device.core.next_deadline(), min(part.due_s() for part in device.core._timed)
        if (NEVER_S if told_s is None else told_s) > asked_s:
            raise Violation("timer", f"{device.who.number} is due at {asked_s} and says {told_s}")

    monkeypatch.setattr(Checker, "after_action", after_action)


@pytest.mark.parametrize("seed", range(3100, 3125))
def test_no_deadline_is_told_too_late(seed: int) -> None:
    assert simulate(seed).violation is None


@pytest.mark.slow
def test_nor_in_a_large_network() -> None:
    crowd = Crowd(PEERS_IN_A_LARGE_NETWORK, 0, lambda progress: None)
    crowd.join()
    crowd.leave()
