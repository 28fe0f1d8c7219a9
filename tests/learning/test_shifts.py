"""Moved pictures still show what they showed, and nothing else is moved."""

import numpy as np
import pytest
import torch
from torch import nn

from hdus_peer.learning.architectures import build
from hdus_peer.learning.distiller import distil
from hdus_peer.learning.shifts import SIDE_MIN, is_moved, moved
from hdus_peer.workers.job import Distillation

SIDE = SIDE_MIN
PICTURES = torch.rand((40, 2, SIDE, SIDE), generator=torch.Generator().manual_seed(0))


MOVES = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]


def by_hand(down: int, right: int) -> torch.Tensor:
    """Each pixel is what stood so far above and to the left of it, or the nearest there is."""
    rows = [min(max(row - down, 0), SIDE - 1) for row in range(SIDE)]
    columns = [min(max(column - right, 0), SIDE - 1) for column in range(SIDE)]
    return PICTURES[:, :, rows][:, :, :, columns]


def test_pictures_move_as_a_whole_and_their_edges_are_repeated() -> None:
    seen = set()
    for number in range(100):
        found = moved(PICTURES, 1, np.random.default_rng(number))
        (move,) = (move for move in MOVES if torch.equal(found, by_hand(*move)))
        seen.add(move)
    assert seen == set(MOVES)


@pytest.mark.parametrize("shape", [(2, SIDE, SIDE - 1), (2, 99), (99,)])
def test_small_pictures_and_other_samples_stay_where_they_are(shape: tuple[int, ...]) -> None:
    assert not is_moved(torch.zeros(3, *shape))
    assert is_moved(PICTURES)


def seed_of(shift: int, pictures: torch.Tensor) -> nn.Module:
    torch.manual_seed(5)
    seed = build("mlp-s", tuple(pictures.shape[1:]), 3)
    answers = torch.eye(3)[torch.arange(len(pictures)) % 3] * 4
    distil(seed, answers, pictures, Distillation(3.0, 60, 8, 0.01, shift), 7, lambda step: None)
    return seed


def test_a_seed_that_saw_moved_pictures_keeps_its_answer_when_they_move() -> None:
    still, moving = seed_of(0, PICTURES).eval(), seed_of(2, PICTURES).eval()
    elsewhere = torch.roll(PICTURES, (2, -2), (2, 3))
    with torch.no_grad():
        changed = [float((model(elsewhere) - model(PICTURES)).softmax(1).std()) for model in (still, moving)]
    assert changed[1] < changed[0]


def test_the_moves_are_the_same_every_time() -> None:
    first, second = seed_of(1, PICTURES).state_dict(), seed_of(1, PICTURES).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    other = seed_of(0, PICTURES).state_dict()
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_samples_that_are_not_moved_give_the_seed_that_they_gave() -> None:
    small = PICTURES[:, :, : SIDE - 1]
    first, second = seed_of(0, small).state_dict(), seed_of(1, small).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
