"""Lives of a network, drawn by hypothesis: who joins when, publishes which generations, forgets, leaves and comes back,
crashes in the middle of anything, with what clocks, and over what kind of links.
"""

from hypothesis import strategies as some

from hdus_peer.simulation.network import Weather
from hdus_peer.simulation.plan import Act, Plan, What

HORIZON_S = 14.0
SETTLE_MAX_S = 180.0
PEERS_MAX = 8

instants_s = some.integers(0, 10 * int(HORIZON_S) - 20).map(lambda tenths: tenths / 10)
weathers = some.sampled_from(
    (
        Weather(),
        Weather(delay_max_s=0.4, corruption=0.02),
        Weather(delay_max_s=0.4, loss=0.03, repeat=0.02, corruption=0.03),
    )
)
DISTURBANCES = (What.CUT, What.ONE_WAY, What.SPLIT, What.HEAL)


@some.composite
def lives(draw: some.DrawFn, peers_min: int, neighbours_max: int) -> Plan:
    peers = draw(some.integers(peers_min, PEERS_MAX))
    acts: list[Act] = []
    for who in range(peers):
        acts += draw(careers(who))
    leavers = draw(some.lists(some.integers(0, peers - 1), min_size=1, max_size=peers // 2, unique=True))
    for who in leavers:
        acts += draw(departures(who))
    acts += draw(some.lists(disturbances(peers), max_size=6))
    lease_s = draw(some.sampled_from((0, 0, 3)))
    if not lease_s:  # over a restart what is left of a lease is as right as the wall clock
        acts += draw(some.lists(jumps(peers), max_size=2))
    late = draw(some.lists(some.integers(0, peers - 1), max_size=3, unique=True))
    return Plan(
        seed=draw(some.integers(0, 999)),
        peers=peers,
        task=f"task {draw(some.integers(0, 9))}",
        neighbours_max=neighbours_max,
        weather=draw(weathers),
        horizon_s=HORIZON_S,
        settle_max_s=SETTLE_MAX_S,
        rogue=None,
        exits_when_left=draw(some.booleans()),
        acts=tuple(sorted(acts, key=lambda act: act.at_s)),
        lease_s=lease_s,
        joins_s=tuple((who, draw(instants_s)) for who in late),
    )


@some.composite
def careers(draw: some.DrawFn, who: int) -> list[Act]:
    """One peer's generations, the first of them early, and its crashes, each at some boundary of what it does."""
    acts = [Act(draw(some.integers(0, 30)) / 10, What.TRAIN, who)]
    kinds = some.sampled_from((What.TRAIN, What.RETRAIN, What.FORGET))
    acts += [Act(at_s, draw(kinds), who) for at_s in draw(some.lists(instants_s, max_size=2))]
    crashes = draw(some.lists(some.tuples(instants_s, some.integers(0, 40)), max_size=2))
    return acts + [Act(at_s, What.CRASH, who, amount=boundary) for at_s, boundary in crashes]


@some.composite
def departures(draw: some.DrawFn, who: int) -> list[Act]:
    """A leave; perhaps taken back, perhaps after that done again."""
    at_s = draw(some.integers(20, 80)) / 10
    acts = [Act(at_s, What.LEAVE, who)]
    if draw(some.booleans()):
        at_s += draw(some.integers(1, 30)) / 10
        acts += [Act(at_s, What.REJOIN, who), Act(at_s + 0.1, What.TRAIN, who)]
        if draw(some.booleans()):
            acts.append(Act(at_s + draw(some.integers(2, 25)) / 10, What.LEAVE, who))
    return acts


@some.composite
def disturbances(draw: some.DrawFn, peers: int) -> Act:
    who, other = draw(some.permutations(range(peers)))[:2]
    return Act(draw(instants_s), draw(some.sampled_from(DISTURBANCES)), who, other)


@some.composite
def jumps(draw: some.DrawFn, peers: int) -> Act:
    """A wall clock that is suddenly up to 20 hours wrong."""
    who, amount = draw(some.integers(0, peers - 1)), draw(some.integers(0, 40))
    return Act(draw(instants_s), What.CLOCK, who, amount=amount)
