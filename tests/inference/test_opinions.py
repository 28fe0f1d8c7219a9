"""What the pool of opinions learns of made-up members: who knows a class is heard about it, who is wrong is not."""

from dataclasses import replace

import numpy as np
import pytest

from hdus_peer.domain.combination import Combination
from hdus_peer.inference.choice import choose_pool
from hdus_peer.inference.opinions import Evidence, learned_weights, pooled
from hdus_peer.inference.rules import CLASS_OFFSETS, CLASS_WEIGHTS, OPINION_MIN, OWN_WEIGHT, SEEDS_WEIGHT

CLASSES = 4
COUNT = 400
TRUE = np.arange(COUNT, dtype=np.int64) % CLASSES


def member(knows: tuple[int, ...], labels: np.ndarray = TRUE, certainty: float = 0.9, shift: int = 0) -> np.ndarray:
    """Log-probabilities of one who was taught these classes alone, and takes others for one of them, less surely."""
    sure = np.where(np.isin(labels, knows), certainty, certainty / 2)
    said = np.where(np.isin(labels, knows), labels, np.asarray(knows)[np.arange(len(labels)) % len(knows)])
    table = np.full((len(labels), CLASSES), 1e-4)
    table[:, knows] = (1 - sure[:, None]) / len(knows)
    table[np.arange(len(labels)), (said + shift) % CLASSES] += sure
    return np.log(table / table.sum(axis=1, keepdims=True)).astype(np.float32)


def evidence(*members: np.ndarray, own: tuple[int, ...] = (0, 1)) -> Evidence:
    """Over a reference set of all classes and held-out samples of `own`, whose classes are the peer's."""
    opinions = np.stack(members, axis=1)
    held = np.isin(TRUE, own)
    return Evidence(opinions, opinions[held], TRUE[held], np.bincount(TRUE[held], minlength=CLASSES))


def right(found: Evidence, objective: str, among: tuple[int, ...] = (0, 1, 2, 3)) -> float:
    """The share of the samples of these classes that the pool gets right."""
    answers = pooled(found.reference, learned_weights(found, objective)).argmax(axis=1)
    return float((answers == TRUE)[np.isin(TRUE, among)].mean())


def test_about_a_class_those_are_heard_who_know_it() -> None:
    weights = learned_weights(evidence(member((0, 1)), member((1, 2, 3))), "global")[CLASS_WEIGHTS]
    np.testing.assert_allclose(weights.sum(axis=0), 1.0, rtol=1e-6)
    assert weights[0, 0] > 0.9
    assert (weights[1, 2:] > 0.9).all()


def test_together_they_know_all_classes() -> None:
    found = evidence(member((0, 1), certainty=0.9), member((1, 2, 3), certainty=0.7))
    assert right(found, "global") > 0.99


def test_local_expects_the_classes_that_the_peer_has() -> None:
    """A seed that takes its own classes for others: where those are not to be expected, it does less harm."""
    stranger = member((2, 3), certainty=0.98)
    found = evidence(member((0, 1), certainty=0.5), stranger)
    assert right(found, "local", (0, 1)) > 0.99
    gap = [learned_weights(found, objective)[CLASS_OFFSETS] for objective in ("local", "global")]
    moved = gap[0] - gap[1]
    assert moved[0] - moved[2] == pytest.approx(np.log((0.9 * 0.5 + 0.025) / 0.025), rel=1e-5)


@pytest.mark.parametrize("certainty", [0.6, 0.999999])
def test_a_seed_that_swaps_classes_is_believed_little(certainty: float) -> None:
    honest = [member((0, 1)), member((1, 2, 3)), member((0, 2, 3))]
    liar = member((0, 1, 2, 3), certainty=certainty, shift=1)
    weights = learned_weights(evidence(*honest, liar), "global")[CLASS_WEIGHTS]
    assert weights[3].max() < 0.05
    assert right(evidence(*honest, liar), "global") > 0.99


@pytest.mark.parametrize("objective", ["local", "global"])
def test_all_follows_from_the_members_that_are_there(objective: str) -> None:
    """Without its last member it is what it would be had that one never come, to the bit."""
    members = [member((0, 1)), member((1, 2, 3)), member((0, 3))]
    whole, never = evidence(*members), evidence(*members[:2])
    left = replace(whole, reference=whole.reference[:, :2], held_out=whole.held_out[:, :2])
    found, expected = learned_weights(left, objective), learned_weights(never, objective)
    assert [value.tobytes() for value in found.values()] == [value.tobytes() for value in expected.values()]
    before = learned_weights(whole, objective)[CLASS_OFFSETS]
    assert before.tobytes() != expected[CLASS_OFFSETS].tobytes()


def test_a_seed_that_claims_nothing_true_still_gives_numbers() -> None:
    none = np.full((COUNT, CLASSES), OPINION_MIN, dtype=np.float32)
    weights = learned_weights(evidence(none, none), "global")
    assert all(np.isfinite(value).all() for value in weights.values())


@pytest.mark.parametrize("objective", ["local", "global"])
def test_the_whole_pool_counts_where_it_does_no_harm(objective: str) -> None:
    found = evidence(member((0, 1)), member((1, 2, 3)))
    rho, weights = choose_pool(Combination("opinion-pool", "auto", objective), found.held_out[:, 0], found)
    assert (rho, float(weights[OWN_WEIGHT]), float(weights[SEEDS_WEIGHT])) == (1.0, 0.0, 1.0)


def test_local_leaves_a_pool_that_does_harm() -> None:
    """Two classes that the peer knows well and its seeds mistake for one another, half of the time, with certainty."""
    confused = np.where(np.arange(COUNT) % 8 < 4, TRUE, TRUE ^ 1)
    found = evidence(member((0, 1), certainty=0.6), *[member((0, 1), confused, 0.9999) for _ in range(3)])
    for objective, expected in (("local", 0.0), ("global", 1.0)):
        rho, _ = choose_pool(Combination("opinion-pool", "auto", objective), found.held_out[:, 0], found)
        assert rho == expected


def test_a_given_rho_is_taken_and_the_rest_learned() -> None:
    found = evidence(member((0, 1)), member((1, 2, 3)))
    rho, weights = choose_pool(Combination("opinion-pool", 0.25), found.held_out[:, 0], found)
    assert (rho, float(weights[SEEDS_WEIGHT])) == (0.25, 0.25)
    assert weights[CLASS_WEIGHTS].shape == (2, CLASSES)


def test_a_member_without_numbers_leaves_the_main_model_alone() -> None:
    found = evidence(member((0, 1)), member((1, 2, 3)))
    broken = found.reference.copy()
    broken[3, 1] = np.nan
    for objective in ("local", "global"):
        combination = Combination("opinion-pool", "auto", objective)
        rho, weights = choose_pool(combination, found.held_out[:, 0], replace(found, reference=broken))
        assert rho == 0.0
        assert all(np.isfinite(value).all() for value in weights.values())
