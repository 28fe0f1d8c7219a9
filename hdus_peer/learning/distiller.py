"""Distils the seed: a small model learns the main model's softened answers on the unlabelled reference set.

Source: the method's  φ = argmin Σ_{x∈R} KL(softmax(f(θ,x)/T) ‖ softmax(g(φ,x)/T)), times T² so that gradients are
comparable across temperatures (Hinton, Vinyals, Dean 2015).
Rules
1. The teacher is this peer's own main model, its logits on R computed once; no label and no other peer takes part.
2. Pictures may be moved by some pixels, see `shifts`; the teacher's answer is still that to the picture of R.
3. A function of teacher, R and random seed: run again after a crash, it ends with the same bits (it is short, and keeps
   no checkpoint).
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import kl_div, log_softmax, softmax

from hdus_peer.errors import ConfigurationError
from hdus_peer.learning.shifts import is_moved, moved
from hdus_peer.learning.trainer import adam, batches_of_epoch, cosine, logits_of, set_learning_rate
from hdus_peer.workers.job import Distillation

PURPOSE = 2  # keeps this order of samples apart from the trainer's
PURPOSE_OF_SHIFTS = 3


def distil(
    seed: nn.Module,
    teacher_logits: Tensor,
    reference: Tensor,
    plan: Distillation,
    random_seed: int,
    after_step: Callable[[int], None],
) -> float:
    """Train `seed` in place on R; the share of R on which it then chooses the teacher's class.

    `teacher_logits` (n, classes) belong to `reference` (n, *shape), on the seed's device."""
    seed.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # faster for every convolution here
    optimizer = adam(seed, plan.learning_rate)
    targets = softmax(teacher_logits / plan.temperature, dim=1)
    batches = _batches(len(reference), plan.batch, random_seed)
    shift, numbers = plan.shift if is_moved(reference) else 0, np.random.default_rng((random_seed, PURPOSE_OF_SHIFTS))
    for step in range(plan.steps):
        set_learning_rate(optimizer, cosine(plan.learning_rate, step / plan.steps))
        batch = next(batches)
        pictures = moved(reference[batch], shift, numbers) if shift else reference[batch]
        loss = distillation_loss(seed(pictures), targets[batch], plan.temperature)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        optimizer.step()
        after_step(step + 1)
    return _agreement(seed, teacher_logits, reference, plan)


def distillation_loss(logits: Tensor, targets: Tensor, temperature: float) -> Tensor:
    """T² · KL(targets ‖ softmax(logits / T)), the mean over samples; `targets`: the teacher's softened answers."""
    return kl_div(log_softmax(logits / temperature, dim=1), targets, reduction="batchmean") * temperature**2


def _batches(samples: int, batch: int, random_seed: int) -> Iterator[Tensor]:
    epoch = 0
    while True:
        yield from batches_of_epoch(samples, batch, random_seed, PURPOSE, epoch)
        epoch += 1


def _agreement(seed: nn.Module, teacher_logits: Tensor, reference: Tensor, plan: Distillation) -> float:
    logits = logits_of(seed, reference)
    if not math.isfinite(float(logits.sum())):
        raise ConfigurationError(f"distilling the seed diverged; set a learning rate below {plan.learning_rate}")
    return float((logits.argmax(1) == teacher_logits.argmax(1)).double().mean())
