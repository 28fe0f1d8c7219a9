"""The joined graph against torch, and against itself."""

import copy
import itertools
import random
from collections.abc import Callable

import numpy as np
import pytest
import torch

from hdus_peer.domain.combination import RULES
from hdus_peer.domain.sealed import schema_digest
from hdus_peer.errors import ConfigurationError, WorkerError
from hdus_peer.inference.graph import ALONE, ENSEMBLE, Template, joined, parse
from hdus_peer.inference.onnx_proto import ModelProto
from hdus_peer.inference.rules import CLASS_OFFSETS, CLASS_WEIGHTS, OPINION_MIN, Weights, weights_of
from hdus_peer.inference.session import BATCH, Session, softmax, stacked
from hdus_peer.learning.tensors import schema_of
from tests.inference.conftest import SHAPE, Member, member

RHO = 0.3
Templates = Callable[[str], Template]

pytestmark = pytest.mark.slow


def all_weights(rho: float, seeds: int) -> Weights:
    """ρ, and of `opinion-pool` some weights that differ in everything."""
    numbers = np.random.default_rng(seeds)
    weights = numbers.random((seeds + 1, 10), dtype=np.float32) / (seeds + 1)
    return {**weights_of(rho), CLASS_WEIGHTS: weights, CLASS_OFFSETS: numbers.random(10, dtype=np.float32)}


def some_samples(count: int) -> np.ndarray:
    return np.random.default_rng(5).standard_normal((count, *SHAPE), dtype=np.float32)


def outputs(
    main: Member, seeds: list[tuple[Template, Member]], rule: str, rho: float = RHO, count: int = 7
) -> list[np.ndarray]:
    """[alone, ensemble] over some samples."""
    filled = [template.filled(seed.tensors) for template, seed in seeds]
    graph = joined(parse(main.onnx), filled, rule, all_weights(rho, len(seeds)))
    session = Session(graph.model.SerializeToString(), threads=1)
    return stacked(list(session.run(some_samples(count), (ALONE, ENSEMBLE))))


@pytest.fixture(scope="module")
def main() -> Member:
    return member("resnet8", 1)


@pytest.fixture(scope="module")
def seeds(template: Templates) -> list[tuple[Template, Member]]:
    """Of two architectures, in the order that stands for that of PeerIds."""
    return [
        (template(architecture), member(architecture, number))
        for number, architecture in enumerate(("mobilenet-s", "mlp", "mobilenet-s", "mlp", "mobilenet-s"), start=10)
    ]


def in_numpy(main: Member, seeds: list[tuple[Template, Member]], rule: str, samples: np.ndarray) -> np.ndarray:
    """The rules as their docstrings have them, in float64 from torch's logits."""
    own = main.logits(samples).astype(np.float64)
    others = np.stack([seed.logits(samples).astype(np.float64) for _, seed in seeds])
    if rule == "logit-mean":
        return (1 - RHO) * own + RHO * others.mean(axis=0)
    p, q = softmax64(own), softmax64(others)
    if rule == "opinion-pool":
        known = all_weights(RHO, len(seeds))
        opinions = np.log(np.maximum(np.stack([p, *q]), np.exp(OPINION_MIN)))
        pool = (known[CLASS_WEIGHTS][:, None] * opinions).sum(axis=0) + known[CLASS_OFFSETS]
        return (1 - RHO) * own + RHO * pool
    if rule == "entropy":
        return np.log((1 - RHO) * p * confidence(p) + RHO * (q * confidence(q)).mean(axis=0))
    left_out = {"prob-mean": 0, "median": (len(q) - 1) // 2, "trimmed-mean": len(q) // 4}[rule]
    kept = np.sort(q, axis=0)[left_out : len(q) - left_out].mean(axis=0)
    return np.log((1 - RHO) * p + RHO * kept / kept.sum(axis=-1, keepdims=True))


def confidence(probabilities: np.ndarray) -> np.ndarray:
    return np.exp(3 * (probabilities * np.log(np.maximum(probabilities, 1e-300))).sum(axis=-1, keepdims=True))


def shouting(quiet: Member) -> Member:
    """The same with a last layer so loud that its probabilities are zeros and ones."""
    loud = copy.deepcopy(quiet.module)
    with torch.no_grad():
        list(loud.parameters())[-2].mul_(1e4)
    return Member(loud)


def softmax64(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 16])
@pytest.mark.parametrize("rule", RULES)
def test_equals_the_formula(main: Member, template: Templates, rule: str, count: int) -> None:
    names = ["mlp", "mobilenet-s"] if count < 16 else ["mlp"]
    seeds = [(template(name), member(name, number)) for number, name in zip(range(count), itertools.cycle(names))]
    samples = some_samples(7)
    alone, ensemble = outputs(main, seeds, rule)
    expected_alone, expected = main.logits(samples), in_numpy(main, seeds, rule, samples)
    assert np.abs(alone - expected_alone).max() <= 2e-6 * np.abs(expected_alone).max()
    assert np.abs(ensemble - expected).max() <= 2e-6 * max(np.abs(expected).max(), np.abs(expected_alone).max())


@pytest.mark.parametrize(("rule", "count"), [("trimmed-mean", 3), ("median", 2)])
def test_of_few_seeds_nothing_is_left_out(
    main: Member, seeds: list[tuple[Template, Member]], rule: str, count: int
) -> None:
    expected = outputs(main, seeds[:count], "prob-mean")[1]
    assert outputs(main, seeds[:count], rule)[1].tobytes() == expected.tobytes()
    assert outputs(main, seeds, rule)[1].tobytes() != outputs(main, seeds, "prob-mean")[1].tobytes()


@pytest.mark.parametrize("rule", ["median", "trimmed-mean"])
def test_one_seed_of_five_cannot_turn_a_robust_answer(
    main: Member, seeds: list[tuple[Template, Member]], rule: str
) -> None:
    """Whatever a single seed says, every class stays between what the others say."""
    bad = shouting(seeds[1][1])
    _, changed = outputs(main, [seeds[0], (seeds[1][0], bad), *seeds[2:]], rule, rho=1.0)
    others = np.stack(
        [
            softmax64(seed.logits(some_samples(7)).astype(np.float64))
            for number, (_, seed) in enumerate(seeds)
            if number != 1
        ]
    )
    low, high = others.min(axis=0), others.max(axis=0)
    share = softmax64(changed.astype(np.float64))
    assert (share >= low / high.sum(axis=1, keepdims=True) - 1e-6).all()
    assert (share <= high / low.sum(axis=1, keepdims=True) + 1e-6).all()


@pytest.mark.parametrize("architecture", ["mobilenet-s", "mobilenet-m", "resnet8", "resnet20", "mlp"])
def test_a_template_takes_exactly_the_tensors_that_the_trainer_exchanges(architecture: str) -> None:
    learned = member(architecture, 3)
    template = Template(learned.onnx)
    assert {name for name, _, _ in template.schema} == set(learned.tensors)
    assert schema_digest(template.schema) == schema_of(learned.module)
    assert template.sample_shape == SHAPE


@pytest.mark.parametrize("rule", RULES)
def test_without_seeds_the_ensemble_is_the_main_model(main: Member, rule: str) -> None:
    alone, ensemble = outputs(main, [], rule)
    assert alone.tobytes() == ensemble.tobytes()


@pytest.mark.parametrize("rule", RULES)
def test_a_graph_made_again_gives_the_same_bits(main: Member, seeds: list[tuple[Template, Member]], rule: str) -> None:
    first, second = outputs(main, seeds, rule), outputs(main, seeds, rule)
    assert [output.tobytes() for output in first] == [output.tobytes() for output in second]


def test_a_sample_has_the_same_bits_in_every_batch(main: Member, seeds: list[tuple[Template, Member]]) -> None:
    many = outputs(main, seeds, "logit-mean", count=2 * BATCH + 3)[1]
    few = outputs(main, seeds, "logit-mean", count=BATCH)[1]
    assert many[:BATCH].tobytes() == few.tobytes()


def test_the_template_is_not_changed_by_filling_it(template: Templates) -> None:
    mobilenet = template("mobilenet-s")
    first = mobilenet.filled(member("mobilenet-s", 20).tensors).SerializeToString()
    mobilenet.filled(member("mobilenet-s", 21).tensors)
    assert mobilenet.filled(member("mobilenet-s", 20).tensors).SerializeToString() == first


def test_the_sum_depends_on_the_order_given_which_is_why_there_is_one(
    main: Member, seeds: list[tuple[Template, Member]]
) -> None:
    """Were any order as good as another, sorting by PeerId would need no test."""
    bits = set()
    for number in range(6):
        shuffled = list(seeds)
        random.Random(number).shuffle(shuffled)
        bits.add(outputs(main, shuffled, "logit-mean", count=64)[1].tobytes())
    assert len(bits) > 1


def test_an_unknown_rule_is_refused_even_without_seeds(main: Member) -> None:
    with pytest.raises(ConfigurationError, match="logit-mean, prob-mean, entropy, median, trimmed-mean, opinion-pool"):
        outputs(main, [], "vote")


@pytest.mark.parametrize("content", [b"", b"not a model", ModelProto().SerializeToString()])
def test_a_file_that_is_no_model_is_an_error_that_says_what_to_do(content: bytes) -> None:
    with pytest.raises(WorkerError, match="hdus-peer train"):
        parse(content)


def test_models_of_two_exporters_are_not_joined(main: Member, template: Templates) -> None:
    seed = template("mlp").filled(member("mlp", 1).tensors)
    seed.opset_import[0].version += 1
    with pytest.raises(WorkerError, match="different exporters"):
        joined(parse(main.onnx), [seed], "prob-mean", weights_of(RHO))


@pytest.mark.parametrize("rule", RULES[1:])
def test_log_probabilities_stay_finite_where_probabilities_are_zero(
    main: Member, template: Templates, rule: str
) -> None:
    certain = [(template("mlp"), shouting(member("mlp", number))) for number in range(5)]
    _, ensemble = outputs(main, certain, rule, rho=1.0, count=9)
    assert np.isfinite(ensemble).all()
    assert np.allclose(softmax(ensemble).sum(axis=1), 1.0)


@pytest.mark.parametrize("rule", RULES)
def test_a_weight_given_later_counts_as_if_it_stood_in_the_graph(
    main: Member, seeds: list[tuple[Template, Member]], rule: str
) -> None:
    graph = joined(parse(main.onnx), [template.filled(seed.tensors) for template, seed in seeds], rule, {})
    session = Session(graph.model.SerializeToString(), threads=1)
    session.weigh(all_weights(0.7, len(seeds)))
    found = stacked(list(session.run(some_samples(40), (ALONE, ENSEMBLE))))
    expected = outputs(main, seeds, rule, rho=0.7, count=40)
    assert [each.tobytes() for each in found] == [each.tobytes() for each in expected]
