"""The stages of learning: a main model, the seed. Each can be run again, to the same bits.

Rules
1. A resumed stage differs from an uninterrupted one in no bit: models start from a random seed that is the job's, and a
   main model goes on from its checkpoint.
2. Arrays are copied into torch's own memory, whose alignment is always the same: matrix products may differ by it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hdus_peer.learning.architectures import build
from hdus_peer.learning.checkpoints import Checkpoints
from hdus_peer.learning.data import Part, PeerData
from hdus_peer.learning.distiller import distil
from hdus_peer.learning.main_model import build_main, identity
from hdus_peer.learning.places import Places
from hdus_peer.learning.progress import Interrupted, Progress
from hdus_peer.learning.tensors import copy_into
from hdus_peer.learning.trainer import Examples, Training, logits_of, train
from hdus_peer.workers.job import Schedule, TrainingJob


@dataclass(frozen=True, slots=True)
class Portion:
    """What one training learns from, and how. `name`: which one of the job's it is, "" where there is only one;
    `start`: the state of the model before it, where it is not a new one; `place`: which part of the job's whole work it
    is, as (number, count)."""

    train: Part
    holdout: Part
    samples_sha256: str
    random_seed: int
    schedule: Schedule
    name: str = ""
    start: Mapping[str, Tensor] | None = None
    place: tuple[int, int] = (0, 1)


def train_main(job: TrainingJob, data: PeerData, device: torch.device, places: Places, progress: Progress) -> Training:
    """The finished training of one main model on everything, resumed where a checkpoint of it is found."""
    progress.begin("main", f"{job.main}, {len(data.train)} samples")
    portion = Portion(data.train, data.holdout, data.own_sha256, job.random_seed, job.schedule)
    return train_portion(job, portion, device, places, progress)


def train_portion(
    job: TrainingJob, portion: Portion, device: torch.device, places: Places, progress: Progress
) -> Training:
    """The finished training of a main model on `portion`, resumed where a checkpoint of it is found."""
    schedule = portion.schedule
    model = begun_model(job, portion, device)
    key = f"{job.fingerprint} {portion.samples_sha256} {identity(job.main, model)}"
    checkpoints = Checkpoints(places.checkpoint, f"{key} {portion.name}".rstrip())
    training = Training.begin(model, schedule, portion.random_seed)
    checkpoints.restore(training)
    position = training.position
    number, count = portion.place

    def after_step() -> None:
        if progress.is_interrupted:
            checkpoints.save(training)
            raise Interrupted
        checkpoints.save_if_due(training)
        progress.advance(
            (number + position.epoch / schedule.epochs_max) / count,
            lambda: (
                f"{portion.name} epoch {position.epoch + 1} of {schedule.epochs_max}, "
                f"held-out {position.best_accuracy:.1%}"
            ).lstrip(),
        )

    train(training, examples(portion.train, device), examples(portion.holdout, device), schedule, after_step)
    checkpoints.save(training)
    return training


def begun_model(job: TrainingJob, portion: Portion, device: torch.device) -> nn.Module:
    """The main model at the start of `portion`; torch's global generator then stands where it always does."""
    torch.manual_seed(portion.random_seed)
    model = build_main(job.main, job.task).to(device)
    if portion.start is not None:
        copy_into(model.state_dict(), portion.start)
    return model


def distil_seed(job: TrainingJob, data: PeerData, teacher: nn.Module, progress: Progress) -> tuple[nn.Module, float]:
    """The seed, and the share of the reference set on which it chooses its teacher's class."""
    plan = job.distillation
    progress.begin("distil", f"{job.seed}, {len(data.reference)} reference samples")
    device = next(teacher.parameters()).device
    reference = torch.tensor(data.reference, device=device)
    targets: Tensor = logits_of(teacher, reference)
    torch.manual_seed(job.random_seed)
    seed = build(job.seed, job.task.shape, len(job.task.classes)).to(device)

    def after_step(step: int) -> None:
        progress.raise_if_interrupted()
        progress.advance(step / plan.steps, lambda: f"step {step} of {plan.steps}")

    return seed, distil(seed, targets, reference, plan, job.random_seed, after_step)


def examples(part: Part, device: torch.device) -> Examples:
    """A part of the data on the device, in torch's own memory."""
    return Examples(torch.tensor(part.x, device=device), torch.tensor(part.y, device=device))
