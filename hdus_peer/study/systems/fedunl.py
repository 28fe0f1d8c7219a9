"""FedUnl: federated averaging, from which a leaver's updates are subtracted, and the damage repaired by distillation.

Sources: McMahan et al. 2017 (FedAvg; here with equal weights 1/N, as in) Wu, Zhu, Mitra 2022 (arXiv 2201.09441): the
server keeps each peer's updates; unlearning subtracts their sum from the global model, which is then distilled from the
model of before, on the reference set.
Rules
1. What was recorded of a peer is exactly what it moved the global model by: the weight 1/N of its round included.
2. Only parameters are subtracted: running statistics of batch normalisation are no updates (subtracting them makes
   variances negative, and the model answer NaN).
3. A peer's optimiser stays with it from round to round. One peer alone therefore trains as if there were no server.
The repair learns from a teacher that knew the leaver: that is this method, and why it is not exact.
"""

import copy
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hdus_peer.inference.session import Floats
from hdus_peer.learning.distiller import distil
from hdus_peer.learning.tensors import copy_into
from hdus_peer.learning.trainer import logits_of
from hdus_peer.study.lessons import School
from hdus_peer.study.members import Member, mean_state, model_bytes
from hdus_peer.study.plan import FedUnlSection
from hdus_peer.study.pupil import Pupil
from hdus_peer.study.stopwatch import Stopwatch
from hdus_peer.study.systems.port import Cost, Watch

WATCHED_REPAIRS = 4  # how often an unlearning is looked at while it repairs


class FedUnl:
    """Implements `port.System`. `main`: the architecture of all; `plan`: rounds and repair."""

    def __init__(self, school: School, main: str, plan: FedUnlSection) -> None:
        self._school, self._plan = school, plan
        self._pupils = {peer: Pupil(school, peer, main, plan) for peer in school.plan_peers}
        self.model = copy.deepcopy(self._pupils[0].model)
        self.recorded = {peer: _zeros(self.model) for peer in self._pupils}
        self._present, self._member = list(self._pupils), Member(self.model)

    @property
    def present(self) -> Sequence[int]:
        return tuple(self._present)

    def fit(self) -> Cost:
        epochs, local = self._school.setting.plan.schedule_of_main().epochs_max, self._plan.local_epochs
        return self._rounds([min(local, epochs - done) for done in range(0, epochs, local)])

    def predict(self, peer: int, x: Floats) -> Floats:
        return self._member.logits(x)

    def unlearn(self, peer: int, watch: Watch) -> Cost:
        clock, reference = Stopwatch(), torch.tensor(self._school.data[0].reference, device=self._school.device)
        teacher = logits_of(self.model, reference)
        self.subtract(peer)
        repair = self._school.setting.plan.repair(self._plan)
        look_every = math.ceil(repair.steps / WATCHED_REPAIRS)

        def look(step: int) -> None:
            if step % look_every == 0 and step < repair.steps:
                with clock.stopped():
                    self._changed()
                    watch(f"repaired {step}/{repair.steps}")

        with clock.stopped():
            watch("subtracted")
        distil(self.model, teacher, reference, repair, self._school.setting.random_seed, look)
        self._changed()
        return Cost(clock.seconds, len(self._present) * model_bytes(self.model))

    def join(self, peer: int) -> Cost:
        """It takes part in a few more rounds."""
        self._present = sorted({*self._present, peer})
        return self._rounds([self._plan.local_epochs] * self._plan.join_rounds)

    def subtract(self, peer: int) -> None:
        """The peer is gone, and the global model without its recorded updates."""
        self._present.remove(peer)
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                parameter.sub_(self.recorded[peer][name])
        self.recorded[peer] = _zeros(self.model)
        self._changed()

    def _rounds(self, local_epochs: Sequence[int]) -> Cost:
        clock = Stopwatch()
        for epochs in local_epochs:
            self._round(epochs)
        return Cost(clock.seconds, 2 * len(local_epochs) * len(self._present) * model_bytes(self.model))

    @torch.no_grad()
    def _round(self, epochs: int) -> None:
        """Everybody learns from the global model on; their mean is the next."""
        start = {name: value.clone() for name, value in self.model.state_dict().items()}
        states = [self._learned(peer, start, epochs) for peer in self._present]
        parameters, share = dict(self.model.named_parameters()), 1.0 / len(self._present)
        for peer, state in zip(self._present, states, strict=True):
            for name in parameters:
                self.recorded[peer][name] += share * (state[name] - start[name])
        copy_into(self.model.state_dict(), mean_state(states))
        self._changed()

    @torch.enable_grad()
    def _learned(self, peer: int, start: dict[str, Tensor], epochs: int) -> dict[str, Tensor]:
        pupil = self._pupils[peer]
        copy_into(pupil.model.state_dict(), start)
        for _ in range(epochs):
            pupil.epoch()
        return {name: value.clone() for name, value in pupil.model.state_dict().items()}

    def _changed(self) -> None:
        """What the model answered is of the past."""
        self._member = Member(self.model)


def _zeros(model: nn.Module) -> dict[str, Tensor]:
    return {name: torch.zeros_like(value) for name, value in model.named_parameters()}
