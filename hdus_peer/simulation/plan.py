"""What happens when: a schedule of acts, drawn from a seed, that can be printed, cut down and run again."""

import enum
import random
from dataclasses import dataclass, replace

from hdus_peer.simulation.network import Weather


class What(enum.StrEnum):
    TRAIN = "train"  # a job begins and publishes when it ends
    RETRAIN = "retrain"  # a new job epoch, and a job
    FORGET = "forget"  # `amount` names the samples
    LEAVE = "leave"
    REJOIN = "rejoin"
    CRASH = "crash"  # at the `amount`-th boundary from now
    CUT = "cut"  # the link to `other` breaks
    ONE_WAY = "one-way"  # nothing goes from `who` to `other`
    SPLIT = "partition"  # `who` and everybody above it on one side, the others on the other
    HEAL = "heal"
    CLOCK = "clock"  # the wall clock of `who` jumps by `amount` hours
    MALICE = "malice"  # the member gone bad strikes
    BACKUP = "backup"  # the disk of `who` is copied
    RESTORE = "restore"  # `who` crashes, and the copy is put in the place of its disk
    VANISH = "vanish"  # for ever
    SLOW_DISK = "slow-disk"  # whatever the disk of `who` does takes long, for `amount` s
    FULL_DISK = "full-disk"  # for `amount` s the disk of `who` takes nothing new in; where odd, it refuses everything
    REVOKE = "revoke"  # the authority puts `other` out, and `who` is told
    CLONE = "clone"  # a copy of the disk of `who` runs at another place, too; where `amount` is odd, it trains


@dataclass(frozen=True, slots=True)
class Act:
    at_s: float
    what: What
    who: int
    other: int = 0
    amount: int = 0

    @property
    def concerns_other(self) -> bool:
        """Whether `other` says something."""
        return self.what in (What.CUT, What.ONE_WAY, What.REVOKE)


@dataclass(frozen=True, slots=True)
class Plan:
    """`rogue`: the number of the member gone bad. `exits_when_left`: a peer that LEFT is switched off at once.
    `lease_s`: for how long a seed may be used, and half of how long it may be held (0: as in the product). `two_faced`:
    the member gone bad serves two payloads under each generation, each to half of the others. `joins_s`: who starts
    later than the others for the first time, and when."""

    seed: int
    peers: int
    task: str
    neighbours_max: int
    weather: Weather
    horizon_s: float
    settle_max_s: float
    rogue: int | None
    exits_when_left: bool
    acts: tuple[Act, ...]
    lease_s: int = 0
    two_faced: bool = False
    joins_s: tuple[tuple[int, float], ...] = ()


HORIZON_S = 16.0
SETTLE_MAX_S = 180.0
MANY_NEIGHBOURS = 16
_FAULTS = (What.CRASH,) * 5 + (What.CUT, What.CUT, What.ONE_WAY, What.SPLIT, What.HEAL, What.CLOCK, What.RETRAIN)
_HARSH = Weather(delay_max_s=0.4, loss=0.02, repeat=0.02, corruption=0.03)
_SLOW = Weather(delay_max_s=0.4, corruption=0.01)


def draw(seed: int, peers: int = 6) -> Plan:
    """The plan of a seed."""
    rng = random.Random(f"plan {seed}")
    rogue = peers - 1 if rng.random() < 0.3 else None
    acts = [Act(rng.uniform(0.0, 3.0), What.TRAIN, who) for who in range(peers)]
    for leaver in rng.sample(range(peers), min(peers, rng.choice((1, 1, 2, 3)))):
        acts += _leaving(rng, leaver)
    for _ in range(rng.randrange(4, 14)):
        what = rng.choice(_FAULTS)
        who, other = rng.sample(range(peers), 2)
        acts.append(Act(rng.uniform(0.5, HORIZON_S), what, who, other, rng.randrange(0, 40)))
    if rogue is not None:
        acts += [Act(rng.uniform(2.0, HORIZON_S), What.MALICE, rogue) for _ in range(20)]
    lease_s = random.Random(f"lease {seed}").choice((0, 0, 0, 3))
    if lease_s:  # what is left of a lease over a restart is as right as the wall clock, so that one cannot be judged
        acts = [act for act in acts if act.what != What.CLOCK]
    acts += _forgetting(random.Random(f"forget {seed}"), peers)
    honest = [who for who in range(peers) if who != rogue]
    losses = _restoring(random.Random(f"restore {seed}"), honest) + _vanishing(random.Random(f"vanish {seed}"), honest)
    acts += losses
    plan = Plan(
        seed=seed,
        peers=peers,
        task=f"task {rng.randrange(4)}",
        neighbours_max=_neighbours_max(rng, rogue is not None, bool(losses)),
        weather=rng.choice((Weather(), _SLOW, _HARSH)),
        horizon_s=HORIZON_S,
        settle_max_s=SETTLE_MAX_S,
        rogue=rogue,
        exits_when_left=rng.random() < 0.5,
        acts=tuple(sorted(acts, key=lambda act: act.at_s)),
        lease_s=lease_s,
        two_faced=rogue is not None and random.Random(f"faces {seed}").random() < 0.5,
    )
    return _with_later_kinds(plan, honest)


def _with_later_kinds(plan: Plan, honest: list[int]) -> Plan:
    """`plan` with the kinds of fault that came later, which leave all the others of a seed as they were."""
    seed, weather = plan.seed, plan.weather
    acts = [*plan.acts, *_disks(random.Random(f"disks {seed}"), plan.peers)]
    acts += _revoking(random.Random(f"revoke {seed}"), plan.peers)
    if plan.neighbours_max == MANY_NEIGHBOURS:
        acts += _cloning(random.Random(f"clone {seed}"), honest)
    if weather.loss and random.Random(f"reorder {seed}").random() < 0.5:
        weather = replace(weather, reorder=0.05)
    return replace(plan, weather=weather, acts=tuple(sorted(acts, key=lambda act: act.at_s)))


def _neighbours_max(rng: random.Random, has_rogue: bool, has_losses: bool) -> int:
    """Many, where what a peer should hold depends on whom it has heard of."""
    chosen = MANY_NEIGHBOURS if has_rogue else rng.choice((2, 3, MANY_NEIGHBOURS))
    return MANY_NEIGHBOURS if has_losses else chosen


def _restoring(rng: random.Random, whom: list[int]) -> list[Act]:
    """Perhaps the disk of one peer or two is copied, and the copy put back later, once or twice."""
    if rng.random() > 0.3:
        return []
    acts = []
    for who in rng.sample(whom, min(len(whom), rng.choice((1, 1, 2)))):
        at_s = rng.uniform(1.0, HORIZON_S - 3.0)
        acts.append(Act(at_s, What.BACKUP, who))
        acts += [Act(at_s + rng.uniform(0.2, 8.0), What.RESTORE, who) for _ in range(rng.choice((1, 1, 2)))]
    return acts


def _vanishing(rng: random.Random, whom: list[int]) -> list[Act]:
    """Perhaps a peer vanishes for ever."""
    if rng.random() > 0.15 or len(whom) < 3:
        return []
    return [Act(rng.uniform(2.0, HORIZON_S), What.VANISH, rng.choice(whom))]


def _disks(rng: random.Random, peers: int) -> list[Act]:
    """Perhaps some disks are slow for a while, and perhaps some are full."""
    acts = []
    for what, likely in ((What.SLOW_DISK, 0.25), (What.FULL_DISK, 0.25)):
        if rng.random() < likely:
            whom = rng.sample(range(peers), min(peers, rng.choice((1, 2, 3))))
            acts += [Act(rng.uniform(0.5, HORIZON_S - 2.0), what, who, amount=rng.randrange(1, 9)) for who in whom]
    return acts


def _revoking(rng: random.Random, peers: int) -> list[Act]:
    """Perhaps the authority puts somebody out, which perhaps is told to two."""
    if rng.random() > 0.15 or peers < 3:
        return []
    who, other, third = rng.sample(range(peers), 3)
    at_s = rng.uniform(1.0, HORIZON_S)
    told = [who] if rng.random() < 0.7 else [who, third]
    return [Act(at_s + rng.uniform(0.0, 2.0), What.REVOKE, each, other) for each in told]


def _cloning(rng: random.Random, whom: list[int]) -> list[Act]:
    """Perhaps the identity of a peer is started a second time, from a copy of its disk."""
    if rng.random() > 0.25:
        return []
    return [Act(rng.uniform(1.0, HORIZON_S - 3.0), What.CLONE, rng.choice(whom), amount=rng.randrange(2))]


def _forgetting(rng: random.Random, peers: int) -> list[Act]:
    """Perhaps a peer forgets samples; perhaps it says so twice, or forgets others too, soon after."""
    if rng.random() > 0.3:
        return []
    who, at_s = rng.randrange(peers), rng.uniform(1.0, HORIZON_S - 3.0)
    return [
        Act(at_s + rng.uniform(0.0, 2.0), What.FORGET, who, amount=rng.randrange(2)) for _ in range(rng.choice((1, 2)))
    ]


def _leaving(rng: random.Random, leaver: int) -> list[Act]:
    """A leave, perhaps said twice, perhaps taken back, perhaps done again."""
    at_s = rng.uniform(1.0, HORIZON_S - 4.0)
    acts = [Act(at_s, What.LEAVE, leaver)]
    if rng.random() < 0.3:
        acts.append(Act(at_s + rng.uniform(0.0, 2.0), What.LEAVE, leaver))
    if rng.random() < 0.4:
        back_s = at_s + rng.uniform(0.0, 3.0)
        acts += [Act(back_s, What.REJOIN, leaver), Act(back_s + 0.1, What.TRAIN, leaver)]
        if rng.random() < 0.5:
            acts.append(Act(back_s + rng.uniform(0.0, 4.0), What.LEAVE, leaver))
    return acts
