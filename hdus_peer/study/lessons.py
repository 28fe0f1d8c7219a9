"""Main models and seeds as the trainer child makes them: the same stages (`learning.sisa`, `learning.pipeline`), in a
process of the study.

Rules
1. A model is trained once for all cells that need it. It is a function of its job, whose fingerprint is its name on
   disk; a killed run goes on from its checkpoint.
2. With each model stands how long it took, so that a cell that found it still reports its cost.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from hdus_peer.durable import remove_durably, write_durably
from hdus_peer.learning.architectures import build
from hdus_peer.learning.data import Part, PeerData, fingerprint_of
from hdus_peer.learning.device import prepare
from hdus_peer.learning.main_model import build_main
from hdus_peer.learning.pipeline import distil_seed
from hdus_peer.learning.places import Places
from hdus_peer.learning.progress import Progress
from hdus_peer.learning.sisa import learn_main
from hdus_peer.learning.tensors import copy_into, pack_tensors, unpack_file
from hdus_peer.study.members import Member
from hdus_peer.study.setting import Place, Setting
from hdus_peer.study.stopwatch import Stopwatch
from hdus_peer.workers.job import TrainingJob

TOOK_S = "seconds"


@dataclass(frozen=True, slots=True)
class Lesson:
    """A trained model and how long it took."""

    member: Member
    seconds: float


class School:
    """Trains, or finds, the models of one setting. `data`: by peer; what is forgotten is taken out of it for good."""

    def __init__(self, setting: Setting, place: Place) -> None:
        self.setting, self.place = setting, place
        self.data: list[PeerData] = list(setting.data(place))
        self.device = prepare(setting.plan.threads, place.device)

    @property
    def plan_peers(self) -> range:
        return range(self.setting.plan.peers)

    def job(self, peer: int, main: str, temperature: float = 1.0) -> TrainingJob:
        return self.setting.job(peer, main, self.place, temperature)

    def main(self, peer: int, main: str, slices: int = 1) -> Lesson:
        """The main model of `peer`, learned in `slices` of its samples. Raises LocalError."""
        job = replace(self.job(peer, main), slices=slices)

        def learn(places: Places) -> nn.Module:
            return learn_main(job, self.data[peer], self.device, places, _unheard()).model

        return self._found_or("main", job, peer, lambda: build_main(main, job.task), learn)

    def seed(self, peer: int, main: str, temperature: float) -> Lesson:
        """Its seed, distilled from `main`. Raises LocalError."""
        teacher = self.main(peer, main).member.model
        job = self.job(peer, main, temperature)

        def learn(places: Places) -> nn.Module:
            return distil_seed(job, self.data[peer], teacher, _unheard())[0]

        return self._found_or("seed", job, peer, lambda: self.new(job.seed), learn)

    def new(self, architecture: str) -> nn.Module:
        """An untrained model, from torch's global generator."""
        task = self.job(0, architecture).task
        return build(architecture, task.shape, len(task.classes))

    def forget(self, peer: int, samples: Sequence[int]) -> None:
        """Take these training samples (positions) out of the peer's data."""
        self.data[peer] = without(self.data[peer], samples)

    def _found_or(
        self,
        role: str,
        job: TrainingJob,
        peer: int,
        empty: Callable[[], nn.Module],
        learn: Callable[[Places], nn.Module],
    ) -> Lesson:
        data, places = self.data[peer], Places(self.place.models / _folder(role, job, self.data[peer]))
        file = places.directory / f"{data.own_sha256}.safetensors"
        found = unpack_file(str(file))
        if found is not None:
            model = empty().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            copy_into(model.state_dict(), found[0])
            return Lesson(Member(model), float(found[1][TOOK_S]))
        clock = Stopwatch()
        model = learn(places)
        took_s = clock.seconds
        write_durably(file, pack_tensors(model.state_dict(), {TOOK_S: repr(took_s)}))
        remove_durably(places.checkpoint)
        return Lesson(Member(model), took_s)


def without(data: PeerData, samples: Sequence[int]) -> PeerData:
    """The same data without these training samples (positions)."""
    kept = np.setdiff1d(np.arange(len(data.train)), np.asarray(samples, dtype=np.int64))
    digests = [data.train.digests[place] for place in kept.tolist()]
    train = Part(data.train.x[kept], data.train.y[kept], digests)
    return replace(data, train=train, own_sha256=fingerprint_of(train, data.holdout))


def _folder(role: str, job: TrainingJob, data: PeerData) -> str:
    """Of the job, without what this model does not depend on; in it, a file for each state of the peer's own samples
    (and what is kept of slices, which outlives a forgetting)."""
    plain = replace(job, directory=Path(), data="", reference="", seed=job.seed if role == "seed" else "")
    if role == "main":
        plain = replace(plain, distillation=replace(job.distillation, temperature=0.0, steps=0, batch=0))
    said = f"{role} {plain.fingerprint} {data.reference_sha256}"
    return f"{role}-{hashlib.sha256(said.encode()).hexdigest()[:32]}"


def _unheard() -> Progress:
    """A unit of a study is over in minutes; the runner tells of whole units."""
    return Progress(lambda fields: None)
