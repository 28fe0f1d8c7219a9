"""A peer's training in slices, so that forgetting some samples repeats only what came after the first of them.

Source: Bourtoule et al. 2021 (arXiv 1912.03817), section IV: the model learns on the first slice, then on the first
two, and so on; its state before each is kept. Of e epochs, 2e/(R+1) go to each of R slices, so that as many samples are
seen as by plain training; with one slice it is plain training, to the bit.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hdus_peer.learning.main_model import build_main
from hdus_peer.learning.pipeline import examples
from hdus_peer.learning.tensors import copy_into
from hdus_peer.learning.trainer import Examples, Training, train
from hdus_peer.study.lessons import Lesson, School
from hdus_peer.study.members import Member
from hdus_peer.study.stopwatch import Stopwatch
from hdus_peer.workers.job import Schedule


class Sliced:
    """The training of one peer's `main`."""

    def __init__(self, school: School, peer: int, main: str, slices: int) -> None:
        self._school, self._job, self._data = school, school.job(peer, main), school.data[peer]
        self._slices: list[NDArray[np.int64]] = np.array_split(np.arange(len(self._data.train)), slices)
        self._before: list[dict[str, Tensor]] = []

    def learn(self) -> Lesson:
        """All slices, from a new model."""
        torch.manual_seed(self._job.random_seed)
        return self._learn_from(build_main(self._job.main, self._job.task).to(self._school.device))

    def forget(self, samples: Sequence[int]) -> Lesson:
        """Learn again from the first slice that holds one of these training samples (positions), without them."""
        touched = [bool(np.isin(each, samples).any()) for each in self._slices]
        first = touched.index(True) if any(touched) else len(touched) - 1
        self._slices = [np.setdiff1d(each, np.asarray(samples, dtype=np.int64)) for each in self._slices]
        model = build_main(self._job.main, self._job.task).to(self._school.device)
        copy_into(model.state_dict(), self._before[first])
        del self._before[first:]
        return self._learn_from(model)

    def _learn_from(self, model: nn.Module) -> Lesson:
        clock, train_part = Stopwatch(), examples(self._data.train, self._school.device)
        holdout, schedule = examples(self._data.holdout, self._school.device), self._schedule()
        for number in range(len(self._before), len(self._slices)):
            self._before.append({name: value.clone() for name, value in model.state_dict().items()})
            known = torch.from_numpy(np.concatenate(self._slices[: number + 1])).to(self._school.device)
            training = Training.begin(model, schedule, self._job.random_seed)
            train(training, Examples(train_part.x[known], train_part.y[known]), holdout, schedule, _on)
        return Lesson(Member(model), clock.seconds)

    def _schedule(self) -> Schedule:
        whole, count = self._job.schedule, len(self._slices)
        epochs = math.ceil(2 * whole.epochs_max / (count + 1))
        return replace(whole, epochs_max=epochs, patience=min(whole.patience, epochs))


def _on() -> None:
    """After each step: nothing stops it."""
