"""What every system of a study can do.

Rules
1. Peers are numbers. A system begins with all of its setting; `unlearn` and `join` change who is present.
2. A cost is what the system had to do, not what the study does to measure it: a `watch` is called with the clock
   stopped. Bytes are those of models on their way between peers; notices and receipts (hundreds of bytes) are not
   counted for anybody.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from hdus_peer.inference.session import Floats

Watch = Callable[[str], None]
"""Called when the system answers differently than before, on its way to what was asked; with a word for where it is."""


@dataclass(frozen=True, slots=True)
class Cost:
    """`seconds`: of one machine doing every peer's part, one after the other; `moved_bytes`: models between peers."""

    seconds: float
    moved_bytes: int = 0


@runtime_checkable
class System(Protocol):
    """One way of learning among peers."""

    @property
    def present(self) -> Sequence[int]:
        """The peers that take part, in order."""

    def fit(self) -> Cost:
        """Learn with all peers."""

    def predict(self, peer: int, x: Floats) -> Floats:
        """What `peer` answers to normalised samples (n, *shape): logits or log-probabilities (n, classes)."""

    def unlearn(self, peer: int, watch: Watch) -> Cost:
        """`peer` leaves, and its influence is to be removed."""

    def join(self, peer: int) -> Cost:
        """`peer`, who had left, is back."""


@runtime_checkable
class Forgetful(System, Protocol):
    """A system that can forget some samples of a peer that stays."""

    def forget(self, peer: int, samples: Sequence[int]) -> Cost:
        """Remove the influence of these training samples (positions) of `peer`."""


def unwatched(stage: str) -> None:
    """A watch that looks away."""
