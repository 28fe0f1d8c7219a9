"""The drawn schedules once more, with every device on a real state directory: each crash is a power cut, the invariants
are judged on what lies there, and at the end a check of every directory finds nothing."""

from dataclasses import replace
from pathlib import Path

import pytest

from hdus_peer.repository.check import check
from hdus_peer.repository.findings import Owner
from hdus_peer.simulation import cast, draw
from hdus_peer.simulation.plan import Plan, What
from tests.simulation.powered import PoweredStage

UNFIT = frozenset({What.MALICE, What.FORGET, What.BACKUP, What.RESTORE, What.VANISH, What.CLONE})
"""A member gone bad is not judged, and does not keep its directory; the list of forgotten samples is the daemon's; the
directory of a device that vanished may need its next start, and one that was put back, or is used twice, is
`tests.integration`'s."""


def honest(plan: Plan) -> Plan:
    return replace(plan, rogue=None, two_faced=False, acts=tuple(act for act in plan.acts if act.what not in UNFIT))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3000, 3016))
def test_the_invariants_hold_on_real_directories(quick_path: Path, seed: int) -> None:
    stage = PoweredStage(honest(draw(seed)), quick_path)
    for device in stage.devices.values():
        device.lost = (seed % 2 == 0, seed % 4 < 2)
    try:
        stage.play()
        stage.settle()
    finally:
        stage.close()
    for device in stage.devices.values():
        assert check(device.directory, Owner(device.peer, cast.root().peer_id)).findings == (), f"seed {seed}"
