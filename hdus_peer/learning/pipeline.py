"""The stages of learning: main model, seed, export. Each can be run again, to the same bits.

Rules
1. A resumed job differs from an uninterrupted one in no bit: models start from the job's random seed at each stage, and
   the main model goes on from its checkpoint.
2. Arrays are copied into torch's own memory, whose alignment is always the same: matrix products may differ by it.
3. What can end a job is found out before its long part: the main model is tried, every template exported.
4. Old results are disowned (note and outbox) before the first file is replaced, the new ones owned after the last.
"""

import io
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hdus_peer.durable import remove_durably, write_durably
from hdus_peer.learning import outbox
from hdus_peer.learning.architectures import build, parameter_count
from hdus_peer.learning.checkpoints import Checkpoints
from hdus_peer.learning.data import Part, PeerData
from hdus_peer.learning.device import prepare
from hdus_peer.learning.distiller import distil
from hdus_peer.learning.export import export, templates
from hdus_peer.learning.main_model import build_main, identity, try_main
from hdus_peer.learning.places import Finished, Places, forget, remember
from hdus_peer.learning.progress import Interrupted, Progress
from hdus_peer.learning.tensors import exchanged, pack_tensors, schema_of
from hdus_peer.learning.trainer import Examples, Training, logits_of, train
from hdus_peer.workers.job import TrainingJob


def learn(job: TrainingJob, data: PeerData, places: Places, progress: Progress) -> Finished:
    """Run (or resume) every stage over `data`. Raises LocalError, or Interrupted."""
    progress.raise_if_interrupted()
    device = prepare(job.threads, job.device)
    try_main(job.main, job.task, job.schedule, device)
    exported = templates(job.task, places.templates)
    training = train_main(job, data, device, places, progress)
    seed, agreement = distil_seed(job, data, training.model, progress)
    progress.begin("export")
    forget(places)
    outbox.empty(places)
    write_durably(places.main, export(training.model, job.task.shape))
    write_durably(places.seed, pack_tensors(exchanged(seed)))
    write_durably(places.evaluation, _evaluation(data))
    finished = Finished(
        fingerprint=job.fingerprint,
        architecture=job.seed,
        schema_sha256=schema_of(seed),
        reference=data.reference_sha256,
        templates={name: path.name for name, path in exported.items()},
        summary=_summary(job, data, training, seed, device) | {"seed_agreement": round(agreement, 4)},
    )
    remember(places, finished)
    remove_durably(places.checkpoint)
    return finished


def train_main(job: TrainingJob, data: PeerData, device: torch.device, places: Places, progress: Progress) -> Training:
    """The finished training of the main model, resumed where a checkpoint of it is found."""
    schedule = job.schedule
    progress.begin("main", f"{job.main}, {len(data.train)} samples")
    torch.manual_seed(job.random_seed)
    model = build_main(job.main, job.task).to(device)
    key = f"{job.fingerprint} {data.own_sha256} {identity(job.main, model)}"
    checkpoints = Checkpoints(places.checkpoint, key)
    training = Training.begin(model, schedule, job.random_seed)
    checkpoints.restore(training)
    position = training.position

    def after_step() -> None:
        if progress.is_interrupted:
            checkpoints.save(training)
            raise Interrupted
        checkpoints.save_if_due(training)
        progress.advance(
            position.epoch / schedule.epochs_max,
            lambda: f"epoch {position.epoch + 1} of {schedule.epochs_max}, held-out {position.best_accuracy:.1%}",
        )

    train(training, examples(data.train, device), examples(data.holdout, device), schedule, after_step)
    checkpoints.save(training)
    return training


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


def _evaluation(data: PeerData) -> bytes:
    parts = {"local": data.local_test, "global": data.global_test, "holdout": data.holdout}
    arrays: dict[str, Any] = {f"x_{name}": part.x for name, part in parts.items()}
    arrays |= {f"y_{name}": part.y for name, part in parts.items()}
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _summary(
    job: TrainingJob, data: PeerData, training: Training, seed: nn.Module, device: torch.device
) -> dict[str, str | int | float]:
    return {
        "main": job.main,
        "main_parameters": parameter_count(training.model),
        "seed_parameters": parameter_count(seed),
        "train_samples": len(data.train),
        "holdout_samples": len(data.holdout),
        "local_samples": len(data.local_test),
        "global_samples": len(data.global_test),
        "reference_samples": len(data.reference),
        "epochs": training.position.epoch,
        "holdout_accuracy": round(training.position.best_accuracy, 4),
        "device": device.type,
        "threads": job.threads,
        "cpu_s": round(time.process_time(), 2),
    }
