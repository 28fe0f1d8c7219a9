"""SISA-A: every peer shares its *full* main model, and the logits of all are averaged.

Source: Bourtoule et al. 2021 (arXiv 1912.03817): shards learn in isolation, each in slices with a checkpoint before
each slice; to unlearn samples, their shard is learned again from the slice on that first held one of them. A peer is a
shard here, its slices are the product's own (`learning.sisa`); with one slice the models are the main models of HDUS,
to the bit.
"""

from collections.abc import Sequence

from hdus_peer.inference.session import Floats
from hdus_peer.study.lessons import Lesson, School
from hdus_peer.study.members import mean_logits
from hdus_peer.study.stopwatch import Stopwatch
from hdus_peer.study.systems.port import Cost, Watch


class SisaA:
    """Implements `port.Forgetful`. `mains`: the architecture of each peer; `slices` of its samples."""

    def __init__(self, school: School, mains: Sequence[str], slices: int = 1) -> None:
        self._school, self._mains, self._slices = school, mains, slices
        self._shared: dict[int, Lesson] = {}
        self._kept: dict[int, Lesson] = {}

    @property
    def present(self) -> Sequence[int]:
        return tuple(sorted(self._shared))

    def fit(self) -> Cost:
        self._kept = {peer: self._learn(peer) for peer in self._school.plan_peers}
        moved = sum(self.join(peer).moved_bytes for peer in self._kept)
        return Cost(sum(lesson.seconds for lesson in self._kept.values()), moved)

    def predict(self, peer: int, x: Floats) -> Floats:
        return mean_logits([self._shared[each].member for each in self.present], x)

    def unlearn(self, peer: int, watch: Watch) -> Cost:
        clock = Stopwatch()
        del self._shared[peer]
        return Cost(clock.seconds)

    def join(self, peer: int) -> Cost:
        """Back with the model that it kept: it goes to the others, and theirs come."""
        others = [lesson.member.size_bytes for lesson in self._shared.values()]
        self._shared[peer] = self._kept[peer]
        return Cost(0.0, len(others) * self._kept[peer].member.size_bytes + sum(others))

    def forget(self, peer: int, samples: Sequence[int]) -> Cost:
        """Only what was learned from the first slice on that held one of them is learned again."""
        self._school.forget(peer, samples)
        lesson = self._learn(peer)
        self._kept[peer] = self._shared[peer] = lesson
        return Cost(lesson.seconds, (len(self._shared) - 1) * lesson.member.size_bytes)

    def _learn(self, peer: int) -> Lesson:
        return self._school.main(peer, self._mains[peer], self._slices)
