"""Plan after plan, drawn from consecutive seeds, until enough virtual time has passed or an invariant is violated.

Rule: one first seed and the same options are one campaign: its trace is the hash of the traces of all its runs.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from hdus_peer.simulation.evidence import Violation
from hdus_peer.simulation.faults import ALL, Fault, only
from hdus_peer.simulation.plan import Plan, draw
from hdus_peer.simulation.run import Report, simulate
from hdus_peer.simulation.shrinking import TRIES_MAX, shrink
from hdus_peer.simulation.tally import Tally
from hdus_peer.simulation.transcript import transcript


@dataclass(frozen=True, slots=True)
class Options:
    """`plans`: how many at most (0: as many as `virtual_s` asks for)."""

    seed: int = 0
    peers: int = 6
    virtual_s: float = 3600.0
    plans: int = 0
    faults: frozenset[Fault] = ALL


@dataclass(frozen=True, slots=True)
class Failure:
    """`seed` names the plan as it was drawn; `plan` is what is left of it after shrinking, `violation` what it does,
    `lines` all that happens in it, and `repeated` how many plans were tried to find it."""

    seed: int
    violation: Violation
    plan: Plan
    lines: tuple[str, ...]
    repeated: int


@dataclass(slots=True)
class Summary:
    """What came of a campaign so far. Times are virtual, in seconds."""

    plans: int = 0
    virtual_s: float = 0.0
    events: int = 0
    tally: Tally = field(default_factory=Tally)
    trace: str = ""
    failure: Failure | None = None

    def add(self, report: Report) -> None:
        self.plans += 1
        self.virtual_s += report.virtual_s
        self.events += report.events
        self.tally.add(report.tally)
        self.trace = hashlib.sha256(f"{self.trace}{report.trace}".encode()).hexdigest()


def run(options: Options, tell: Callable[[Summary], None], tell_try: Callable[[int], None]) -> Summary:
    """Carry out plans from `options.seed` on. `tell` hears of every plan that is over, `tell_try` of every try to make
    a plan smaller that violates an invariant."""
    summary = Summary()
    while summary.failure is None and not _is_enough(options, summary):
        seed = options.seed + summary.plans
        report = simulate(seed, only(draw(seed, options.peers), options.faults))
        summary.add(report)
        tell(summary)
        if report.violation is not None:
            summary.failure = explain(report, report.violation, tell_try)
    return summary


def _is_enough(options: Options, summary: Summary) -> bool:
    return summary.plans == options.plans if options.plans else summary.virtual_s >= options.virtual_s


def explain(report: Report, violation: Violation, tell_try: Callable[[int], None]) -> Failure:
    """The smallest plan that still violates the same invariant, and what happens in it."""
    search = _Search(violation.invariant, tell_try)
    plan = shrink(report.plan, search.fails, TRIES_MAX)
    last, lines = transcript(plan)
    return Failure(report.plan.seed, last.violation or violation, plan, lines, search.tries)


@dataclass(slots=True)
class _Search:
    invariant: str
    tell: Callable[[int], None]
    tries: int = 0

    def fails(self, plan: Plan) -> bool:
        self.tries += 1
        self.tell(self.tries)
        found = simulate(plan.seed, plan).violation
        return found is not None and found.invariant == self.invariant
