"""HDUS: own main models, seeds distilled on the reference set and held by the others, an ensemble, and eviction.

Rules
1. Trainer, distiller, combination rules and the choice of their weights are the product's (`lessons`, `answers`).
2. What a peer answers is a function of its main model, of the seeds it holds now and of its own samples; nothing
   is remembered from one answer to the next but the members' own logits.
3. A leaver's seed, and what it answered, is dropped from every repository. A rejoining peer's models are its own: they
   never left it.
"""

from collections.abc import Sequence

from hdus_peer.domain.combination import Combination
from hdus_peer.inference.session import Floats
from hdus_peer.study.answers import Weighing, answer, weigh
from hdus_peer.study.lessons import School
from hdus_peer.study.members import Member
from hdus_peer.study.stopwatch import Stopwatch
from hdus_peer.study.systems.port import Cost, Watch


class Peers:
    """Who is there: main models, and the seeds, each of which everybody else holds."""

    def __init__(self, school: School, mains: Sequence[str], temperature: float) -> None:
        self.school, self._mains, self._temperature = school, mains, temperature
        self.main: dict[int, Member] = {}
        self._seed: dict[int, Member] = {}

    def held(self, peer: int) -> list[Member]:
        """The repository of `peer`, in the order of the seeds' owners."""
        return [seed for owner, seed in sorted(self._seed.items()) if owner != peer]

    def enter(self, peer: int) -> Cost:
        """Learn, give the seed to all who are there, and take theirs."""
        main = self.school.main(peer, self._mains[peer])
        seed = self.school.seed(peer, self._mains[peer], self._temperature)
        taken = sum(each.size_bytes for each in self._seed.values())
        given = len(self._seed) * seed.member.size_bytes
        self.main[peer], self._seed[peer] = main.member, seed.member
        return Cost(main.seconds + seed.seconds, given + taken)

    def replace(self, peer: int) -> Cost:
        """Learn anew; the new seed takes the old one's place everywhere."""
        self.evict(peer)
        cost = self.enter(peer)
        return Cost(cost.seconds, (len(self._seed) - 1) * self._seed[peer].size_bytes)

    def evict(self, peer: int) -> None:
        """Nothing of it stays with anybody."""
        del self.main[peer], self._seed[peer]


class Hdus:
    """Implements `port.Forgetful`, with one way to combine. Several of them may look at the same `peers`."""

    def __init__(self, peers: Peers, combination: Combination) -> None:
        self._peers, self._combination = peers, combination

    @property
    def present(self) -> Sequence[int]:
        return tuple(sorted(self._peers.main))

    def fit(self) -> Cost:
        return total([self._peers.enter(peer) for peer in self._peers.school.plan_peers])

    def predict(self, peer: int, x: Floats) -> Floats:
        main, seeds = self._peers.main[peer], self._peers.held(peer)
        return answer(main, seeds, x, self._combination.rule, self.weighing(peer))

    def weighing(self, peer: int) -> Weighing:
        """What the seeds that `peer` holds now weigh."""
        main, seeds = self._peers.main[peer], self._peers.held(peer)
        return weigh(main, seeds, self._combination, self._peers.school.data[peer])

    def unlearn(self, peer: int, watch: Watch) -> Cost:
        clock = Stopwatch()
        self._peers.evict(peer)
        for other in self.present:
            self.weighing(other)  # what the product computes anew with its graph
        return Cost(clock.seconds)

    def join(self, peer: int) -> Cost:
        """Back with the models that it kept: only seeds move."""
        return Cost(0.0, self._peers.enter(peer).moved_bytes)

    def forget(self, peer: int, samples: Sequence[int]) -> Cost:
        """A new main model without them, and a new seed from it."""
        self._peers.school.forget(peer, samples)
        return self._peers.replace(peer)


def total(costs: Sequence[Cost]) -> Cost:
    return Cost(sum(cost.seconds for cost in costs), sum(cost.moved_bytes for cost in costs))
