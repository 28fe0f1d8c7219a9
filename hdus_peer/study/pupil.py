"""A peer that trains together with others: its model, its optimiser and its place in its own order of samples.

Rule: a step is the product's (`learning.trainer.train_step`), with the same order of samples and the same learning rate
as where the peer trains alone; what systems add happens between steps.
"""

import itertools
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from hdus_peer.learning.main_model import build_main
from hdus_peer.learning.pipeline import examples
from hdus_peer.learning.trainer import PURPOSE, adam, batches_of_epoch, cosine, set_learning_rate, train_step
from hdus_peer.study.lessons import School
from hdus_peer.study.plan import SharedSection
from hdus_peer.workers.job import Schedule

DONE_OF_NEWCOMER = 0.8
"""Where in the schedule those stand who go on because somebody joined: at a tenth of the peak's learning rate."""


def _adam(model: nn.Module, schedule: Schedule) -> Optimizer:
    return adam(model, schedule.learning_rate, schedule.weight_decay)


def _sgd(model: nn.Module, schedule: Schedule) -> Optimizer:
    return torch.optim.SGD(model.parameters(), schedule.learning_rate, weight_decay=schedule.weight_decay)


OPTIMIZERS = {"adam": _adam, "sgd": _sgd}


class Pupil:
    """`model` is trained in place, and may be overwritten between steps."""

    def __init__(self, school: School, peer: int, main: str, plan: SharedSection) -> None:
        self._job, schedule = school.job(peer, main), school.setting.plan.schedule_of_main()
        self._schedule = replace(schedule, learning_rate=plan.learning_rate or schedule.learning_rate)
        self._examples = examples(school.data[peer].train, school.device)
        torch.manual_seed(school.job(0, main).random_seed)  # all begin with the same weights
        model = build_main(main, self._job.task).to(school.device)
        self.model: nn.Module = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimizer = OPTIMIZERS[plan.optimizer](self.model, self._schedule)
        self._batches, self._epochs = self._endless(), 0

    @property
    def steps_per_epoch(self) -> int:
        return len(self._order(0))

    def step(self, done: float) -> None:
        """One batch, at the learning rate after the share `done` of the schedule."""
        set_learning_rate(self._optimizer, cosine(self._schedule.learning_rate, done))
        batch = next(self._batches)
        train_step(self.model, self._optimizer, self._examples.x[batch], self._examples.y[batch])

    def epoch(self) -> None:
        """One pass over its samples, at the place of its own schedule; after its end as a newcomer."""
        for step in range(self.steps_per_epoch):
            done = (self._epochs + step / self.steps_per_epoch) / self._schedule.epochs_max
            self.step(done if done < 1.0 else DONE_OF_NEWCOMER)
        self._epochs += 1

    def _endless(self) -> Iterator[Tensor]:
        for epoch in itertools.count():
            yield from self._order(epoch)

    def _order(self, epoch: int) -> tuple[Tensor, ...]:
        return batches_of_epoch(len(self._examples.y), self._schedule.batch, self._job.random_seed, PURPOSE, epoch)
