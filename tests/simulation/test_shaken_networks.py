"""Devices whose own network changes, or that sleep, again and again in the middle of everything else: the invariants
hold, and peace comes."""

import pytest

from hdus_peer.protocol.step import NetworkChanged
from hdus_peer.simulation.device import Device
from hdus_peer.simulation.plan import draw
from hdus_peer.simulation.run import Stage

SEEDS = range(2000, 2030)
PAUSE_MIN_S, PAUSE_MAX_S = 0.2, 6.0


def shake(stage: Stage, device: Device) -> None:
    """From now on, until the plan is over."""
    if device.core is not None and device.is_open:
        device.attempt(lambda: device.take(lambda core: core.neighbour(NetworkChanged("shaken"), device.now)))
    if stage.world.now_s < stage.plan.horizon_s:
        stage.world.after(stage.world.between(PAUSE_MIN_S, PAUSE_MAX_S), lambda: shake(stage, device))


@pytest.mark.parametrize("seed", SEEDS)
def test_invariants_hold_however_often_the_network_changes(seed: int) -> None:
    stage = Stage(draw(seed))
    for device in stage.devices.values():
        shake(stage, device)
    stage.play()
    stage.settle()
    assert stage.unrest() is None
