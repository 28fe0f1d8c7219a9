"""`python -m tests.study.goals --rewrite` puts into docs/study.md what the kept results say of the rules' goals."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

from hdus_peer.study.folder import Folder
from hdus_peer.study.plan import OWN
from hdus_peer.study.results import AUTO, Entry, Results
from hdus_peer.study.rows import read_rows
from hdus_peer.study.tables import PAPERS_RULE, best_fixed

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "study.md"
MARKED = re.compile(r"(<!-- goals -->\n)(.*?)(<!-- end of goals -->)", re.DOTALL)
STUDIES = {"MNIST": "mnist-perceptrons", "Fashion-MNIST": "fashion-mnist-perceptrons"}
GAIN_GOALS = {"drop-class": 8.0, "dirichlet:0.3": 20.0}
RIVALS_MAIN = "mlp-s"
ALL, LOCAL, GLOBAL = "all", "local accuracy", "global accuracy"


class Column:
    """One partition of one study; accuracies and differences in points."""

    def __init__(self, results: Results, partition: str) -> None:
        self._results, self.partition = results, partition

    def accuracy(self, entry: Entry | None, metric: str = GLOBAL) -> float:
        assert entry is not None
        return 100 * fmean(self._results.by_seed(self.partition, entry, ALL, metric).values())

    def gain(self, entry: Entry, metric: str = GLOBAL) -> float:
        return self.accuracy(entry, metric) - self.accuracy(self._results.baseline(self.partition, entry), metric)

    def worst(self, entry: Entry) -> float:
        baseline = self._results.baseline(self.partition, entry)
        assert baseline is not None
        return 100 * self._results.worst_peer(self.partition, entry, baseline, ALL, LOCAL)

    def papers(self) -> float:
        return self.accuracy(best_fixed(self._results, self.partition, PAPERS_RULE, GLOBAL))


def columns() -> dict[str, Column]:
    found = {}
    for title, name in STUDIES.items():
        folder = Folder(DOCS / "results" / name)
        results = Results(read_rows(folder.cells), folder.plan().partitions)
        found |= {f"{title}, {partition}": Column(results, partition) for partition in results.partitions}
    return found


def ours(main: str, objective: str) -> Entry:
    return Entry("hdus", main, 3.0, "opinion-pool", AUTO, objective)


def rival(system: str) -> Entry:
    return Entry(system, RIVALS_MAIN)


def both(figure: Callable[[str], float], least: float, form: str) -> str:
    """A figure with each its own main model / all of the rivals'; bold where it is less than it should be."""
    values = [figure(OWN), figure(RIVALS_MAIN)]
    return " / ".join(format(value, form) if value >= least else f"**{value:{form}}**" for value in values)


def above(column: Column, system: str) -> str:
    theirs = column.accuracy(rival(system))
    return f"{both(lambda main: column.accuracy(ours(main, 'global')), theirs, '.1f')}; {theirs:.1f}"


ROWS: dict[str, Callable[[Column], str]] = {
    "global accuracy; SISA-A's": lambda column: above(column, "sisa_a"),
    "global accuracy; FedUnl's": lambda column: above(column, "fedunl"),
    "global accuracy; DSGD's": lambda column: above(column, "dsgd"),
    "the same; 3 above the paper's rule at its best ρ": lambda column: (
        f"{both(lambda main: column.accuracy(ours(main, 'global')), column.papers() + 3, '.1f')}; {column.papers():.1f}"
    ),
    "points over ISGD, global; goal": lambda column: (
        f"{both(lambda main: column.gain(ours(main, 'global')), GAIN_GOALS[column.partition], '+.1f')}; "
        f"{GAIN_GOALS[column.partition]:+.0f}"
    ),
    "the same; DSGD's": lambda column: (
        f"{both(lambda main: column.gain(ours(main, 'global')), column.gain(rival('dsgd')), '+.1f')}; "
        f"{column.gain(rival('dsgd')):+.1f}"
    ),
    "points over ISGD, local": lambda column: both(lambda main: column.gain(ours(main, "local"), LOCAL), 0.0, "+.1f"),
    "worst peer, local; goal": lambda column: (
        f"{both(lambda main: column.worst(ours(main, 'local')), -0.3, '+.1f')}; -0.3"
    ),
}


def put_into(page: str) -> str:
    """The page with the table as the kept results have it."""
    found = columns()
    lines = [["", *found], ["---"] * (len(found) + 1)]
    lines += [[title, *(row(column) for column in found.values())] for title, row in ROWS.items()]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return MARKED.sub(lambda marks: f"{marks[1]}\n{table}\n\n{marks[3]}", page)


if __name__ == "__main__":
    if sys.argv[1:] != ["--rewrite"]:
        sys.exit(__doc__)
    PAGE.write_text(put_into(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
