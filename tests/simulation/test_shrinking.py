"""A plan is made small without a run: the predicate stands for what a run would find."""

from dataclasses import replace

from hdus_peer.simulation import Plan, draw
from hdus_peer.simulation.network import Weather
from hdus_peer.simulation.plan import Act, What
from hdus_peer.simulation.shrinking import PEERS_MIN, shrink, without_peer

SEED = next(seed for seed in range(100) if draw(seed).rogue is not None and draw(seed).weather.loss)


def kinds(plan: Plan) -> list[What]:
    return [act.what for act in plan.acts]


def test_what_is_needed_is_what_is_left() -> None:
    plan = draw(SEED)

    def fails(smaller: Plan) -> bool:
        return {What.LEAVE, What.TRAIN} <= set(kinds(smaller)) and smaller.weather.loss > 0

    small = shrink(plan, fails)
    assert sorted(kinds(small)) == [What.LEAVE, What.TRAIN]
    assert small.weather == Weather(loss=plan.weather.loss)
    assert (small.rogue, small.peers) == (None, PEERS_MIN)


def test_the_number_of_tries_is_bounded() -> None:
    tried: list[Plan] = []

    def never(plan: Plan) -> bool:
        tried.append(plan)
        return False

    plan = draw(SEED)
    assert shrink(plan, never, tries_max=7) == plan
    assert len(tried) == 7


def test_those_above_a_peer_that_is_left_out_move_down() -> None:
    plan = replace(
        draw(SEED),
        peers=4,
        rogue=3,
        acts=(Act(1.0, What.TRAIN, 1), Act(2.0, What.CUT, 0, 1), Act(3.0, What.CUT, 2, 3), Act(4.0, What.LEAVE, 2, 1)),
        joins_s=((1, 5.0), (3, 6.0)),
    )
    small = without_peer(plan, 1)
    assert small.acts == (Act(3.0, What.CUT, 1, 2), Act(4.0, What.LEAVE, 1, 0))
    assert (small.peers, small.rogue, small.joins_s) == (3, 2, ((2, 6.0),))
