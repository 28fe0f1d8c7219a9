"""Plans under which the rarer mistakes are made often, and plans with one kind of fault alone."""

import random
from collections.abc import Iterable
from dataclasses import replace

from hdus_peer.simulation import Plan, draw
from hdus_peer.simulation.faults import only
from hdus_peer.simulation.network import Weather
from hdus_peer.simulation.plan import HORIZON_S, Act, What


def busy(seed: int) -> Plan:
    """Everybody publishes all the time."""
    plan, rng = draw(seed), random.Random(seed)
    trains = [Act(rng.uniform(0.0, plan.horizon_s), What.TRAIN, who) for who in range(plan.peers) for _ in range(12)]
    return replace(plan, acts=tuple(sorted((*plan.acts, *trains), key=lambda act: act.at_s)))


def coming_and_going(seed: int) -> Plan:
    """Leave, come back, leave again."""
    plan, rng = draw(seed), random.Random(seed)
    acts = [act for act in plan.acts if act.what == What.TRAIN]
    for who in range(3):
        at_s = rng.uniform(3.0, 6.0)
        acts += [Act(at_s, What.LEAVE, who), Act(at_s + 2.0, What.REJOIN, who), Act(at_s + 2.1, What.TRAIN, who)]
        acts.append(Act(at_s + rng.uniform(5.0, 9.0), What.LEAVE, who))
    return replace(plan, rogue=None, weather=Weather(), acts=tuple(sorted(acts, key=lambda act: act.at_s)))


def leased(seed: int) -> Plan:
    """Short leases, links that break, and devices that are switched off."""
    plan, rng = draw(seed), random.Random(seed)
    faults = [
        Act(rng.uniform(3.0, 12.0), what, who, 0, 3) for who in range(1, 5) for what in (What.CRASH, What.ONE_WAY)
    ]
    acts = [act for act in (*plan.acts, *faults) if act.what not in (What.CLOCK, What.HEAL)]
    return replace(plan, lease_s=3, acts=tuple(sorted(acts, key=lambda act: act.at_s)))


def two_faced(seed: int) -> Plan:
    """The member gone bad equivocates, and nobody leaves."""
    plan = draw(seed)
    acts = [act for act in plan.acts if act.what not in (What.LEAVE, What.REJOIN, What.MALICE)]
    rogue = plan.peers - 1
    strikes = [Act(2.0 + number / 2, What.MALICE, rogue) for number in range(20)]
    acts = sorted([*acts, *strikes], key=lambda act: act.at_s)
    return replace(plan, rogue=rogue, two_faced=True, neighbours_max=16, acts=tuple(acts))


def replayed(seed: int) -> Plan:
    """The member gone bad repeats what others said, long after two owners of short leases have vanished."""
    plan = two_faced(seed)
    strikes = [Act(5.0 + number / 25, What.MALICE, plan.peers - 1) for number in range(250)]
    gone = [Act(5.0, What.VANISH, who) for who in (0, 1)]
    return _with(replace(plan, lease_s=3, two_faced=False), (*strikes, *gone))


def calm(seed: int) -> Plan:
    """One leave, and no link breaks."""
    plan = draw(seed)
    acts = (*(act for act in plan.acts if act.what == What.TRAIN), Act(12.0, What.LEAVE, 0))
    return replace(plan, weather=Weather(), rogue=None, exits_when_left=False, acts=acts)


def put_back(seed: int) -> Plan:
    """Owners are put back to before their grants, and leave."""
    plan, rng = draw(seed), random.Random(f"put back {seed}")
    acts = [act for act in plan.acts if act.what not in (What.LEAVE, What.REJOIN, What.BACKUP, What.RESTORE)]
    for who in rng.sample(range(plan.peers - 1), 2):
        at_s = rng.uniform(0.5, 4.0)
        back_s = at_s + rng.uniform(1.0, 6.0)
        acts += [Act(at_s, What.BACKUP, who), Act(at_s + 0.1, What.TRAIN, who), Act(back_s, What.RESTORE, who)]
        acts.append(Act(back_s + rng.uniform(0.2, 5.0), What.LEAVE, who))
    return replace(plan, neighbours_max=16, acts=tuple(sorted(acts, key=lambda act: act.at_s)))


def forgetting(seed: int) -> Plan:
    """Everybody forgets, some while they train."""
    rng = random.Random(f"forgetting {seed}")
    plan = draw(seed)
    acts = [Act(rng.uniform(0.5, HORIZON_S - 2.0), What.FORGET, rng.randrange(6), 0, n) for n in range(12)]
    acts += [Act(act.at_s - rng.uniform(0.0, 0.5), What.TRAIN, act.who) for act in acts]
    return replace(plan, acts=tuple(sorted((*plan.acts, *acts), key=lambda act: act.at_s)))


# --- one kind of fault alone; `is_there`: or the same plan without it -------------------------------------------------
def faultless(seed: int) -> Plan:
    """What people do, and nothing that goes wrong."""
    return only(draw(seed), frozenset())


def _with(plan: Plan, acts: Iterable[Act]) -> Plan:
    return replace(plan, acts=tuple(sorted((*plan.acts, *acts), key=lambda act: act.at_s)))


def slow_disk(seed: int, is_there: bool = True) -> Plan:
    """All disks are slow all the time."""
    acts = [Act(at_s, What.SLOW_DISK, who, amount=8) for who in range(6) for at_s in (2.0, 9.0)]
    return _with(faultless(seed), acts if is_there else [])


def full_disk(seed: int, is_there: bool = True) -> Plan:
    """Each disk is full once."""
    rng = random.Random(f"full disk {seed}")
    acts = [Act(rng.uniform(2.0, 12.0), What.FULL_DISK, who, amount=rng.randrange(1, 9)) for who in range(6)]
    return _with(faultless(seed), acts if is_there else [])


def reorder(seed: int, is_there: bool = True) -> Plan:
    """Two leave before two others come, over links in which messages overtake one another."""
    rng = random.Random(f"reorder {seed}")
    plan = faultless(seed)
    acts = [act for act in plan.acts if act.what == What.TRAIN]
    acts += [Act(rng.uniform(3.0, 8.0), What.LEAVE, who) for who in (0, 1)]
    late = tuple((who, rng.uniform(8.0, 14.0)) for who in (2, 3))
    weather = Weather(reorder=0.5 if is_there else 0.0)
    return _with(replace(plan, acts=(), weather=weather, exits_when_left=False, joins_s=late), acts)


def revoke(seed: int, is_there: bool = True) -> Plan:
    """One is put out, and wants to come back; another one leaves."""
    rng = random.Random(f"revoke {seed}")
    plan = faultless(seed)
    acts = [act for act in plan.acts if act.what not in (What.LEAVE, What.REJOIN)]
    who, told, leaver = rng.sample(range(plan.peers), 3)
    at_s = rng.uniform(4.0, 10.0)
    acts.append(Act(at_s + rng.uniform(-0.5, 2.0), What.LEAVE, leaver))
    acts += [Act(at_s + 4.0, What.REJOIN, who), Act(at_s + 4.1, What.TRAIN, who)]
    put_out = [Act(at_s, What.REVOKE, told, who)]
    return _with(replace(plan, acts=()), (acts + put_out) if is_there else acts)


def clone(seed: int, is_there: bool = True) -> Plan:
    """An identity is started a second time; then everybody trains again, and an owner leaves."""
    rng = random.Random(f"clone {seed}")
    plan = faultless(seed)
    acts = [act for act in plan.acts if act.what not in (What.LEAVE, What.REJOIN)]
    who, leaver = rng.sample(range(plan.peers), 2)
    acts += [Act(rng.uniform(9.0, 12.0), What.TRAIN, each) for each in range(plan.peers)]
    acts.append(Act(14.0, What.LEAVE, leaver))
    twice = [Act(5.0, What.CLONE, who)]
    return _with(replace(plan, acts=(), neighbours_max=16), (acts + twice) if is_there else acts)
