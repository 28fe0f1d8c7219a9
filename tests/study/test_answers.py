"""The ensemble of the study is that of the product: the same graph, rules and choice of ρ."""

from dataclasses import replace

import numpy as np
import pytest

from hdus_peer.domain.combination import RULES, Combination
from hdus_peer.inference.choice import choose_pool, choose_rho, spread
from hdus_peer.inference.graph import ENSEMBLE, Template, joined, parse
from hdus_peer.inference.opinions import Evidence
from hdus_peer.inference.rules import Sides, unchosen, weights_of
from hdus_peer.inference.session import Session, stacked
from hdus_peer.learning.export import export, templates
from hdus_peer.study.answers import Weighing, answer, weigh
from hdus_peer.study.lessons import School
from hdus_peer.study.members import Member
from tests.study.conftest import MakeSchool


def members(school: School) -> tuple[Member, list[Member]]:
    """The main model of peer 0 and the seeds of the others."""
    main = school.main(0, "mlp").member
    return main, [school.seed(peer, "mlp", 3.0).member for peer in (1, 2)]


def product(school: School, main: Member, seeds: list[Member], rule: str) -> tuple[Session, Sides]:
    """What a predictor child would load: the exported main model, templates filled with the seeds' tensors."""
    task = school.job(0, "mlp").task
    template = Template(next(iter(templates_of(school).values())))
    filled = [template.filled({n: v.numpy().tobytes() for n, v in seed.model.state_dict().items()}) for seed in seeds]
    graph = joined(parse(export(main.model, task.shape)), filled, rule, {})
    assert graph.sides is not None
    return Session(graph.model.SerializeToString(), threads=1), graph.sides


def templates_of(school: School) -> dict[str, bytes]:
    task = school.job(0, "mlp").task
    folder = school.place.models / "templates"
    found = templates(replace(task, seed_architectures=("mlp-s",)), folder)
    return {name: path.read_bytes() for name, path in found.items()}


@pytest.mark.parametrize("rule", RULES)
def test_answers_are_those_of_the_joined_graph(rule: str, make_school: MakeSchool) -> None:
    school = make_school()
    main, seeds = members(school)
    x = school.data[0].global_test.x
    session, _ = product(school, main, seeds, rule)
    for rho in (0.0, 0.3, 1.0):
        weighing = weigh(main, seeds, Combination(rule, rho), school.data[0])
        assert weighing.rho == rho
        session.weigh(weighing.weights)
        (expected,) = stacked(list(session.run(x, (ENSEMBLE,))))
        np.testing.assert_allclose(answer(main, seeds, x, rule, weighing), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("objective", ["local", "global"])
@pytest.mark.parametrize("rule", ["logit-mean", "prob-mean"])
def test_rho_is_chosen_as_the_product_chooses_it(rule: str, objective: str, make_school: MakeSchool) -> None:
    school = make_school()
    main, seeds = members(school)
    holdout = school.data[0].holdout
    session, sides = product(school, main, seeds, rule)
    session.weigh(unchosen())
    chosen = spread(len(holdout))
    own, others = stacked(list(session.run(holdout.x[chosen], sides.names)))
    expected = choose_rho(objective, own, others, holdout.y[chosen], are_logits=rule == "logit-mean")
    assert weigh(main, seeds, Combination(rule, "auto", objective), school.data[0]).rho == expected


@pytest.mark.parametrize("objective", ["local", "global"])
def test_opinions_are_learned_as_the_product_learns_them(objective: str, make_school: MakeSchool) -> None:
    school = make_school()
    main, seeds = members(school)
    data, combination = school.data[0], Combination("opinion-pool", "auto", objective)
    session, sides = product(school, main, seeds, "opinion-pool")
    session.weigh(unchosen())
    own, held_out = stacked(list(session.run(data.holdout.x, sides.names)))
    (reference,) = stacked(list(session.run(data.shown_reference, (sides.opinions,))))
    evidence = Evidence(reference, held_out, data.holdout.y, data.class_counts(10))
    rho, expected = choose_pool(combination, own, evidence)
    found = weigh(main, seeds, combination, data)
    assert found.rho == rho
    assert found.weights.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found.weights[name], value, rtol=1e-4, atol=1e-4)


def test_without_seeds_the_main_model_answers(make_school: MakeSchool) -> None:
    school = make_school()
    main, _ = members(school)
    x = school.data[0].global_test.x
    assert np.array_equal(answer(main, [], x, "prob-mean", Weighing(0.5, weights_of(0.5))), main.logits(x))
    assert weigh(main, [], Combination("prob-mean", "auto", "global"), school.data[0]).rho == 0.0


def test_a_given_rho_is_taken(make_school: MakeSchool) -> None:
    school = make_school()
    main, seeds = members(school)
    assert weigh(main, seeds, Combination("prob-mean", 0.7), school.data[0]).rho == 0.7
