"""Each check holds where everything went well, and each way of going wrong turns exactly the checks that name it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from hdus_peer.demo.checks import check_all
from hdus_peer.demo.results import Certified, DemoResult
from tests.demo.values import PEERS, good, network, result, spoiled

DINA = PEERS["dina"]


def _failed(found: DemoResult) -> list[str]:
    return [check.name for check in check_all(found) if not check.held]


def test_everything_held() -> None:
    checks = check_all(good())
    assert len(checks) == 12
    assert [check for check in checks if not check.held] == []


def _one_without_a_seed(found: DemoResult) -> DemoResult:
    return replace(found, before=spoiled(found.before, 0, owners=found.before[0].owners[1:]))


def _one_held_and_not_used(found: DemoResult) -> DemoResult:
    return replace(found, before=spoiled(found.before, 0, held={}))


def _one_pending(found: DemoResult) -> DemoResult:
    first, *others = found.departed.erasures
    erasures = (replace(first, confirmed=False, after_ms=-1), *others)
    return replace(found, departed=replace(found.departed, erasures=erasures))


def _one_never_asked(found: DemoResult) -> DemoResult:
    return replace(found, departed=replace(found.departed, erasures=found.departed.erasures[1:]))


def _command_said_pending(found: DemoResult) -> DemoResult:
    return replace(found, departed=replace(found.departed, command_exit=3))


def _certificate_is_altered(found: DemoResult) -> DemoResult:
    return replace(found, departed=replace(found.departed, certified=Certified(9, 0, 0)))


def _certificate_is_pending(found: DemoResult) -> DemoResult:
    return replace(found, departed=replace(found.departed, certified=Certified(3, 3, 2)))


def _daemon_runs_on(found: DemoResult) -> DemoResult:
    return replace(found, departed=replace(found.departed, daemon_exit=None))


def _row_is_left(found: DemoResult) -> DemoResult:
    held = {**found.after[1].held, DINA: "d" * 64}
    return replace(found, after=spoiled(found.after, 1, held=held))


def _still_computes(found: DemoResult) -> DemoResult:
    owners = (*found.after[1].owners, DINA)
    return replace(found, after=spoiled(found.after, 1, owners=owners))


def _file_is_left(found: DemoResult) -> DemoResult:
    return replace(found, traces=("bela/seeds/dddd",))


def _another_seed_was_lost(found: DemoResult) -> DemoResult:
    return replace(found, after=spoiled(found.after, 1, owners=()))


def _not_exact(found: DemoResult) -> DemoResult:
    return replace(found, counterfactual=(*found.counterfactual[:2], result("cleo", ("anna", "bela"), "other")))


def _nobody_to_compare_with(found: DemoResult) -> DemoResult:
    return replace(found, counterfactual=())


def _changed_nothing(found: DemoResult) -> DemoResult:
    return replace(
        found, after=network(("anna", "bela", "cleo"), "with"), counterfactual=network(("anna", "bela", "cleo"), "with")
    )


EQUAL = [f"{rule}: bits as if it had never joined" for rule in ("logit-mean", "prob-mean")]
DIFFER = [f"{rule}: bits differ from before" for rule in ("logit-mean", "prob-mean")]
CONFIRMED = "every holder confirmed the erasure"
FAULTS: list[tuple[Callable[[DemoResult], DemoResult], list[str]]] = [
    (_one_without_a_seed, ["every seed arrived everywhere"]),
    (_one_held_and_not_used, ["every seed arrived everywhere"]),
    (_one_pending, [CONFIRMED]),
    (_one_never_asked, [CONFIRMED]),
    (_command_said_pending, [CONFIRMED]),
    (_certificate_is_altered, ["its certificate of erasure verifies"]),
    (_certificate_is_pending, ["its certificate of erasure verifies"]),
    (_daemon_runs_on, ["the leaver's daemon ended by itself"]),
    (_row_is_left, ["its seed is gone from every ledger"]),
    (_still_computes, ["its seed is gone from every ensemble", "nobody else's seed was lost"]),
    (_file_is_left, ["its payload and key are gone from every disk"]),
    (_another_seed_was_lost, ["nobody else's seed was lost"]),
    (_not_exact, EQUAL),
    (_nobody_to_compare_with, EQUAL),
    (_changed_nothing, DIFFER),
]


@pytest.mark.parametrize(("spoil", "names"), FAULTS, ids=[spoil.__name__.strip("_") for spoil, _ in FAULTS])
def test_what_went_wrong_is_named(spoil: Callable[[DemoResult], DemoResult], names: list[str]) -> None:
    assert _failed(spoil(good())) == names


def test_the_detail_says_where() -> None:
    check = next(each for each in check_all(_not_exact(good())) if not each.held)
    assert check.detail == "not at cleo"
