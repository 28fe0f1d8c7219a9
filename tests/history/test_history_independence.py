"""I6 as a property: whatever a network lived through, a survivor holds, and predicts, what it would if whoever is gone
had never joined: its repository, its ensemble's graph, ρ and every prediction, bit for bit."""

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as some

from hdus_peer.domain.combination import OBJECTIVES, RULES, Combination
from hdus_peer.protocol.records import FloorRow, HeldSeedRow
from hdus_peer.simulation.evidence import on_disk
from hdus_peer.simulation.plan import Plan
from hdus_peer.simulation.run import Stage
from tests.history.comparison import differences
from tests.history.lives import PEERS_MAX, lives

steady = settings(
    derandomize=True, deadline=None, database=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck)
)
"""A life that fails is printed, not cut down: that takes minutes. It can be cut down by hand, and run again."""

combinations = some.builds(
    Combination, some.sampled_from(RULES), some.sampled_from(("auto", 0.3)), some.sampled_from(OBJECTIVES)
)


def assert_independent(peers_min: int, neighbours_max: int, examples: int, template: bytes) -> None:
    @settings(steady, max_examples=examples)
    @given(lives(peers_min, neighbours_max), combinations)
    def holds(life: Plan, combination: Combination) -> None:
        found = differences(life, template, combination)
        assert found == {number: set() for number in found}

    holds()


def test_the_survivors_are_as_if_they_alone_had_ever_been(template: bytes) -> None:
    assert_independent(4, 2, 5, template)


@pytest.mark.slow
@pytest.mark.parametrize(("peers_min", "neighbours_max"), [(2, 16), (5, 3), (6, 2), (PEERS_MAX, 3), (PEERS_MAX, 2)])
def test_the_survivors_of_many_lives_are_so(peers_min: int, neighbours_max: int, template: bytes) -> None:
    assert_independent(peers_min, neighbours_max, 20, template)


@pytest.mark.slow
@pytest.mark.parametrize("neighbours_max", [2, 3])
def test_seeds_that_were_displaced_come_back_in_some_of_them(neighbours_max: int) -> None:
    """The same generation of the same owner, held and given up and held again: by a new grant, after a leave."""

    def has_come_back(life: Plan) -> bool:
        stage = Stage(life)
        stage.play()
        stage.settle()
        return any(
            (floor.owner, floor.payload_sha256) == (held.owner, held.payload_sha256)
            for device in stage.devices.values()
            for floor in on_disk(device, FloorRow)
            for held in on_disk(device, HeldSeedRow)
        )

    find(lives(PEERS_MAX, neighbours_max), has_come_back, settings=settings(steady, max_examples=30))
