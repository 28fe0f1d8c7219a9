"""ISGD: every peer trains by itself and shares nothing. What any exchange has to beat, and what unlearning costs least.

Rule: its models are the main models of HDUS, of the same training to the bit: the two differ by the exchange alone.
"""

from collections.abc import Sequence

from hdus_peer.inference.session import Floats
from hdus_peer.study.lessons import School
from hdus_peer.study.members import Member
from hdus_peer.study.systems.port import Cost, Watch


class Isgd:
    """Implements `port.Forgetful`. `mains`: the architecture of each peer."""

    def __init__(self, school: School, mains: Sequence[str]) -> None:
        self._school, self._mains = school, mains
        self._members: dict[int, Member] = {}
        self._present = list(range(len(mains)))

    @property
    def present(self) -> Sequence[int]:
        return tuple(self._present)

    def fit(self) -> Cost:
        lessons = {peer: self._school.main(peer, self._mains[peer]) for peer in self._present}
        self._members = {peer: lesson.member for peer, lesson in lessons.items()}
        return Cost(sum(lesson.seconds for lesson in lessons.values()))

    def predict(self, peer: int, x: Floats) -> Floats:
        return self._members[peer].logits(x)

    def unlearn(self, peer: int, watch: Watch) -> Cost:
        self._present.remove(peer)
        return Cost(0.0)

    def join(self, peer: int) -> Cost:
        self._present = sorted({*self._present, peer})
        return Cost(0.0)

    def forget(self, peer: int, samples: Sequence[int]) -> Cost:
        self._school.forget(peer, samples)
        lesson = self._school.main(peer, self._mains[peer])
        self._members[peer] = lesson.member
        return Cost(lesson.seconds)
