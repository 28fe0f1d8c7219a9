"""The parts of a study, each done by one process and kept by itself.

A *lesson* trains the main model of one peer and distils its seeds: work that several cells share. A *cell* is one
system with one choice of main models under one partition and random seed; its result is the rows of one file.
"""

import re
from dataclasses import dataclass

from hdus_peer.study.plan import OWN, Plan

TRAINED_BY_EACH_ALONE = ("isgd", "hdus", "sisa_a")


@dataclass(frozen=True, slots=True)
class Lesson:
    """`main`: an architecture; `temperatures` of the seeds that are wanted of it, none where nobody asks for seeds."""

    partition: str
    random_seed: int
    peer: int
    main: str
    temperatures: tuple[float, ...]

    @property
    def name(self) -> str:
        return f"{self.partition} seed {self.random_seed} lesson {self.main} of peer {self.peer}"

    @property
    def kind(self) -> str:
        """Units of one kind take about as long as one another."""
        return f"lesson {self.main}"


@dataclass(frozen=True, slots=True)
class Cell:
    """`main`: an architecture for all, or "own"; `temperature`: of the seeds, 0 where there are none."""

    partition: str
    random_seed: int
    system: str
    main: str
    temperature: float = 0.0

    @property
    def name(self) -> str:
        seeds = f" T={self.temperature:g}" if self.temperature else ""
        return f"{self.partition} seed {self.random_seed} {self.system} {self.main}{seeds}"

    @property
    def kind(self) -> str:
        return f"{self.system} {self.main}"

    def mains(self, plan: Plan) -> tuple[str, ...]:
        """The architecture of each peer."""
        return tuple(plan.main_of(peer) if self.main == OWN else self.main for peer in range(plan.peers))


Unit = Lesson | Cell


def file_name(unit: Unit) -> str:
    """A unit's name as that of a file."""
    return re.sub(r"[^A-Za-z0-9.=-]+", "_", unit.name)


def cells(plan: Plan) -> tuple[Cell, ...]:
    """Everything that is to be measured."""
    return tuple(
        Cell(partition, random_seed, *rest)
        for partition in plan.partitions
        for random_seed in plan.random_seeds
        for rest in _systems(plan)
    )


def lessons(plan: Plan, wanted: tuple[Cell, ...]) -> tuple[Lesson, ...]:
    """What has to be learned before those of `wanted` that build on models which each peer trains alone."""
    temperatures: dict[tuple[str, int, int, str], set[float]] = {}
    for cell in wanted:
        if builds_on_lessons(cell):
            for peer, main in enumerate(cell.mains(plan)):
                place = (cell.partition, cell.random_seed, peer, main)
                temperatures.setdefault(place, set()).update({cell.temperature} - {0.0})
    return tuple(Lesson(*place, tuple(sorted(found))) for place, found in temperatures.items())


def builds_on_lessons(cell: Cell) -> bool:
    return cell.system in TRAINED_BY_EACH_ALONE


def _systems(plan: Plan) -> list[tuple[str, str, float]]:
    systems, found = plan.systems, []
    for name in type(systems).model_fields:
        section = getattr(systems, name)
        for main in section.mains if section else ():
            found += [(name, main, temperature) for temperature in getattr(section, "temperatures", (0.0,))]
    return found
