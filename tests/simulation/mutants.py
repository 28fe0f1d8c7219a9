"""`make mutants`: every planted fault, the checker that caught it, and after how many seeds.

Each fault is tried with its own plans until a checker speaks, or `SEEDS_MAX` are used up. Ends with 1 if nobody noticed
one of them.
"""

import sys
import time

import pytest

from hdus_peer.simulation import simulate
from hdus_peer.simulation.checker import Violation
from tests.simulation.test_planted_faults import FAULTS, Fault

SEEDS_MAX = 500
ROW = "{:44}  {:>5}  {:9}  {:22}  {}"


def caught(fault: Fault) -> tuple[int, Violation | None]:
    """The first seed at which a checker speaks, and what it says."""
    plant, _, _, plan = fault
    with pytest.MonkeyPatch.context() as patch:
        plant(patch)
        for seed in range(SEEDS_MAX):
            violation = simulate(seed, plan(seed)).violation
            if violation is not None:
                return seed, violation
    return SEEDS_MAX, None


def main() -> int:
    missed, start_s = 0, time.monotonic()
    print(ROW.format("fault", "seeds", "checker", "plans", "what it says"))
    for fault in FAULTS:
        seed, violation = caught(fault)
        missed += violation is None
        checker = violation.invariant if violation is not None else "nobody"
        says = str(violation).partition(": ")[2] if violation is not None else ""
        print(ROW.format(fault[0].__name__, seed + 1, checker, fault[3].__name__, says), flush=True)
    print(f"{len(FAULTS) - missed} of {len(FAULTS)} faults caught in {time.monotonic() - start_s:.0f} s")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
