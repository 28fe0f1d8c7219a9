"""Plan after plan: what a campaign counts, when it ends, and what it says of a violation."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from hdus_peer.errors import ConfigurationError
from hdus_peer.simulation import campaign, draw, simulate
from hdus_peer.simulation.campaign import Options, Summary
from hdus_peer.simulation.faults import ALL, Fault, named, only, without
from hdus_peer.simulation.network import Weather
from hdus_peer.simulation.plan import What
from tests.simulation.plants import tombstone_not_durable

FAULTLESS = {What.TRAIN, What.RETRAIN, What.FORGET, What.LEAVE, What.REJOIN, What.HEAL}


def run(options: Options) -> Summary:
    return campaign.run(options, lambda summary: None, lambda tries: None)


def test_it_ends_after_so_many_plans_or_so_much_virtual_time() -> None:
    assert run(Options(plans=3)).plans == 3
    summary = run(Options(virtual_s=40.0))
    assert summary.virtual_s >= 40.0 > summary.virtual_s - simulate(summary.plans - 1).virtual_s


def test_it_counts_what_happened() -> None:
    heard: list[int] = []
    summary = campaign.run(Options(plans=4), lambda so_far: heard.append(so_far.plans), lambda tries: None)
    assert heard == [1, 2, 3, 4]
    assert summary.failure is None
    assert summary.tally.steps > 1000
    assert summary.events == sum(simulate(seed).events for seed in range(4))
    assert {"crash", "cut"} <= set(summary.tally.faults) <= set(Fault)
    assert summary.tally.happened["LeaveBegun"] >= 4
    assert 0.0 < summary.tally.slowest_certificate_s < summary.virtual_s
    assert summary.tally.refusals["not-open"] > 0


def test_one_seed_is_one_campaign_and_another_is_another() -> None:
    first, second, other = run(Options(5, plans=2)), run(Options(5, plans=2)), run(Options(6, plans=2))
    assert first.trace == second.trace != other.trace


@pytest.mark.slow
def test_one_seed_is_one_campaign_in_every_process() -> None:
    command = [sys.executable, "-m", "hdus_peer.cli", "simulate", "--plans", "3", "--seed", "9", "--json"]
    shown = {
        subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": hash_seed}, check=True, capture_output=True).stdout
        for hash_seed in ("1", "2")
    }
    assert len(shown) == 1


def test_faults_are_chosen_by_name() -> None:
    assert named("all") == ALL
    assert named("none") == frozenset()
    assert named("crash, one-way") == {Fault.CRASH, Fault.ONE_WAY}
    with pytest.raises(ConfigurationError, match=r"no fault 'los'\. Name all, none, or some of: crash, loss"):
        named("crash,los")


def test_no_fault_is_left_of_a_plan_without_any() -> None:
    for seed in range(50):
        plan = only(draw(seed), frozenset())
        assert {act.what for act in plan.acts} <= FAULTLESS
        assert (plan.weather, plan.rogue, plan.two_faced) == (Weather(), None, False)


@pytest.mark.parametrize("fault", Fault)
def test_one_fault_alone_can_be_chosen_and_left_out(fault: Fault) -> None:
    plans = [draw(seed) for seed in range(60)]
    assert any(only(plan, frozenset({fault})) != only(plan, frozenset()) for plan in plans)
    assert all(only(without(plan, [fault]), frozenset({fault})) == only(plan, frozenset()) for plan in plans)


def test_a_violation_is_told_by_the_smallest_plan_found(monkeypatch: pytest.MonkeyPatch) -> None:
    tombstone_not_durable(monkeypatch)
    failure = run(Options(plans=5)).failure
    assert failure is not None
    drawn = draw(failure.seed)
    assert failure.violation.invariant in ("I1", "I2")
    assert len(failure.plan.acts) < len(drawn.acts) / 2
    assert failure.plan.peers < drawn.peers
    assert failure.repeated <= campaign.TRIES_MAX
    again = simulate(failure.plan.seed, failure.plan).violation
    assert str(again) == str(failure.violation)
    assert any("peer-" in line for line in failure.lines)
    assert not any(line.endswith(str(failure.violation)) for line in failure.lines)


def test_a_transcript_is_the_same_run() -> None:
    plan = replace(draw(3), peers=6)
    report, lines = campaign.transcript(plan)
    assert report.trace == simulate(3).trace
    assert len(lines) > 100
