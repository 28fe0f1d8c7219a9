"""The loop learns, stops early, and goes on from a checkpoint after any step to the same bits."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from hdus_peer.errors import ConfigurationError
from hdus_peer.learning.architectures import build
from hdus_peer.learning.checkpoints import Checkpoints
from hdus_peer.learning.progress import Interrupted
from hdus_peer.learning.trainer import (
    Examples,
    Training,
    batches_of_epoch,
    cosine,
    is_finished,
    logits_of,
    train,
)
from hdus_peer.workers.job import Schedule

SCHEDULE = Schedule(epochs_max=4, batch=8, learning_rate=0.01, weight_decay=1e-4, patience=4)


def examples(samples: int, seed: int) -> Examples:
    """Two classes: which half of the picture is brighter."""
    generator = torch.Generator().manual_seed(seed)
    x, y = torch.randn(samples, 1, 8, 8, generator=generator), torch.arange(samples) % 2
    x[:, :, :4] += y[:, None, None, None] * 2.0
    return Examples(x, y)


def begin(architecture: str, schedule: Schedule = SCHEDULE) -> Training:
    torch.manual_seed(5)
    return Training.begin(build(architecture, (1, 8, 8), 2), schedule, random_seed=5)


def run(training: Training, after_step: Callable[[], None] = lambda: None, schedule: Schedule = SCHEDULE) -> Training:
    train(training, examples(30, 0), examples(20, 1), schedule, after_step)
    return training


def bits(training: Training) -> dict[str, bytes]:
    state = training.model.state_dict() | {f"best.{name}": value for name, value in training.best.items()}
    return {name: value.contiguous().numpy().tobytes() for name, value in state.items()}


def interrupted_and_resumed(architecture: str, path: Path, every_steps: int) -> Training:
    """A run that ends every few steps, each time resumed by a process that knows nothing but the file."""
    checkpoints = Checkpoints(path, "key")
    while True:
        torch.manual_seed(every_steps)  # whatever a new process starts with
        training = Training.begin(build(architecture, (1, 8, 8), 2), SCHEDULE, random_seed=5)
        checkpoints.restore(training)
        if training.position.epoch == training.position.step == 0:
            training = begin(architecture)
        steps = 0

        def after_step(training: Training = training) -> None:
            nonlocal steps
            steps += 1
            if steps == every_steps:
                checkpoints.save(training)
                raise Interrupted

        try:
            return run(training, after_step)
        except Interrupted:
            continue


@pytest.mark.parametrize("every_steps", [1, 3, 4, 5])
@pytest.mark.parametrize("architecture", ["mlp", "resnet8", "mobilenet-s"])
def test_resumed_weights_equal_uninterrupted_ones_bit_for_bit(
    architecture: str, every_steps: int, tmp_path: Path
) -> None:
    """An epoch has 4 steps: interrupted after every step, before, at and after every end of an epoch."""
    whole = run(begin(architecture))
    resumed = interrupted_and_resumed(architecture, tmp_path / "checkpoint", every_steps)
    assert bits(resumed) == bits(whole)
    assert resumed.position == whole.position


def test_the_same_seed_gives_the_same_bits_and_another_others() -> None:
    assert bits(run(begin("resnet8"))) == bits(run(begin("resnet8")))
    other = begin("resnet8")
    other.random_seed = 6
    assert bits(run(other)) != bits(run(begin("resnet8")))


def test_it_learns_and_leaves_the_best_weights() -> None:
    training = run(begin("resnet8"))
    holdout = examples(20, 1)
    chosen = logits_of(training.model, holdout.x).argmax(1)
    assert float((chosen == holdout.y).double().mean()) == training.position.best_accuracy > 0.9


def test_of_equally_good_weights_the_latest_are_kept() -> None:
    """A rate of nothing leaves every epoch as good as the first."""
    schedule = Schedule(epochs_max=3, batch=8, learning_rate=0.0, weight_decay=0.0, patience=3)
    training = begin("mlp", schedule)
    run(training, schedule=schedule)
    assert training.position.best_epoch == 2


def test_it_stops_when_patience_is_over() -> None:
    schedule = Schedule(epochs_max=50, batch=8, learning_rate=0.05, weight_decay=0.0, patience=2)
    training = begin("mlp", schedule)
    run(training, schedule=schedule)
    position = training.position
    assert is_finished(position, schedule)
    assert position.epoch == position.best_epoch + 3 < 50


def test_divergence_is_an_error_that_names_the_learning_rate() -> None:
    schedule = Schedule(epochs_max=3, batch=8, learning_rate=1e30, weight_decay=0.0, patience=3)
    with pytest.raises(ConfigurationError, match=r"diverged in epoch 1.*learning rate below 1e\+30"):
        run(begin("mlp", schedule), schedule=schedule)


@pytest.mark.parametrize(("samples", "batch"), [(33, 16), (17, 16), (5, 16), (32, 16), (3, 2)])
def test_batches_cover_the_samples_once_and_none_is_a_single_one(samples: int, batch: int) -> None:
    batches = batches_of_epoch(samples, batch, 1, 2, 3)
    assert sorted(torch.cat(batches).tolist()) == list(range(samples))
    assert max(map(len, batches)) <= batch
    if batch > 2:
        assert min(map(len, batches)) > 1


def test_orders_differ_between_epochs_purposes_and_big_seeds() -> None:
    orders = {
        tuple(batches_of_epoch(20, 20, *key)[0].tolist()) for key in [(1, 1, 0), (1, 1, 1), (1, 2, 0), (2**40, 1, 0)]
    }
    assert len(orders) == 4


def test_the_learning_rate_falls_from_its_peak_to_nothing() -> None:
    assert [round(cosine(2.0, done), 6) for done in (0.0, 0.5, 1.0)] == [2.0, 1.0, 0.0]
