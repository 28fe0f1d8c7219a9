"""Sharded, isolated, sliced, aggregated training (SISA), so that forgetting some samples repeats only a part of it.

Source: Bourtoule et al. 2021 (arXiv 1912.03817). Each shard has a model of its own, which learns on the shard's first
slice, then on the first two, and so on; its state after each is kept. The mean of the models' probabilities predicts.
Of e epochs, 2e/(R+1) go to each of R slices, so that as many samples are seen as without (section IV).

Rules
1. The state after a slice is a function of the samples in it and before it, and of what decides the bits of the job: it
   is used again exactly if the hash of all that is still the same. So a model from kept states is, to the bit, the one
   that learning from the start would give.
2. Held-out samples belong to shards and slices as training samples do: early stopping sees those up to its slice (or,
   where there are none yet, the training samples), so that a forgotten one reaches no further than any other.
3. A slice without training samples is passed over, and so is a shard with fewer than two.
4. One shard of one slice is the plain training, to the bit, and keeps no states.
"""

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import log_softmax

from hdus_peer.durable import remove_durably, write_durably
from hdus_peer.errors import ConfigurationError
from hdus_peer.learning.data import SAMPLES_MIN, Part, PeerData, fingerprint_of
from hdus_peer.learning.main_model import build_main, identity
from hdus_peer.learning.pipeline import Portion, examples, train_main, train_portion
from hdus_peer.learning.places import Places
from hdus_peer.learning.progress import Progress
from hdus_peer.learning.slices import shards_of, slices_of, state_file
from hdus_peer.learning.tensors import copy_into, pack_tensors, unpack_file
from hdus_peer.learning.trainer import logits_of
from hdus_peer.workers.job import Schedule, TrainingJob

STATE_FORMAT = 1  # raised whenever this file would learn another state from the same samples


@dataclass(frozen=True, slots=True)
class Learned:
    """A main model, the epochs that went into it, and its accuracy (0..1) on the held-out samples."""

    model: nn.Module
    epochs: int
    holdout_accuracy: float


class MeanOfModels(nn.Module):
    """From samples to the logarithm of the mean of the members' probabilities, which serves as logits."""

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, x: Tensor) -> Tensor:
        logs = torch.stack([log_softmax(member(x), dim=1) for member in self.members])
        highest = logs.amax(dim=0)
        return (logs - highest).exp().mean(dim=0).log() + highest


@dataclass(frozen=True, slots=True)
class State:
    """A shard's model after a slice."""

    tensors: Mapping[str, Tensor]
    epochs: int


def learn_main(job: TrainingJob, data: PeerData, device: torch.device, places: Places, progress: Progress) -> Learned:
    """The main model, resumed from whatever is kept of it. Raises LocalError, or Interrupted."""
    if job.shards == job.slices == 1:
        training = train_main(job, data, device, places, progress)
        return Learned(training.model, training.position.epoch, training.position.best_accuracy)
    if job.shards > len(data.train):
        raise _too_many(job, data)
    progress.begin("main", f"{job.main}, {len(data.train)} samples in {job.shards} shards")
    school = _Shards(job, data, device, places, progress)
    states = [state for shard in range(job.shards) if (state := school.learn(shard)) is not None]
    if not states:
        raise _too_many(job, data)
    model = _aggregate(job, states).to(device)
    holdout = examples(data.holdout, device)
    accuracy = float((logits_of(model, holdout.x).argmax(1) == holdout.y).double().mean())
    return Learned(model, sum(state.epochs for state in states), accuracy)


class _Divided:
    """A part of the data, of which each sample's shard and slice are known."""

    def __init__(self, job: TrainingJob, part: Part) -> None:
        self._part = part
        self._shards, self._slices = shards_of(job, part.digests), slices_of(job, part.digests)

    def count(self, shard: int, number: int) -> int:
        return len(self._places(shard, number))

    def known(self, shard: int, number: int) -> Part:
        """What lies in the shard's slices up to `number`."""
        places, part = self._places(shard, number), self._part
        return Part(part.x[places], part.y[places], [part.digests[place] for place in places.tolist()])

    def _places(self, shard: int, number: int) -> NDArray[np.intp]:
        return np.flatnonzero((self._shards == shard) & (self._slices <= number))


class _Shards:
    """Learns one shard after another."""

    def __init__(
        self, job: TrainingJob, data: PeerData, device: torch.device, places: Places, progress: Progress
    ) -> None:
        self._job, self._device, self._places, self._progress = job, device, places, progress
        self._train, self._holdout = _Divided(job, data.train), _Divided(job, data.holdout)
        self._schedule = _schedule_of_slice(job)
        self._identity = identity(job.main, build_main(job.main, job.task))

    def learn(self, shard: int) -> State | None:
        """The state after the shard's last slice; None where it has too few samples."""
        state, todo = None, []
        for number in reversed(list(self._numbers(shard))):
            state = self._kept(shard, number)
            if state is not None:
                break
            todo.append(number)
        for number in reversed(todo):
            state = self._learn_slice(shard, number, state)
        return state

    def _numbers(self, shard: int) -> Iterator[int]:
        """The slices after which there is something to learn."""
        learned = 0
        for number in range(self._job.slices):
            known = self._train.count(shard, number)
            if known >= SAMPLES_MIN and known > learned:
                learned = known
                yield number

    def _kept(self, shard: int, number: int) -> State | None:
        found = unpack_file(str(state_file(self._job, self._places, shard, number)))
        if found is None or found[1].get("key") != self._key(shard, number):
            return None
        return State(found[0], int(found[1]["epochs"]))

    def _learn_slice(self, shard: int, number: int, before: State | None) -> State | None:
        """Read back from what was written, so that it makes no difference whether it was learned now or earlier."""
        train, holdout = self._train.known(shard, number), self._holdout.known(shard, number)
        portion = Portion(
            train=train,
            holdout=holdout if len(holdout) else train,
            samples_sha256=fingerprint_of(train, holdout),
            random_seed=random_seed_of(self._job, shard, number),
            schedule=self._schedule,
            name=f"shard {shard + 1}, slice {number + 1}",
            start=before.tensors if before else None,
            place=(shard * self._job.slices + number, self._job.shards * self._job.slices),
        )
        training = train_portion(self._job, portion, self._device, self._places, self._progress)
        epochs = training.position.epoch + (before.epochs if before else 0)
        said = {"key": self._key(shard, number), "epochs": str(epochs)}
        path = state_file(self._job, self._places, shard, number)
        write_durably(path, pack_tensors(training.model.state_dict(), said))
        remove_durably(self._places.checkpoint)
        return self._kept(shard, number)

    def _key(self, shard: int, number: int) -> str:
        job = self._job
        bits = {
            "format": STATE_FORMAT,
            "task": job.task.fingerprint,
            "model": self._identity,
            "random_seed": random_seed_of(job, shard, number),
            "first_random_seed": job.random_seed,
            "threads": job.threads,
            "device": str(self._device),
            "schedule": dataclasses.asdict(self._schedule),
            "place": [shard, number, job.shards, job.slices],
            "samples": fingerprint_of(self._train.known(shard, number), self._holdout.known(shard, number)),
        }
        return hashlib.sha256(json.dumps(bits, sort_keys=True).encode()).hexdigest()


def random_seed_of(job: TrainingJob, shard: int, number: int) -> int:
    """Of one slice's training (0..2^32 - 1); the first one's is the job's."""
    if shard == number == 0:
        return job.random_seed
    digest = hashlib.sha256(f"{job.random_seed} {shard} {number}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


def _schedule_of_slice(job: TrainingJob) -> Schedule:
    epochs = math.ceil(2 * job.schedule.epochs_max / (job.slices + 1))
    return replace(job.schedule, epochs_max=epochs, patience=min(job.schedule.patience, epochs))


def _aggregate(job: TrainingJob, states: Sequence[State]) -> nn.Module:
    models = []
    for state in states:
        model = build_main(job.main, job.task)
        copy_into(model.state_dict(), state.tensors)
        models.append(model)
    return models[0] if len(models) == 1 else MeanOfModels(models)


def _too_many(job: TrainingJob, data: PeerData) -> ConfigurationError:
    return ConfigurationError(
        f"train.shards = {job.shards} divide your {len(data.train)} training samples too finely: each shard needs two "
        "or more; set fewer shards"
    )
