"""The training run on disk: one safetensors file with everything that a resumed run needs, and its position as JSON in
the file's header. Replaced atomically; used only for the same job over the same samples.

Rule: how often a checkpoint is written is a matter of time and changes no bit; about 3 % of the time goes into it.
"""

import dataclasses
import json
import time
from pathlib import Path

import torch
from torch import Tensor

from hdus_peer.durable import write_durably
from hdus_peer.learning.tensors import copy_into, pack_tensors, unpack_file
from hdus_peer.learning.trainer import Position, Training

PAUSE_MIN_S = 1.0
PAUSE_PER_COST = 30


class Checkpoints:
    """`key` names job, samples and model: a file under another key is of another run, and is left to be overwritten."""

    def __init__(self, path: Path, key: str, pause_min_s: float = PAUSE_MIN_S) -> None:
        self._path = path
        self._key = key
        self._pause_min_s = pause_min_s
        self._due_s = time.monotonic() + pause_min_s

    def save_if_due(self, training: Training) -> None:
        """Save, unless the last time is too recent for what it cost."""
        if time.monotonic() >= self._due_s:
            self.save(training)

    def save(self, training: Training) -> None:
        """Make the run as it stands durable. Raises StorageError."""
        start_s = time.monotonic()
        position = json.dumps(dataclasses.asdict(training.position))
        write_durably(self._path, pack_tensors(_tensors(training), {"key": self._key, "position": position}))
        end_s = time.monotonic()
        self._due_s = end_s + max(self._pause_min_s, PAUSE_PER_COST * (end_s - start_s))

    def restore(self, training: Training) -> bool:
        """Bring a run at its start to where the file stands; False (and nothing done) if there is none of this run."""
        found = unpack_file(str(self._path))
        if found is None or found[1].get("key") != self._key:
            return False
        tensors, metadata = found
        copy_into(_tensors(training), tensors)
        torch.set_rng_state(tensors["rng"])
        training.position = Position(**json.loads(metadata["position"]))
        return True


def _tensors(training: Training) -> dict[str, Tensor]:
    tensors = {f"model.{name}": value for name, value in training.model.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in training.best.items()}
    for name, parameter in training.model.named_parameters():
        tensors |= {f"adam.{name}.{key}": value for key, value in training.optimizer.state[parameter].items()}
    tensors["rng"] = torch.get_rng_state()
    return tensors
