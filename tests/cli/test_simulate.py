"""`hdus-peer simulate`: its summary, its words for what is wrong, and how it ends."""

import json

import pytest

from tests.cli.conftest import Typed
from tests.simulation.test_planted_faults import tombstone_not_durable


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
