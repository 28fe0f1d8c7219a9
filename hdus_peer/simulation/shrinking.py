"""A plan that violates an invariant, made small: as few acts, faults and peers as still violate the same one.

Halves of the acts are left out first, then quarters, down to single ones (delta debugging: Zeller and Hildebrandt,
"Simplifying and isolating failure-inducing input", 2002); then whole kinds of fault; then peers. Every try is a run,
and their number is bounded: what is left when they are used up is not the smallest, but violates the same invariant.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from hdus_peer.simulation.faults import Fault, without
from hdus_peer.simulation.plan import Act, Plan

TRIES_MAX = 200
PEERS_MIN = 2

Fails = Callable[[Plan], bool]


def shrink(plan: Plan, fails: Fails, tries_max: int = TRIES_MAX) -> Plan:
    """The smallest plan found within `tries_max` runs for which `fails` still holds, as it does for `plan`."""
    shrinking = _Shrinking(plan, fails, tries_max)
    size = 0
    while shrinking.size() != size:
        size = shrinking.size()
        shrinking.drop_acts()
        shrinking.drop_faults()
        shrinking.drop_peers()
    return shrinking.plan


class _Shrinking:
    def __init__(self, plan: Plan, fails: Fails, tries_max: int) -> None:
        self.plan, self._fails, self._tries_left = plan, fails, tries_max

    def size(self) -> int:
        return len(self.plan.acts) + self.plan.peers

    def _try(self, plan: Plan) -> bool:
        """Take `plan` if it is another one and still fails."""
        if plan == self.plan or self._tries_left <= 0:
            return False
        self._tries_left -= 1
        if not self._fails(plan):
            return False
        self.plan = plan
        return True

    def drop_acts(self) -> None:
        length = len(self.plan.acts) // 2
        while length:
            start = 0
            while start < len(self.plan.acts) and self._tries_left:
                acts = self.plan.acts[:start] + self.plan.acts[start + length :]
                if not self._try(replace(self.plan, acts=acts)):
                    start += length
            length //= 2

    def drop_faults(self) -> None:
        for fault in Fault:
            self._try(without(self.plan, [fault]))
        self._try(replace(self.plan, two_faced=False))
        self._try(replace(self.plan, exits_when_left=False))
        self._try(replace(self.plan, lease_s=0))

    def drop_peers(self) -> None:
        for number in reversed(range(self.plan.peers)):
            if self.plan.peers > PEERS_MIN and number != self.plan.rogue:
                self._try(without_peer(self.plan, number))


def without_peer(plan: Plan, number: int) -> Plan:
    """`plan` without that peer and all its acts; those above it move down by one."""
    rogue = plan.rogue
    return replace(
        plan,
        peers=plan.peers - 1,
        rogue=rogue - 1 if rogue is not None and rogue > number else rogue,
        acts=tuple(_renumbered(plan, number)),
        joins_s=tuple((who - (who > number), at_s) for who, at_s in plan.joins_s if who != number),
    )


def _renumbered(plan: Plan, gone: int) -> Iterator[Act]:
    for act in plan.acts:
        if act.who != gone and (act.other != gone or not act.concerns_other):
            other = act.other - (act.other > gone) if act.other != gone else 0
            yield replace(act, who=act.who - (act.who > gone), other=other)
