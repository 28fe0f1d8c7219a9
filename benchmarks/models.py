"""Models of real size for the predictor: a main model and sealed seeds, as the trainer and neighbours would leave them.
Their weights are random: how good they are changes nothing of what is measured. Imports torch."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from hdus_peer.domain.identity import Identity
from hdus_peer.domain.sealed import KEY_BYTES, seal
from hdus_peer.domain.seed import SeedManifest
from hdus_peer.domain.task import Task
from hdus_peer.learning.architectures import build
from hdus_peer.learning.data import REFERENCE_SHOWN
from hdus_peer.learning.export import export, templates
from hdus_peer.learning.tensors import exchanged, pack_tensors, schema_of
from hdus_peer.workers.port import SealedSeed

TASK = Task("pictures", tuple("0123456789"), (1, 28, 28), 255.0, (0.1307,), (0.3081,), ("mobilenet-s",))
SEED = "mobilenet-s"
HELD_OUT = 256


@dataclass(frozen=True)
class Models:
    """`torch_main`, `torch_seeds`: the same models, to compute with directly."""

    main: Path
    templates: dict[str, Path]
    evaluation: Path
    seeds: list[SealedSeed]
    torch_main: nn.Module
    torch_seeds: list[nn.Module]


def make_models(directory: Path, main: str, seeds: int) -> Models:
    torch.manual_seed(0)
    torch_main = _model(main)
    torch_seeds = [_model(SEED) for _ in range(seeds)]
    path = directory / "main.onnx"
    path.write_bytes(export(torch_main, TASK.shape))
    evaluation = directory / "evaluation.npz"
    labels = np.arange(HELD_OUT, dtype=np.int64) % 10
    own = {"x_holdout": samples(HELD_OUT), "y_holdout": labels, "class_counts": np.bincount(labels)}
    np.savez(evaluation, x_reference=samples(REFERENCE_SHOWN), **own)
    sealed = [_sealed(directory, number, model) for number, model in enumerate(torch_seeds)]
    return Models(path, templates(TASK, directory), evaluation, sealed, torch_main, torch_seeds)


def samples(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(count).standard_normal((count, *TASK.shape), dtype=np.float32)


def _model(name: str) -> nn.Module:
    """With statistics of batch normalisation as after a training, not those of an untouched model."""
    model = build(name, TASK.shape, len(TASK.classes))
    with torch.no_grad():
        model(torch.from_numpy(samples(64)))
    return model.eval()


def _sealed(directory: Path, number: int, model: nn.Module) -> SealedSeed:
    owner, key = Identity.generate().peer_id, bytes([number + 1]) * KEY_BYTES
    sealed = seal(pack_tensors(exchanged(model)), key, owner, TASK.fingerprint)
    manifest = SeedManifest(
        owner=owner,
        generation=1,
        task=TASK.fingerprint,
        architecture=SEED,
        parameters=TASK.parameters,
        schema_sha256=schema_of(model),
        payload_sha256=hashlib.sha256(sealed).hexdigest(),
        payload_bytes=len(sealed),
        reference=TASK.fingerprint,
    )
    payload, key_file = directory / manifest.payload_sha256, directory / f"{number}.key"
    payload.write_bytes(sealed)
    key_file.write_bytes(key)
    return SealedSeed(manifest, payload, key_file)
