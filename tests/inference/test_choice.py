"""The choice of ρ on made-up sides: what each objective prefers, and what noise may not do."""

import numpy as np
import pytest

from hdus_peer.inference.choice import GRID, MEASURED_MIN, RHO_MODEST, SAMPLES_MAX, choose_rho, spread

CLASSES = 4
COUNT = 200


def says(labels: np.ndarray, certainty: float = 0.9) -> np.ndarray:
    """Probabilities that favour these classes."""
    table = np.full((len(labels), CLASSES), (1 - certainty) / (CLASSES - 1))
    table[np.arange(len(labels)), labels] = certainty
    return table.astype(np.float32)


def labels_of(count: int = COUNT, classes: int = CLASSES) -> np.ndarray:
    return np.arange(count, dtype=np.int64) % classes


def wrong(labels: np.ndarray, first: int) -> np.ndarray:
    """The same with another class for the first so many."""
    return np.where(np.arange(len(labels)) < first, (labels + 1) % CLASSES, labels)


def local(own: np.ndarray, seeds: np.ndarray, labels: np.ndarray) -> float:
    return choose_rho("local", own, seeds, labels, are_logits=False)


def test_seeds_that_know_better_are_heard_and_no_more_than_needed() -> None:
    labels = labels_of()
    found = local(says(wrong(labels, 40), 0.6), says(labels), labels)
    assert 0.0 < found < 1.0
    mixed = (1 - found) * says(wrong(labels, 40), 0.6) + found * says(labels)
    assert (mixed.argmax(axis=1) == labels).all()
    before = GRID[GRID.index(found) - 1]
    mixed = (1 - before) * says(wrong(labels, 40), 0.6) + before * says(labels)
    assert (mixed.argmax(axis=1) != labels).any()


def test_a_gain_within_noise_leaves_the_main_model_alone() -> None:
    labels = labels_of()
    assert local(says(wrong(labels, 1), 0.6), says(labels), labels) == 0.0
    assert local(says(labels), says(wrong(labels, 100)), labels) == 0.0


def test_few_samples_choose_between_a_modest_weight_and_none() -> None:
    labels = labels_of(MEASURED_MIN - 1)
    assert local(says(wrong(labels, 60), 0.6), says(labels), labels) == RHO_MODEST
    assert local(says(labels, 0.4), says(wrong(labels, 30)), labels) == 0.0


@pytest.mark.parametrize("are_logits", [False, True])
def test_global_listens_to_seeds_about_classes_that_were_never_seen(are_logits: bool) -> None:
    """The main model is right on its own two classes; so are the seeds, who know all four."""
    labels = labels_of(classes=2)
    own, seeds = says(labels, 0.7), says(labels)
    if are_logits:
        own, seeds = np.log(own), np.log(seeds)
    found = choose_rho("global", own, seeds, labels, are_logits=are_logits)
    assert found > 0.0
    assert choose_rho("local", own, seeds, labels, are_logits=are_logits) == 0.0


def test_global_does_not_listen_to_seeds_that_know_nothing() -> None:
    labels = labels_of(classes=2)
    assert choose_rho("global", says(labels), says((labels + 1) % 2), labels, are_logits=False) == 0.0


def test_global_weighs_classes_and_not_samples() -> None:
    """A class of few samples counts as much as one of many."""
    labels = np.array([0] * 190 + [1] * 5 + [2] * 5, dtype=np.int64)
    own = says(np.where(labels == 0, 0, 3))
    seeds = says(np.where(np.arange(200) < 30, 3, labels))
    assert choose_rho("global", own, seeds, labels, are_logits=False) > 0.0


def test_a_member_without_numbers_leaves_the_main_model_alone() -> None:
    labels = labels_of()
    seeds = says(labels)
    seeds[3] = np.nan
    for objective in ("local", "global"):
        assert choose_rho(objective, says(wrong(labels, 90), 0.5), seeds, labels, are_logits=False) == 0.0


@pytest.mark.parametrize("count", [1, 7, SAMPLES_MAX, SAMPLES_MAX + 1, 10_000])
def test_at_most_so_many_samples_count_from_everywhere(count: int) -> None:
    chosen = spread(count)
    assert len(set(chosen.tolist())) == min(count, SAMPLES_MAX)
    assert chosen[0] == 0
    assert chosen[-1] >= count - 1 - count // SAMPLES_MAX
