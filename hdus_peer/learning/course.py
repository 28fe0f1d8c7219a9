"""The whole of learning: every stage in its order, and what it leaves behind.

Rules
1. What can end a job is found out before its long part: the main model is tried, every template exported.
2. Old results are disowned (note and outbox) before the first file is replaced, the new ones owned after the last.
"""

import io
import time
from typing import Any

import numpy as np
import torch
from torch import nn

from hdus_peer.durable import remove_durably, write_durably
from hdus_peer.learning import outbox
from hdus_peer.learning.architectures import parameter_count
from hdus_peer.learning.data import PeerData
from hdus_peer.learning.device import prepare
from hdus_peer.learning.export import export, templates
from hdus_peer.learning.main_model import try_main
from hdus_peer.learning.pipeline import distil_seed
from hdus_peer.learning.places import Finished, Places, forget, remember
from hdus_peer.learning.progress import Progress
from hdus_peer.learning.sisa import Learned, learn_main
from hdus_peer.learning.slices import remove_other_states
from hdus_peer.learning.tensors import exchanged, pack_tensors, schema_of
from hdus_peer.workers.job import TrainingJob


def learn(job: TrainingJob, data: PeerData, places: Places, progress: Progress) -> Finished:
    """Run (or resume) every stage over `data`. Raises LocalError, or Interrupted."""
    progress.raise_if_interrupted()
    device = prepare(job.threads, job.device)
    try_main(job.main, job.task, job.schedule, device)
    exported = templates(job.task, places.templates)
    learned = learn_main(job, data, device, places, progress)
    seed, agreement = distil_seed(job, data, learned.model, progress)
    progress.begin("export")
    forget(places)
    outbox.empty(places)
    write_durably(places.main, export(learned.model, job.task.shape))
    write_durably(places.seed, pack_tensors(exchanged(seed)))
    write_durably(places.evaluation, _evaluation(data, len(job.task.classes)))
    finished = Finished(
        fingerprint=job.fingerprint,
        architecture=job.seed,
        schema_sha256=schema_of(seed),
        reference=data.reference_sha256,
        templates={name: path.name for name, path in exported.items()},
        summary=_summary(job, data, learned, seed, device) | {"seed_agreement": round(agreement, 4)},
    )
    remember(places, finished)
    remove_durably(places.checkpoint)
    remove_other_states(job, places)
    return finished


def _evaluation(data: PeerData, classes: int) -> bytes:
    parts = {"local": data.local_test, "global": data.global_test, "holdout": data.holdout}
    arrays: dict[str, Any] = {f"x_{name}": part.x for name, part in parts.items()}
    arrays |= {f"y_{name}": part.y for name, part in parts.items()}
    arrays |= {"x_reference": data.shown_reference, "class_counts": data.class_counts(classes)}
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _summary(
    job: TrainingJob, data: PeerData, learned: Learned, seed: nn.Module, device: torch.device
) -> dict[str, str | int | float]:
    return {
        "main": job.main,
        "main_parameters": parameter_count(learned.model),
        "seed_parameters": parameter_count(seed),
        "train_samples": len(data.train),
        "holdout_samples": len(data.holdout),
        "local_samples": len(data.local_test),
        "global_samples": len(data.global_test),
        "reference_samples": len(data.reference),
        "epochs": learned.epochs,
        "holdout_accuracy": round(learned.holdout_accuracy, 4),
        "device": device.type,
        "threads": job.threads,
        "cpu_s": round(time.process_time(), 2),
    }
