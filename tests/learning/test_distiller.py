"""The seed learns its teacher's answers, by the method's formula."""

import math

import pytest
import torch
from torch.nn.functional import softmax

from hdus_peer.errors import ConfigurationError
from hdus_peer.learning.architectures import build
from hdus_peer.learning.distiller import distil, distillation_loss
from hdus_peer.learning.tensors import pack_tensors
from hdus_peer.workers.job import Distillation
from tests.learning.test_trainer import begin, examples, run

PLAN = Distillation(temperature=4.0, steps=60, batch=32, learning_rate=0.01)
REFERENCE = examples(80, 2).x


def distilled(plan: Distillation = PLAN, random_seed: int = 1, scale: float = 1.0) -> tuple[bytes, float]:
    teacher = run(begin("mlp")).model.eval()
    torch.manual_seed(random_seed)
    seed = build("resnet8", (1, 8, 8), 2)
    agreement = distil(seed, teacher(REFERENCE).detach() * scale, REFERENCE, plan, random_seed, lambda step: None)
    return pack_tensors(seed.state_dict()), agreement


def test_the_loss_is_the_methods_formula() -> None:
    teacher, student = (
        torch.tensor([[2.0, -1.0, 0.5], [0.0, 1.0, 3.0]]),
        torch.tensor([[1.0, 0.0, 0.0], [2.0, 2.0, -1.0]]),
    )
    by_hand = 0.0
    for f, g in zip(teacher.tolist(), student.tolist(), strict=True):
        p = [math.exp(value / 5) / sum(math.exp(other / 5) for other in f) for value in f]
        q = [math.exp(value / 5) / sum(math.exp(other / 5) for other in g) for value in g]
        by_hand += sum(a * math.log(a / b) for a, b in zip(p, q, strict=True)) / len(teacher)
    assert float(distillation_loss(student, softmax(teacher / 5, 1), 5.0)) == pytest.approx(25 * by_hand, rel=1e-5)


def test_the_factor_keeps_gradients_comparable_across_temperatures() -> None:
    def gradient(temperature: float) -> float:
        student = torch.tensor([[0.3, -0.2, 0.1]], requires_grad=True)
        targets = softmax(torch.tensor([[1.0, 0.0, -1.0]]) / temperature, 1)
        distillation_loss(student, targets, temperature).backward()
        assert student.grad is not None
        return float(student.grad.norm())

    assert gradient(20.0) == pytest.approx(gradient(5.0), rel=0.1)


def test_the_seed_agrees_with_its_teacher() -> None:
    assert distilled()[1] > 0.95


def test_the_same_inputs_give_the_same_bits() -> None:
    assert distilled() == distilled()
    assert distilled()[0] != distilled(random_seed=2)[0]


def test_steps_are_told_one_by_one() -> None:
    told: list[int] = []
    plan = Distillation(temperature=4.0, steps=7, batch=32, learning_rate=0.01)
    distil(build("mlp", (1, 8, 8), 2), torch.zeros(80, 2), REFERENCE, plan, 1, told.append)
    assert told == [1, 2, 3, 4, 5, 6, 7]


def test_divergence_is_an_error_that_names_the_learning_rate() -> None:
    with pytest.raises(ConfigurationError, match="learning rate below 1e"):
        distilled(Distillation(temperature=4.0, steps=5, batch=32, learning_rate=1e30))
