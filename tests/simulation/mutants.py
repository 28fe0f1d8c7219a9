"""`make mutants`: every planted fault, the checker that caught it, and after how many plans and seconds.

Each fault is tried with its own plans until a checker speaks, or `SEEDS_MAX` are used up. Writes the list into docs.
Ends with 1 if nobody noticed one of them.
"""

import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hdus_peer.simulation import simulate
from hdus_peer.simulation.evidence import Violation
from tests.simulation.test_planted_faults import ALONE, FAULTS, Fault

SEEDS_MAX = 500
LIST = Path(__file__).parents[2] / "docs" / "planted-faults.md"
ROW = "{:44}  {:>5}  {:>7}  {:9}  {:16}  {}"
HEAD = """\
# Planted faults

Mistakes that a change might bring back, each planted in the product's own code path (`tests/simulation/plants.py`,
`plants_alone.py`), the plans under which it was tried, and the checker that spoke first: after how many plans, and
after how many seconds on one core. `draw` stands for the plans of `hdus-peer simulate`, the others are in
`tests/simulation/plans.py`. Written by `make mutants`; the suite holds each of them to a bound on the plans.

| planted | plans | after plans | after s | checker | what it says |
| --- | --- | --- | --- | --- | --- |
"""


@dataclass(frozen=True, slots=True)
class Caught:
    """`seeds`: how many plans it took, until `violation` or in vain."""

    name: str
    plans: str
    seeds: int
    duration_s: float
    violation: Violation | None

    @property
    def columns(self) -> tuple[str, ...]:
        """As strings: name, plans, how many of them, seconds, checker, what it says."""
        checker = self.violation.invariant if self.violation else "nobody"
        says = str(self.violation).partition(": ")[2] if self.violation else ""
        return self.name, self.plans, f"{self.seeds}", f"{self.duration_s:.1f}", checker, says


def caught(fault: Fault) -> Caught:
    """The first plan at which a checker speaks, and what it says."""
    plant, _, _, plan = fault
    names, start_s = (plant.__name__, plan.__name__), time.monotonic()
    with pytest.MonkeyPatch.context() as patch:
        plant(patch)
        for seed in range(SEEDS_MAX):
            violation = simulate(seed, plan(seed)).violation
            if violation is not None:
                return Caught(*names, seed + 1, time.monotonic() - start_s, violation)
    return Caught(*names, SEEDS_MAX, time.monotonic() - start_s, None)


def shown(results: Iterable[Caught]) -> Iterator[Caught]:
    """The same, printed as they come."""
    print(ROW.format("planted", "plans", "seconds", "checker", "plans", "what it says"))
    for result in results:
        name, plans, seeds, duration_s, checker, says = result.columns
        print(ROW.format(name, seeds, duration_s, checker, plans, says), flush=True)
        yield result


def main() -> int:
    results = list(shown(map(caught, [*FAULTS, *ALONE])))
    lines = [f"| {' | '.join(result.columns)} |\n" for result in results]
    LIST.write_text(HEAD + "".join(lines), encoding="utf-8")
    missed = sum(result.violation is None for result in results)
    total_s = sum(result.duration_s for result in results)
    print(f"{len(results) - missed} of {len(results)} caught in {total_s:.0f} s: {LIST}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
