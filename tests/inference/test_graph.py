"""The joined graph against torch, and against itself."""

import random
from collections.abc import Callable

import numpy as np
import pytest

from hdus_peer.domain.sealed import schema_digest
from hdus_peer.errors import ConfigurationError, WorkerError
from hdus_peer.inference.graph import Mix, Template, joined, parse
from hdus_peer.inference.onnx_proto import ModelProto
from hdus_peer.inference.session import BATCH, Session, softmax, stacked
from hdus_peer.learning.tensors import schema_of
from tests.inference.conftest import SHAPE, Member, member

RHO = 0.3
MIXES = (Mix("logit-mean", RHO), Mix("prob-mean", RHO))
Templates = Callable[[str], Template]

pytestmark = pytest.mark.slow


def some_samples(count: int) -> np.ndarray:
    return np.random.default_rng(5).standard_normal((count, *SHAPE), dtype=np.float32)


def outputs(main: Member, seeds: list[tuple[Template, Member]], mix: Mix, count: int = 7) -> list[np.ndarray]:
    """[alone, ensemble] over some samples."""
    model = joined(parse(main.onnx), [template.filled(seed.tensors) for template, seed in seeds], mix)
    return stacked(list(Session(model, threads=1).run(some_samples(count))))


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


def in_torch(main: Member, seeds: list[tuple[Template, Member]], mix: Mix, samples: np.ndarray) -> np.ndarray:
    """The rules of hdus.md §1, in float64 from torch's logits."""
    own = main.logits(samples).astype(np.float64)
    others = [seed.logits(samples).astype(np.float64) for _, seed in seeds]
    if mix.rule == "logit-mean":
        return (1 - mix.rho) * own + mix.rho * np.mean(others, axis=0)
    probabilities = np.mean([softmax64(logits) for logits in others], axis=0)
    return np.log((1 - mix.rho) * softmax64(own) + mix.rho * probabilities)


def softmax64(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("mix", MIXES, ids=lambda mix: mix.rule)
def test_equals_torch(main: Member, seeds: list[tuple[Template, Member]], mix: Mix) -> None:
    alone, ensemble = outputs(main, seeds, mix)
    samples = some_samples(7)
    expected_alone, expected = main.logits(samples), in_torch(main, seeds, mix, samples)
    assert np.abs(alone - expected_alone).max() <= 2e-6 * np.abs(expected_alone).max()
    assert np.abs(ensemble - expected).max() <= 2e-6 * np.abs(expected).max()


@pytest.mark.parametrize("architecture", ["mobilenet-s", "mobilenet-m", "resnet8", "resnet20", "mlp"])
def test_a_template_takes_exactly_the_tensors_that_the_trainer_exchanges(architecture: str) -> None:
    learned = member(architecture, 3)
    template = Template(learned.onnx)
    assert {name for name, _, _ in template.schema} == set(learned.tensors)
    assert schema_digest(template.schema) == schema_of(learned.module)
    assert template.sample_shape == SHAPE


@pytest.mark.parametrize("mix", MIXES, ids=lambda mix: mix.rule)
def test_without_seeds_the_ensemble_is_the_main_model(main: Member, mix: Mix) -> None:
    alone, ensemble = outputs(main, [], mix)
    assert alone.tobytes() == ensemble.tobytes()


@pytest.mark.parametrize("mix", MIXES, ids=lambda mix: mix.rule)
def test_a_graph_made_again_gives_the_same_bits(main: Member, seeds: list[tuple[Template, Member]], mix: Mix) -> None:
    first, second = outputs(main, seeds, mix), outputs(main, seeds, mix)
    assert [output.tobytes() for output in first] == [output.tobytes() for output in second]


def test_a_sample_has_the_same_bits_in_every_batch(main: Member, seeds: list[tuple[Template, Member]]) -> None:
    many = outputs(main, seeds, MIXES[0], count=2 * BATCH + 3)[1]
    few = outputs(main, seeds, MIXES[0], count=BATCH)[1]
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
        bits.add(outputs(main, shuffled, MIXES[0], count=64)[1].tobytes())
    assert len(bits) > 1


def test_an_unknown_rule_is_refused_even_without_seeds(main: Member) -> None:
    with pytest.raises(ConfigurationError, match="logit-mean, prob-mean"):
        outputs(main, [], Mix("vote", RHO))


@pytest.mark.parametrize("content", [b"", b"not a model", ModelProto().SerializeToString()])
def test_a_file_that_is_no_model_is_an_error_that_says_what_to_do(content: bytes) -> None:
    with pytest.raises(WorkerError, match="hdus-peer train"):
        parse(content)


def test_models_of_two_exporters_are_not_joined(main: Member, template: Templates) -> None:
    seed = template("mlp").filled(member("mlp", 1).tensors)
    seed.opset_import[0].version += 1
    with pytest.raises(WorkerError, match="different exporters"):
        joined(parse(main.onnx), [seed], MIXES[0])


def test_log_probabilities_stay_finite_where_a_probability_is_zero(main: Member, template: Templates) -> None:
    tensors = member("mlp", 1).tensors
    certain = {name: (np.frombuffer(data, "<f4") * 1e4).tobytes() for name, data in tensors.items()}
    model = joined(parse(main.onnx), [template("mlp").filled(certain)], Mix("prob-mean", 1.0))
    _, ensemble = stacked(list(Session(model, 1).run(some_samples(9))))
    assert np.isfinite(ensemble).all()
    assert softmax(ensemble).max() == pytest.approx(1.0)
