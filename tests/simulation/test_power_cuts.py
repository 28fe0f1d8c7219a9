"""The power fails at every step of a leave, at the leaver's and at a holder's: wherever it does, the leave goes on to
its complete certificate, nothing of the leaver is on any disk, and nothing of anybody else is lost."""

import itertools
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from hdus_peer.domain.certificate import to_file, verify_file
from hdus_peer.protocol import erasure
from hdus_peer.protocol.certificate import certificate_of
from hdus_peer.protocol.records import HeldSeedRow, Phase, SelfRow
from hdus_peer.protocol.step import Leave
from hdus_peer.repository.check import check
from hdus_peer.repository.findings import Owner
from hdus_peer.repository.keys import KeyFiles
from hdus_peer.repository.payloads import PayloadFiles
from hdus_peer.simulation import Violation, cast
from hdus_peer.simulation.evidence import on_disk
from hdus_peer.simulation.network import Weather
from hdus_peer.simulation.plan import Act, Plan, What
from tests.simulation.powered import PoweredDevice, PoweredStage

PEERS = 3
LEAVER, HOLDER = 0, 1
WINDOW_BYTES = 32
POWER_CUT = (True, True)
BOUNDARIES_MIN = {LEAVER: 20, HOLDER: 12}
STRIDE, TWICE_MIN = 16, 50
MESHED_S, LEAVING_MAX_S, LOOK_S = 6.0, 20.0, 0.1
PLAN = Plan(
    seed=0,
    peers=PEERS,
    task="task 0",
    neighbours_max=16,
    weather=Weather(),
    horizon_s=MESHED_S,
    settle_max_s=180.0,
    rogue=None,
    exits_when_left=False,
    acts=tuple(Act(0.1, What.TRAIN, who) for who in range(PEERS)),
)


def phase_of(device: PoweredDevice) -> str:
    return on_disk(device, SelfRow)[0].phase


def say_leave(device: PoweredDevice) -> None:
    device.attempt(lambda: device.take(lambda core: core.command(Leave(), device.now)))


def leave(stage: PoweredStage) -> None:
    """To its end. Who was not answered, because nothing was durable yet, says it again."""
    leaver = stage.devices[LEAVER]
    until_s = stage.world.now_s + LEAVING_MAX_S
    while (leaver.core is None or phase_of(leaver) != Phase.LEFT) and stage.world.now_s < until_s:
        if phase_of(leaver) == Phase.ACTIVE:
            say_leave(leaver)
        stage.world.run_until(stage.world.now_s + LOOK_S)


def assert_complete(leaver: PoweredDevice) -> None:
    assert phase_of(leaver) == Phase.LEFT
    state = leaver.core.state
    verdict = verify_file(to_file(state.me.sign(certificate_of(state))), cast.root().public_key)
    assert (verdict.is_complete, len(verdict.holders)) == (True, PEERS - 1)


def assert_nothing_of(seeds: Iterable[tuple[bytes, bytes]], device: PoweredDevice) -> None:
    """No key and no beginning of a payload in any file; no key in a block that was given back."""
    files = [path.read_bytes() for path in device.directory.rglob("*") if path.is_file()]
    for payload, key in seeds:
        assert not [content for content in files if payload[:WINDOW_BYTES] in content or key in content]
        assert not [content for content in (*device.freed, *device.power.freed) if key in content]


def assert_holds(device: PoweredDevice, owners: Iterable[PoweredDevice]) -> None:
    assert {row.owner for row in on_disk(device, HeldSeedRow)} == {owner.peer for owner in owners}
    assert device.disk.payloads.keys() == device.disk.keys.keys()


def cut_in_a_leave(place: Path, who: int, lost: tuple[bool, bool], *after: int) -> list[str]:
    """Live until the leave is over, and look at everything; before which operations the power failed."""
    with tempfile.TemporaryDirectory(dir=place) as home:
        stage = PoweredStage(PLAN, Path(home))
        victim = stage.devices[who]
        try:
            live_and_leave(stage, victim, lost, after)
        finally:
            stage.close()
        for device in stage.devices.values():
            assert check(device.directory, Owner(device.peer, cast.root().peer_id)).findings == ()
        return victim.cuts


def live_and_leave(stage: PoweredStage, victim: PoweredDevice, lost: tuple[bool, bool], after: tuple[int, ...]) -> None:
    stage.play()
    leaver, *others = stage.devices.values()
    seeds = [seed for device in stage.devices.values() for seed in device.own_seeds()]
    victim.lost = lost
    victim.cut(*after)
    leave(stage)
    victim.stay_on()
    stage.settle()
    assert_complete(leaver)
    assert_nothing_of(seeds, leaver)
    for device in others:
        assert_nothing_of(seeds[:1], device)
        assert_holds(device, [other for other in others if other is not device])


def cut_everywhere(home: Path, who: int, lost: tuple[bool, bool]) -> Counter[str]:
    """One leave for each operation that there is; before which kinds of them the power failed, and how often."""
    met: Counter[str] = Counter()
    while cuts := cut_in_a_leave(home, who, lost, met.total()):
        met.update(operation.split()[0] for operation in cuts)
    return met


either = pytest.mark.parametrize("who", [LEAVER, HOLDER], ids=["leaver", "holder"])


@pytest.mark.slow
@either
@pytest.mark.parametrize("lost", list(itertools.product((False, True), repeat=2)), ids=str)
def test_a_cut_before_every_operation_of_a_leave(quick_path: Path, who: int, lost: tuple[bool, bool]) -> None:
    met = cut_everywhere(quick_path, who, lost)
    assert met.keys() == {"boundary", "commit", "write", "sync", "unlink"}
    assert met["boundary"] >= BOUNDARIES_MIN[who]


@pytest.mark.slow
@either
def test_a_second_cut_on_the_way_back(quick_path: Path, who: int) -> None:
    """After each first cut at every STRIDE-th operation that follows it, each time beginning at another one."""
    twice = 0
    for first in itertools.count():
        for second in itertools.count(first % STRIDE, STRIDE):
            cuts = cut_in_a_leave(quick_path, who, POWER_CUT, first, second)
            twice += len(cuts) == 2
            if len(cuts) < 2:
                break
        if not cuts:
            break
    assert twice >= TWICE_MIN


def never_resumed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(erasure, "resume", lambda state, draft: None)


def unlinked_and_not_synced(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(KeyFiles, "sync", lambda self: None)
    patch.setattr(PayloadFiles, "sync", lambda self: None)


def keys_unlinked_and_not_overwritten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(KeyFiles, "destroy", PayloadFiles.destroy)


@pytest.mark.slow
@pytest.mark.parametrize("plant", [never_resumed, unlinked_and_not_synced, keys_unlinked_and_not_overwritten])
def test_a_planted_fault_is_found(
    quick_path: Path, plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    with pytest.raises((AssertionError, Violation)):
        cut_everywhere(quick_path, HOLDER, POWER_CUT)
