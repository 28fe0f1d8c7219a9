"""`hdus-peer simulate`: its summary, its words for what is wrong, and how it ends."""

import json

import pytest

from hdus_peer.simulation import crowd
from tests.cli.conftest import Typed
from tests.simulation.plants import tombstone_not_durable
from tests.simulation.test_scale import receipts_not_taken


def test_a_summary_and_zero_where_everything_held(typed: Typed) -> None:
    shown = typed("simulate", "--plans", "2")
    assert (shown.exit_code, shown.stderr) == (0, "")
    lines = dict(line.split("  ", 1) for line in shown.stdout.splitlines()[1:])
    assert lines["plans"].strip() == "2"
    assert lines["violations"].strip() == "none"
    assert len(lines["trace"].strip()) == 64


def test_for_programs_and_the_same_every_time(typed: Typed) -> None:
    command = ("simulate", "--plans", "2", "--seed", "4", "--peers", "4", "--faults", "crash,cut", "--json")
    first, second = typed(*command), typed(*command)
    found = json.loads(first.stdout)
    assert first.stdout == second.stdout
    assert found["allowed_faults"] == ["crash", "cut"]
    assert set(found["faults"]) <= {"crash", "cut"}
    assert (found["plans"], found["peers"], found["seed"], found["violation"]) == (2, 4, 4, None)


def test_an_unknown_fault_is_named_with_those_that_there_are(typed: Typed) -> None:
    shown = typed("simulate", "--faults", "crash,flood")
    assert shown.exit_code == 2
    assert "no fault 'flood'" in shown.stderr
    assert "one-way" in shown.stderr


def test_a_violation_is_told_from_its_beginning_and_ends_with_one(
    typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    tombstone_not_durable(monkeypatch)
    shown = typed("simulate", "--plans", "3")
    assert shown.exit_code == 1
    assert "violates I" in shown.stdout
    assert "What is left of its plan after" in shown.stdout
    assert "Act(at_s=" in shown.stdout
    told = shown.stdout.partition("What happens in it")[2].splitlines()[1:]
    assert told
    assert not any(line.endswith("< Heartbeat") for line in told)
    for_programs = typed("simulate", "--plans", "3", "--json")
    assert for_programs.exit_code == 1
    violation = json.loads(for_programs.stdout)["violation"]
    assert violation["invariant"] in ("I1", "I2")
    assert violation["transcript"]
    assert violation["plan"]["peers"] < 6


# --- scale ------------------------------------------------------------------------------------------------------------
def test_a_column_for_each_number_of_peers(typed: Typed) -> None:
    shown = typed("simulate", "--scale", "3,2")
    assert (shown.exit_code, shown.stderr) == (0, "")
    first, *others = shown.stdout.splitlines()
    assert first.split() == ["peers", "2", "3"]
    rows = {line.rsplit(maxsplit=2)[0]: line.rsplit(maxsplit=2)[1:] for line in others}
    assert rows["links of a peer, at most"] == ["1", "2"]
    assert rows["hops to the last eviction"][0] == "1"


def test_scale_for_programs(typed: Typed) -> None:
    found = json.loads(typed("simulate", "--scale", "2,3", "--seed", "4", "--json").stdout)
    assert (found["seed"], [run["peers"] for run in found["runs"]]) == (4, [2, 3])
    for run in found["runs"]:
        assert run["violation"] is None
        assert run["notice_hops"] >= run["eviction_hops"] >= 1
        assert len(run["trace"]) == 64
        assert run["wall_s"]["all"] > run["wall_s"]["join"] > 0.0


def test_what_does_not_hold_at_scale_is_told_and_ends_with_one(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    receipts_not_taken(monkeypatch)
    monkeypatch.setattr(crowd, "WAIT_MAX_S", 40.0)
    shown = typed("simulate", "--scale", "3,4")
    assert shown.exit_code == 1
    assert "3 peers, seed 0: L1: 40 virtual seconds of leaving" in shown.stdout
    assert "the certificate is not complete" in shown.stdout
    for_programs = typed("simulate", "--scale", "3", "--json")
    assert for_programs.exit_code == 1
    (run,) = json.loads(for_programs.stdout)["runs"]
    assert (run["violation"]["invariant"], run["certificate_s"]) == ("L1", None)


@pytest.mark.parametrize("sizes", ["1", "10001", "ten", "10,", "", "-3", "9" * 9])
def test_a_number_of_peers_that_cannot_be_is_named(typed: Typed, sizes: str) -> None:
    shown = typed("simulate", "--scale", sizes)
    assert shown.exit_code == 2
    assert "is no number of peers from 2 to 10000; name some, such as 10,100,1000" in shown.stderr


@pytest.mark.parametrize("order", [("--scale", "2", "--faults", "none"), ("--faults", "none", "--scale", "2")])
def test_scale_and_plans_do_not_go_together(typed: Typed, order: tuple[str, ...]) -> None:
    shown = typed("simulate", *order)
    assert shown.exit_code == 2
    assert "--scale carries out no plans: leave out --faults" in shown.stderr
