"""`python -m benchmarks.steps PAIRS`: the product's training loop and a bare torch loop in turns, in a process set up
as the trainer child is. Writes JSON: seconds per block of steps, [[product, bare], …].

Both run the same model, data, optimiser (fused Adam), memory layout and order of samples. The product's loop does what
it does in a job besides: learning rate, position, progress, checkpoints when they are due.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from benchmarks.models import TASK
from hdus_peer.learning.architectures import build
from hdus_peer.learning.checkpoints import Checkpoints
from hdus_peer.learning.device import prepare
from hdus_peer.learning.progress import Progress
from hdus_peer.learning.trainer import PURPOSE, Examples, Training, adam, batches_of_epoch, train
from hdus_peer.workers.frames import reply
from hdus_peer.workers.job import Schedule

SAMPLES, BATCH, STEPS = 640, 64, 10
SCHEDULE = Schedule(epochs_max=1_000_000, batch=BATCH, learning_rate=0.003, weight_decay=1e-4, patience=1_000_000)
MAIN = "mobilenet-s"
WARM_UP = 2


class _Enough(Exception):
    """A block of steps is over."""


class Product:
    """`learning.trainer.train` as `learning.pipeline` drives it."""

    def __init__(self, directory: Path, examples: Examples) -> None:
        torch.manual_seed(0)
        self._training = Training.begin(build(MAIN, TASK.shape, len(TASK.classes)), SCHEDULE, random_seed=0)
        self._examples = examples
        self._checkpoints = Checkpoints(directory / "checkpoint", "benchmark")
        nowhere = open(os.devnull, "wb", buffering=0)  # noqa: SIM115  as long as the process
        self._progress = Progress(lambda fields: reply(nowhere, {"progress": fields}))
        self._left = 0

    def run(self) -> None:
        self._left = STEPS
        try:
            train(self._training, self._examples, self._examples, SCHEDULE, self._after_step)
        except _Enough:
            self._training.position.step = 0  # so that no block holds the end of an epoch

    def _after_step(self) -> None:
        position = self._training.position
        self._checkpoints.save_if_due(self._training)
        self._progress.advance(0.0, lambda: f"epoch {position.epoch + 1}, held-out {position.best_accuracy:.1%}")
        self._left -= 1
        if not self._left:
            raise _Enough


class Bare:
    """Nothing but torch."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        torch.manual_seed(0)
        self._model = build(MAIN, TASK.shape, len(TASK.classes)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimizer = adam(self._model, SCHEDULE.learning_rate, SCHEDULE.weight_decay)
        self._x, self._y = x, y

    def run(self) -> None:
        for batch in batches_of_epoch(SAMPLES, BATCH, 0, PURPOSE, 0)[:STEPS]:
            loss = cross_entropy(self._model(self._x[batch]), self._y[batch])
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()


def main(pairs: int) -> None:
    prepare(threads=1, device="cpu")
    generator = torch.Generator().manual_seed(0)
    x = torch.randn((SAMPLES, *TASK.shape), generator=generator)
    y = torch.randint(len(TASK.classes), (SAMPLES,), generator=generator)
    with tempfile.TemporaryDirectory() as directory:
        product, bare = Product(Path(directory), Examples(x, y)), Bare(x, y)
        found = [(seconds(product.run), seconds(bare.run)) for _ in range(pairs + WARM_UP)]
    print(json.dumps(found[WARM_UP:]))


def seconds(work: Callable[[], None]) -> float:
    """How long it took."""
    began_s = time.perf_counter()
    work()
    return time.perf_counter() - began_s


if __name__ == "__main__":
    main(int(sys.argv[1]))
