"""Trains the main model: cross-entropy, Adam, a cosine learning rate, early stopping on the peer's own held-out data.

Rules
1. All that changes while training is in `Training` and its position; a checkpoint after any step holds all of it, so
   that a resumed run ends with the bits of an uninterrupted one. The order of samples is a function of seed and epoch.
2. The best weights are those of the highest held-out accuracy, the latest of equals: few held-out samples leave many
   ties, and a model is better at the end of its learning rate's way. (By held-out loss, two to four points were lost.)
3. Nothing here looks at a clock or at another peer's model.
4. A step costs what the bare torch loop costs: nothing is measured, copied or synchronised inside it.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from hdus_peer.errors import ConfigurationError
from hdus_peer.workers.job import Schedule

BATCH_OF_EVALUATION = 64
PURPOSE = 1  # keeps this order of samples apart from the distiller's


@dataclass(frozen=True, slots=True)
class Examples:
    """`x`: float samples (n, *shape), `y`: int64 classes (n,), on the device that computes."""

    x: Tensor
    y: Tensor


@dataclass(slots=True)
class Position:
    """Where a run stands: `step` within `epoch`, and the held-out accuracy that early stopping remembers."""

    epoch: int = 0
    step: int = 0
    best_epoch: int = -1
    best_accuracy: float = 0.0


@dataclass(slots=True)
class Training:
    """A model, its optimiser and best weights so far. `random_seed` orders the samples."""

    model: nn.Module
    random_seed: int
    optimizer: torch.optim.Adam
    best: dict[str, Tensor]
    position: Position = field(default_factory=Position)

    @classmethod
    def begin(cls, model: nn.Module, schedule: Schedule, random_seed: int) -> "Training":
        """A run at its start; `model` is on its device already, and is trained in place."""
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # faster for every convolution here
        optimizer = adam(model, schedule.learning_rate, schedule.weight_decay)
        return cls(model, random_seed, optimizer, copy.deepcopy(model.state_dict()))


def adam(model: nn.Module, learning_rate: float, weight_decay: float = 0.0) -> torch.optim.Adam:
    """Adam as one fused operation a step, its moments in place from the start so that a checkpoint can be copied in."""
    optimizer = torch.optim.Adam(model.parameters(), learning_rate, weight_decay=weight_decay, fused=True)
    for parameter in model.parameters():
        optimizer.state[parameter] = {
            "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
            "exp_avg": torch.zeros_like(parameter, memory_format=torch.preserve_format),
            "exp_avg_sq": torch.zeros_like(parameter, memory_format=torch.preserve_format),
        }
    return optimizer


def train(
    training: Training, examples: Examples, holdout: Examples, schedule: Schedule, after_step: Callable[[], None]
) -> None:
    """Run to the end of the schedule, or until `patience` epochs in a row were worse than the best; leaves the best
    weights in the model. `after_step` may raise in order to interrupt."""
    position = training.position
    while not is_finished(position, schedule):
        batches = batches_of_epoch(len(examples.y), schedule.batch, training.random_seed, PURPOSE, position.epoch)
        for batch in batches[position.step :]:
            done = (position.epoch + position.step / len(batches)) / schedule.epochs_max
            set_learning_rate(training.optimizer, cosine(schedule.learning_rate, done))
            train_step(training.model, training.optimizer, examples.x[batch], examples.y[batch])
            position.step += 1
            after_step()
        _end_epoch(training, holdout, schedule)
    training.model.load_state_dict(training.best)


def train_step(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
    """One step of Adam on one batch."""
    loss = cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    optimizer.step()


def is_finished(position: Position, schedule: Schedule) -> bool:
    """Whether the schedule is over or early stopping ended it."""
    waited = position.epoch - 1 - position.best_epoch
    return position.epoch >= schedule.epochs_max or waited >= schedule.patience


def batches_of_epoch(samples: int, batch: int, *position: int) -> tuple[Tensor, ...]:
    """A permutation of the samples, a function of `position` (random seed, purpose, epoch), in near-equal batches of at
    most `batch`: none has a single sample (which batch normalisation cannot take) unless there is no other.

    numpy's generator, because torch's on a CPU uses the low 32 bits of a seed only."""
    order = np.random.default_rng(position).permutation(samples)
    return torch.from_numpy(order).tensor_split(math.ceil(samples / batch))


def cosine(peak: float, done: float) -> float:
    """The learning rate after the share `done` of a schedule (Loshchilov and Hutter 2017, without restarts)."""
    return peak * 0.5 * (1.0 + math.cos(math.pi * done))


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = learning_rate


@torch.no_grad()
def logits_of(model: nn.Module, x: Tensor) -> Tensor:
    """Logits (n, classes) of the model as it predicts (running statistics), batch by batch."""
    model.eval()
    logits = torch.cat([model(part) for part in torch.split(x, BATCH_OF_EVALUATION)])
    model.train()
    return logits


def _end_epoch(training: Training, holdout: Examples, schedule: Schedule) -> None:
    logits, position = logits_of(training.model, holdout.x), training.position
    loss = float(cross_entropy(logits, holdout.y))
    if not math.isfinite(loss):
        raise ConfigurationError(
            f"training of the main model diverged in epoch {position.epoch + 1} (held-out loss {loss}); set a "
            f"learning rate below {schedule.learning_rate}"
        )
    accuracy = float((logits.argmax(1) == holdout.y).double().mean())
    if accuracy >= position.best_accuracy:
        position.best_epoch, position.best_accuracy = position.epoch, accuracy
        training.best = copy.deepcopy(training.model.state_dict())
    position.epoch, position.step = position.epoch + 1, 0
