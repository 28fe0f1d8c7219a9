"""What the rows of a study say, asked for by what was compared.

Rule: a figure of a system is the mean over its peers within one random seed; seeds are what is repeated, so spreads and
differences are over them.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from hdus_peer.study.plan import OWN
from hdus_peer.study.rows import EVERYBODY, Row

TITLES = {"isgd": "ISGD", "hdus": "HDUS", "sisa_a": "SISA-A", "fedunl": "FedUnl", "dsgd": "DSGD"}
ORDER = tuple(TITLES)
AUTO = "auto"

BySeed = dict[int, float]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that is compared with others: a system with its main models and, of HDUS, its combination."""

    system: str
    main: str
    temperature: float = 0.0
    rule: str = ""
    rho: str = ""
    objective: str = ""

    @property
    def title(self) -> str:
        name = TITLES[self.system]
        if not self.rule:
            return f"{name} T={self.temperature:g}" if self.temperature else name
        weight = f"ρ auto ({self.objective})" if self.rho == AUTO else f"ρ={float(self.rho):g}"
        return f"{name} {self.rule}, {weight}, T={self.temperature:g}"

    @property
    def mains(self) -> str:
        return "each its own" if self.main == OWN else f"all {self.main}"

    @property
    def order(self) -> tuple[object, ...]:
        """Systems as they are listed everywhere; within one by its choices."""
        return (ORDER.index(self.system), self.main != OWN, self.main, *self._choices())

    def _choices(self) -> tuple[object, ...]:
        rho = 2.0 if self.rho == AUTO else float(self.rho or 0)
        return (self.rule, self.temperature, rho, self.objective)


class Results:
    """Rows by partition, entry, moment and metric."""

    def __init__(self, rows: Iterable[Row], partitions: Sequence[str]) -> None:
        self.rows = tuple(rows)
        self._values: dict[tuple[str, Entry, str, str], dict[tuple[int, int], float]] = {}
        for row in self.rows:
            key = (row.partition, entry_of(row), row.moment, row.metric)
            self._values.setdefault(key, {})[row.random_seed, row.peer] = row.value
        there = {row.partition for row in self.rows}
        self.partitions = tuple(partition for partition in partitions if partition in there)

    def entries(self, partition: str) -> list[Entry]:
        """Everything with an accuracy, in the order of reports."""
        found = {entry for place, entry, _, metric in self._values if place == partition and "accuracy" in metric}
        return sorted(found, key=lambda entry: entry.order)

    def moments(self, partition: str, entry: Entry) -> list[str]:
        """As they came."""
        found = [
            moment for place, other, moment, metric in self._values
            if (place, other) == (partition, entry) and "accuracy" in metric
        ]  # fmt: skip
        return list(dict.fromkeys(found))

    def by_seed(self, partition: str, entry: Entry, moment: str, metric: str) -> BySeed:
        """By random seed, the mean over the peers (or the one value that is everybody's)."""
        found: dict[int, list[float]] = {}
        for (random_seed, _), value in self._values.get((partition, entry, moment, metric), {}).items():
            found.setdefault(random_seed, []).append(value)
        return {random_seed: fmean(values) for random_seed, values in sorted(found.items())}

    def worst_peer(self, partition: str, entry: Entry, baseline: Entry, moment: str, metric: str) -> float:
        """The smallest mean difference of one peer to itself under `baseline`, over the random seeds."""
        ours = self._values.get((partition, entry, moment, metric), {})
        theirs = self._values.get((partition, baseline, moment, metric), {})
        by_peer: dict[int, list[float]] = {}
        for place in ours.keys() & theirs.keys():
            by_peer.setdefault(place[1], []).append(ours[place] - theirs[place])
        return min((fmean(values) for values in by_peer.values()), default=math.nan)

    def systems(self, partition: str) -> list[Entry]:
        """What costs stand under: systems, whatever the combination."""
        found = {Entry(entry.system, entry.main, entry.temperature) for entry in self.entries(partition)}
        return sorted(found, key=lambda entry: entry.order)

    def everything(self, partition: str, entry: Entry, metric: str) -> list[float]:
        """A metric at all moments and random seeds."""
        return [
            value
            for (place, other, _, named), found in self._values.items()
            if (place, other, named) == (partition, entry, metric)
            for value in found.values()
        ]

    def baseline(self, partition: str, entry: Entry) -> Entry | None:
        """ISGD with the same main models, where it was run; else with each its own."""
        there = [other for other in self.entries(partition) if other.system == "isgd"]
        return next((other for wanted in (entry.main, OWN) for other in there if other.main == wanted), None)


def entry_of(row: Row) -> Entry:
    if row.peer == EVERYBODY:
        return Entry(row.system, row.main, row.temperature)
    return Entry(row.system, row.main, row.temperature, row.rule, row.rho, row.objective)
