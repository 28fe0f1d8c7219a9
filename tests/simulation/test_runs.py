"""Schedules drawn from seeds: no invariant is violated, and one seed is one run. A failing test prints its seed."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from hdus_peer.simulation import draw, run, simulate
from hdus_peer.simulation.device import Crash
from hdus_peer.simulation.faults import Fault, only
from hdus_peer.simulation.plan import What

RUNS_PER_BATCH = 50
LATER_KINDS = {Fault.REORDER, Fault.SLOW_DISK, Fault.FULL_DISK, Fault.REVOKE, Fault.CLONE}


def assert_holds(seed: int) -> None:
    report = simulate(seed)
    assert report.violation is None, f"seed {seed}, at {report.virtual_s:.3f} s: {report.violation}"


@pytest.mark.parametrize("seed", range(8))
def test_invariants_hold(seed: int) -> None:
    assert_holds(seed)


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(6))
def test_invariants_hold_over_many_schedules(batch: int) -> None:
    for seed in range(1000 + batch * RUNS_PER_BATCH, 1000 + (batch + 1) * RUNS_PER_BATCH):
        assert_holds(seed)


@pytest.mark.parametrize("seed", range(20))
def test_invariants_hold_where_heartbeats_are_as_seldom_as_in_a_large_network(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = run.limits_of
    monkeypatch.setattr(run, "limits_of", lambda *sizes: replace(real(*sizes), heartbeats_per_s_max=0.4))
    assert_holds(seed)


def test_one_seed_is_one_run() -> None:
    first, second, other = simulate(3), simulate(3), simulate(4)
    assert (first.trace, first.events) == (second.trace, second.events)
    assert first.trace != other.trace


PLANS = "from hdus_peer.simulation import simulate; print(*(simulate(seed).trace for seed in (5, 6)))"
LARGE_NETWORK = """
from hdus_peer.simulation.crowd import Crowd
crowd = Crowd(70, 0, lambda progress: None)
crowd.join()
crowd.close()
print(crowd.figures.trace)
"""


@pytest.mark.slow
@pytest.mark.parametrize("program", [PLANS, LARGE_NETWORK])
def test_the_hash_seed_of_the_process_does_not_matter(program: str) -> None:
    traces = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(traces) == 1


def test_the_plans_contain_every_kind_of_fault() -> None:
    plans = [draw(seed) for seed in range(100)]
    assert {act.what for plan in plans for act in plan.acts} == set(What)
    assert any(plan.weather.loss for plan in plans)
    assert any(plan.rogue is not None for plan in plans)
    assert any(plan.exits_when_left for plan in plans)
    assert {plan.neighbours_max for plan in plans} == {2, 3, 16}


def test_later_kinds_of_fault_leave_the_others_of_a_seed_as_they_were() -> None:
    """A seed that is named somewhere, once found, stays what it was."""
    first = frozenset(Fault) - LATER_KINDS
    plans = [only(draw(seed), first) for seed in range(100)]
    acts = [(round(act.at_s, 9), str(act.what), act.who, act.other, act.amount) for plan in plans for act in plan.acts]
    others = [(plan.neighbours_max, plan.rogue, plan.lease_s, plan.two_faced, plan.exits_when_left) for plan in plans]
    assert hashlib.sha256(repr((acts, others)).encode()).hexdigest()[:16] == "6009be4313568011"


def test_a_plan_can_be_cut_down_and_run_again() -> None:
    plan = draw(0)
    quiet = replace(plan, acts=tuple(act for act in plan.acts if act.what == What.TRAIN))
    assert simulate(0, quiet).violation is None


@pytest.mark.slow
def test_more_peers_than_six() -> None:
    report = simulate(0, draw(0, peers=10))
    assert report.violation is None


def test_what_waits_for_a_disk_dies_with_the_run_that_crashes() -> None:
    stage = run.Stage(replace(draw(0), acts=(), rogue=None, two_faced=False, joins_s=()))
    device, done = stage.devices[0], []

    def crash() -> None:
        raise Crash

    device._hold(0.5)
    device.attempt(crash)
    device.attempt(lambda: done.append("of the run before"))
    stage.world.run_until(5.0)
    assert device.core is not None, "it has started again"
    device._hold(0.5)
    device.attempt(lambda: done.append("of this run"))
    stage.world.run_until(6.0)
    assert done == ["of this run"]
