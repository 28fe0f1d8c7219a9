"""Models as members of an ensemble: what each answers to the samples of the study, computed once.

Rule: what a member answered is kept in it and goes with it: after an eviction nothing of it is left.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from hdus_peer.inference.session import Floats
from hdus_peer.learning.tensors import exchanged
from hdus_peer.learning.trainer import logits_of


class Member:
    """A trained model on its device."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self._answered: dict[int, tuple[Floats, Floats]] = {}

    @property
    def size_bytes(self) -> int:
        """Of the tensors that another peer would need."""
        return model_bytes(self.model)

    def logits(self, x: Floats) -> Floats:
        """Logits (n, classes) of normalised samples (n, *shape). The same array is asked of the model only once; it is
        kept, so that no other array can take its identity."""
        if id(x) not in self._answered:
            device = next(self.model.parameters()).device
            answer: Floats = logits_of(self.model, torch.tensor(x, device=device)).cpu().numpy()
            self._answered[id(x)] = (x, answer)
        return self._answered[id(x)][1]


def model_bytes(model: nn.Module) -> int:
    return sum(value.numel() * value.element_size() for value in exchanged(model).values())


def mean_logits(members: Sequence[Member], x: Floats) -> Floats:
    """The mean of the members' logits (n, classes), in their order."""
    total = members[0].logits(x).copy()
    for member in members[1:]:
        total += member.logits(x)
    return np.asarray(total / np.float32(len(members)), dtype=np.float32)


def mean_state(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of several models of one architecture, tensor by tensor; of counters, the first."""
    first = states[0]
    return {
        name: torch.stack([state[name] for state in states]).mean(0) if value.is_floating_point() else value
        for name, value in first.items()
    }
