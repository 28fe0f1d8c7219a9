"""DSGD: decentralised SGD. After every step each model moves towards the mean of its neighbours' models.

Source: Lian et al. 2017 (arXiv 1705.09056), D-PSGD; the graph is complete. With w̄ the mean over the others,

    w ← (w + γ·w̄) / (1 + γ)

which conserves the mean over all peers (the mixing matrix is doubly stochastic). Running statistics are mixed as well.
The optimum of the mean loss is a fixed point of this with plain SGD; with Adam, whose steps forget how large a gradient
was, peers with different data settle elsewhere. Every model depends on every peer, so a leaver is unlearned by starting
again without it.
"""

from collections.abc import Sequence

import torch
from torch import nn

from hdus_peer.inference.session import Floats
from hdus_peer.learning.tensors import copy_into
from hdus_peer.study.lessons import School
from hdus_peer.study.members import Member, mean_state, model_bytes
from hdus_peer.study.plan import DsgdSection
from hdus_peer.study.pupil import DONE_OF_NEWCOMER, Pupil
from hdus_peer.study.stopwatch import Stopwatch
from hdus_peer.study.systems.port import Cost, Watch


class Dsgd:
    """Implements `port.System`. `main`: the architecture of all."""

    def __init__(self, school: School, main: str, plan: DsgdSection) -> None:
        self._school, self._main, self._plan = school, main, plan
        self._pupils: dict[int, Pupil] = {}
        self._members: dict[int, Member] = {}

    @property
    def present(self) -> Sequence[int]:
        return tuple(sorted(self._pupils))

    def fit(self) -> Cost:
        return self._begin(tuple(self._school.plan_peers))

    def predict(self, peer: int, x: Floats) -> Floats:
        return self._members[peer].logits(x)

    def unlearn(self, peer: int, watch: Watch) -> Cost:
        return self._begin(tuple(each for each in self.present if each != peer))

    def join(self, peer: int) -> Cost:
        """It begins where the others are, and all go on together for a while."""
        newcomer = Pupil(self._school, peer, self._main, self._plan)
        others = [pupil.model.state_dict() for pupil in self._pupils.values()]
        copy_into(newcomer.model.state_dict(), mean_state(others))
        self._pupils[peer] = newcomer
        steps = self._plan.join_epochs * self._steps_per_epoch()
        return self._learn([DONE_OF_NEWCOMER] * steps)

    def _begin(self, peers: Sequence[int]) -> Cost:
        self._pupils = {peer: Pupil(self._school, peer, self._main, self._plan) for peer in peers}
        steps = self._school.setting.plan.schedule_of_main().epochs_max * self._steps_per_epoch()
        return self._learn([step / steps for step in range(steps)])

    def _steps_per_epoch(self) -> int:
        """Of the peer with the most samples; the others go round again meanwhile."""
        return max(pupil.steps_per_epoch for pupil in self._pupils.values())

    def _learn(self, schedule: Sequence[float]) -> Cost:
        """A step for each place in the schedule."""
        clock, pupils = Stopwatch(), list(self._pupils.values())
        for done in schedule:
            for pupil in pupils:
                pupil.step(done)
            mix([pupil.model for pupil in pupils], self._plan.gamma)
        self._members = {peer: Member(pupil.model) for peer, pupil in self._pupils.items()}
        links = len(pupils) * (len(pupils) - 1)
        return Cost(clock.seconds, len(schedule) * links * model_bytes(pupils[0].model))


@torch.no_grad()
def mix(models: Sequence[nn.Module], gamma: float) -> None:
    """One exchange of everybody with everybody, in place."""
    if len(models) < 2:
        return
    for values in zip(*(model.state_dict().values() for model in models), strict=True):
        if values[0].is_floating_point():
            total = torch.stack(values).sum(0)
            for value in values:
                value.add_((total - value) / (len(models) - 1), alpha=gamma).div_(1.0 + gamma)
