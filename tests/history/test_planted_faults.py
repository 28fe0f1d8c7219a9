"""Mistakes that only a history can show: each is planted, and found; without it the same life shows nothing."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import find, settings

from hdus_peer.domain.combination import Combination
from hdus_peer.domain.identity import PeerId
from hdus_peer.inference.ensemble import Ensemble
from hdus_peer.inference.rules import CLASS_OFFSETS
from hdus_peer.inference.service import Answer, Service
from hdus_peer.protocol.records import FloorRow
from hdus_peer.protocol.wanting import Wanting
from hdus_peer.simulation import Violation
from hdus_peer.simulation.plan import Plan
from tests.history.comparison import differences
from tests.history.lives import lives
from tests.history.test_history_independence import steady

pytestmark = pytest.mark.slow
AUTO = Combination("logit-mean", "auto", "global")
POOL = Combination("opinion-pool", "auto", "global")
WITHIN = settings(steady, max_examples=20)

wanted = Wanting.wanted


class KeepsRho(Service):
    """ρ is chosen for the first seeds, and kept when they are others."""

    def _load(self, request: dict[str, Any]) -> Answer:
        before = self._current
        super()._load(request)
        if before is not None and before.blueprint.seeds and self._current.blueprint.seeds:
            self._current.rho, self._current.weights = before.rho, before.weights
            self._current.weigh()
        return {"rho": self._current.rho}, b""


class KeepsWhatItLearned(Service):
    """What was learned of the first members' prior stays when the seeds are others."""

    def _load(self, request: dict[str, Any]) -> Answer:
        before = self._current
        answer = super()._load(request)
        if before is not None and before.blueprint.seeds and self._current.blueprint.seeds:
            kept = {CLASS_OFFSETS: before.weights[CLASS_OFFSETS]}
            self._current.weights = {**self._current.weights, **kept}
            self._current.weigh()
        return answer


class SumsInOrderOfArrival(Service):
    """What was there before comes first."""

    def _load(self, request: dict[str, Any]) -> Answer:
        known = [seed.owner for seed in self._current.blueprint.seeds] if self._current is not None else []
        super()._load(request)
        blueprint = self._current.blueprint
        seeds = sorted(blueprint.seeds, key=lambda seed: (*known, seed.owner).index(seed.owner))
        self._current = Ensemble(replace(blueprint, seeds=seeds))
        for _ in self._current.choose():
            pass
        return {"rho": self._current.rho}, b""


def displaced_for_good(wanting: Wanting) -> frozenset[PeerId]:
    """Whoever was given up once is not wanted again, though there is room after a leave."""
    held = {row.owner for row in wanting._state.held()}
    return wanted(wanting) - {row.owner for row in wanting._state.all(FloorRow) if row.owner not in held}


def first_come_first_served(wanting: Wanting) -> frozenset[PeerId]:
    """Nobody who is held already makes room for somebody of a higher score."""
    held = [row.owner for row in wanting._state.held()]
    others = sorted(wanted(wanting) - set(held))
    return frozenset([*held, *others][: wanting._state.limits.neighbours_max])


@pytest.mark.parametrize(
    ("service", "combination", "shown_by"),
    [
        (KeepsRho, AUTO, {"graph", "rho", "predictions", "logits_sha256"}),
        (KeepsWhatItLearned, POOL, {"graph", "predictions", "logits_sha256"}),
        (SumsInOrderOfArrival, AUTO, {"graph", "predictions", "logits_sha256"}),
    ],
)
def test_a_predictor_that_remembers_is_found(
    service: type[Service], combination: Combination, shown_by: set[str], template: bytes
) -> None:
    def is_shown(life: Plan) -> bool:
        return shown_by in differences(life, template, combination, service).values()

    life = find(lives(4, 3), is_shown, settings=WITHIN)
    assert not any(differences(life, template, combination).values())


@pytest.mark.parametrize("choice", [displaced_for_good, first_come_first_served])
def test_a_choice_of_neighbours_that_remembers_is_found(
    choice: Callable[[Wanting], frozenset[PeerId]], template: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Wanting, "wanted", choice)
    life = find(lives(6, 2), lambda life: _is_unlike(life, template), settings=WITHIN)
    monkeypatch.undo()
    assert not any(differences(life, template, AUTO).values())


def _is_unlike(life: Plan, template: bytes) -> bool:
    try:
        return any("held" in found for found in differences(life, template, AUTO).values())
    except Violation as violation:
        return violation.invariant == "I6"
