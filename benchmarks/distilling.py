"""`python -m benchmarks.distilling PAIRS`: the product's distiller and a bare torch loop in turns, in a process set up
as the trainer child is. Writes JSON: seconds per block of steps, [[product, bare], …].

Both start from the same seed model, with the same teacher's answers, optimiser (fused Adam), memory layout and order of
samples, and end with the share of the reference set on which the seed agrees with its teacher. The product's does what
it does in a job besides: learning rate and progress.
"""

import json
import sys
from itertools import cycle, islice

import torch
from torch import Tensor, nn
from torch.nn.functional import kl_div, log_softmax, softmax

from benchmarks.models import TASK
from benchmarks.steps import WARM_UP, seconds
from hdus_peer.learning.architectures import build
from hdus_peer.learning.device import prepare
from hdus_peer.learning.distiller import PURPOSE, distil
from hdus_peer.learning.progress import Progress
from hdus_peer.learning.trainer import adam, batches_of_epoch, logits_of
from hdus_peer.workers.job import Distillation

SAMPLES, BATCH, STEPS = 320, 32, 40
PLAN = Distillation(temperature=3.0, steps=STEPS, batch=BATCH, learning_rate=0.01)
SEED = "mobilenet-s"


def new_seed() -> nn.Module:
    torch.manual_seed(0)
    return build(SEED, TASK.shape, len(TASK.classes))


def by_the_product(x: Tensor, teacher: Tensor) -> None:
    progress = Progress(lambda fields: None)

    def after_step(step: int) -> None:
        progress.raise_if_interrupted()
        progress.advance(step / STEPS, lambda: f"step {step} of {STEPS}")

    distil(new_seed(), teacher, x, PLAN, 0, after_step)


def by_torch(x: Tensor, teacher: Tensor) -> None:
    seed = new_seed().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer, targets = adam(seed, PLAN.learning_rate), softmax(teacher / PLAN.temperature, dim=1)
    for batch in islice(cycle(batches_of_epoch(SAMPLES, BATCH, 0, PURPOSE, 0)), STEPS):
        answers = log_softmax(seed(x[batch]) / PLAN.temperature, dim=1)
        loss = kl_div(answers, targets[batch], reduction="batchmean") * PLAN.temperature**2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    float((logits_of(seed, x).argmax(1) == teacher.argmax(1)).double().mean())


def main(pairs: int) -> None:
    prepare(threads=1, device="cpu")
    generator = torch.Generator().manual_seed(0)
    x = torch.randn((SAMPLES, *TASK.shape), generator=generator)
    teacher = torch.randn((SAMPLES, len(TASK.classes)), generator=generator)
    turns = range(pairs + WARM_UP)
    found = [(seconds(lambda: by_the_product(x, teacher)), seconds(lambda: by_torch(x, teacher))) for _ in turns]
    print(json.dumps(found[WARM_UP:]))


if __name__ == "__main__":
    main(int(sys.argv[1]))
