"""The kinds of fault that a plan may have, by name, and how to take them out of it.

A link is an ordered stream, and what comes over different links is reordered by their delays (`delay`) in every run.
`reorder` is more: it breaks what a transport promises, as `loss` and `duplication` of single messages do.
"""

import enum
from collections.abc import Iterable
from dataclasses import replace

from hdus_peer.errors import ConfigurationError
from hdus_peer.simulation.network import Weather
from hdus_peer.simulation.plan import Plan, What


class Fault(enum.StrEnum):
    CRASH = "crash"  # at any boundary inside a Step; the device starts again
    LOSS = "loss"  # of single messages
    DUPLICATION = "duplication"  # of single messages
    DELAY = "delay"  # up to 0.4 s a message
    CORRUPTION = "corruption"  # of bulk transfers
    CUT = "cut"  # of a link
    PARTITION = "partition"
    ONE_WAY = "one-way"  # nothing goes from one device to another
    CLOCK = "clock"  # a wall clock jumps by up to 20 hours
    MALICE = "malice"  # a member gone bad
    RESTORE = "restore"  # a backup is put back
    VANISH = "vanish"  # a device never comes back
    REORDER = "reorder"  # of single messages within a link: one overtakes another
    SLOW_DISK = "slow-disk"  # commits, fetches, checks and erasures take long
    FULL_DISK = "full-disk"  # nothing is taken in, or even every commit and erasure is refused, for a while
    REVOKE = "revoke"  # the authority puts a member out
    CLONE = "clone"  # one identity runs at two places, from a copy of its disk


ACTS = {
    Fault.CRASH: {What.CRASH},
    Fault.CUT: {What.CUT},
    Fault.PARTITION: {What.SPLIT},
    Fault.ONE_WAY: {What.ONE_WAY},
    Fault.CLOCK: {What.CLOCK},
    Fault.MALICE: {What.MALICE},
    Fault.RESTORE: {What.BACKUP, What.RESTORE},
    Fault.VANISH: {What.VANISH},
    Fault.SLOW_DISK: {What.SLOW_DISK},
    Fault.FULL_DISK: {What.FULL_DISK},
    Fault.REVOKE: {What.REVOKE},
    Fault.CLONE: {What.CLONE},
}
WEATHER = {
    Fault.LOSS: "loss",
    Fault.DUPLICATION: "repeat",
    Fault.DELAY: "delay_max_s",
    Fault.CORRUPTION: "corruption",
    Fault.REORDER: "reorder",
}
ALL = frozenset(Fault)


def named(text: str) -> frozenset[Fault]:
    """The faults of "all", "none", or a list of names with commas. Raises ConfigurationError for any other name."""
    if text in ("all", "none"):
        return ALL if text == "all" else frozenset()
    names = [name.strip() for name in text.split(",")]
    wrong = [name for name in names if name not in set(Fault)]
    if wrong:
        known = ", ".join(Fault)
        raise ConfigurationError(f"There is no fault {wrong[0]!r}. Name all, none, or some of: {known}.")
    return frozenset(map(Fault, names))


def without(plan: Plan, faults: Iterable[Fault]) -> Plan:
    """`plan`, but for these faults."""
    for fault in faults:
        acts = tuple(act for act in plan.acts if act.what not in ACTS.get(fault, ()))
        plan = replace(plan, acts=acts)
        if fault in WEATHER:
            calm = getattr(Weather(), WEATHER[fault])
            plan = replace(plan, weather=replace(plan.weather, **{WEATHER[fault]: calm}))
        if fault == Fault.MALICE:
            plan = replace(plan, rogue=None, two_faced=False)
    return plan


def only(plan: Plan, faults: frozenset[Fault]) -> Plan:
    """`plan` with no other faults than these."""
    return without(plan, [fault for fault in Fault if fault not in faults])
