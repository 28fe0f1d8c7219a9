"""The plots of a report, as SVG and PNG: drawn from the same means as the tables, and the same bytes for the same
rows."""

from collections.abc import Callable, Iterator, Sequence
from math import nan
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from hdus_peer.config.sections import DistilSection, PredictSection
from hdus_peer.study.results import AUTO, Entry, Results
from hdus_peer.study.tables import ALL, METRICS, PAPERS_RULE, best_fixed, milestones, shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 120
DEFAULT_RULE, DEFAULT_TEMPERATURE = PredictSection().rule, DistilSection().temperature
Draw = Callable[[Any, str], None]
"""(axes, metric): one of the two halves of a plot."""


def write_plots(results: Results, folder: Path) -> list[tuple[str, str, str]]:
    """(partition, file name without its ending, title) of every plot."""
    import matplotlib

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with matplotlib.rc_context({"svg.hashsalt": "hdus-peer", "font.size": 9, "axes.grid": True, "grid.alpha": 0.3}):
        for partition in results.partitions:
            for name, title, draw in _plots(results, partition):
                stem = f"{partition.replace(':', '-')}-{name}"
                _save(_halves(draw, f"{title} ({partition})"), folder / stem)
                written.append((partition, stem, title))
    return written


def _plots(results: Results, partition: str) -> Iterator[tuple[str, str, Draw]]:
    entries = list(dict.fromkeys(_few(results, partition)))
    yield "systems", "Accuracy of each system", lambda axes, metric: _dots(axes, results, partition, entries, metric)
    combined = _of_one_choice_of_mains([entry for entry in results.entries(partition) if entry.rule])
    swept = [entry for entry in combined if entry.rho != AUTO]
    if len({entry.rho for entry in swept}) > 1:
        yield "rho", "Accuracy against ρ", lambda axes, metric: _lines(axes, results, partition, swept, metric, "rho")
    if len({entry.temperature for entry in swept}) > 1:
        yield (
            "temperature",
            "Accuracy against T",
            lambda axes, metric: _lines(axes, results, partition, combined, metric, "temperature"),
        )
    if len(milestones(results, partition, entries[0])) > 1:
        yield "sequence", "Leaves and joins", lambda axes, metric: _steps(axes, results, partition, entries, metric)


def _of_one_choice_of_mains(entries: Sequence[Entry]) -> list[Entry]:
    """Those with the main models of the first."""
    return [entry for entry in entries if entry.main == entries[0].main]


def _halves(draw: Draw, title: str) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    figure.suptitle(title)
    for axes, metric in zip(figure.subplots(1, 2), METRICS, strict=True):
        axes.set_title(metric)
        draw(axes, metric)
    return figure


def _dots(axes: Any, results: Results, partition: str, entries: Sequence[Entry], metric: str) -> None:
    values = [list(results.by_seed(partition, entry, ALL, metric).values()) for entry in entries]
    means, deviations = [100 * fmean(each) for each in values], [100 * _deviation(each) for each in values]
    axes.errorbar(means, range(len(entries)), xerr=deviations, fmt="o", markersize=4, capsize=2)
    axes.set_yticks(range(len(entries)), [_label(entry) for entry in entries], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("%")


def _lines(axes: Any, results: Results, partition: str, entries: Sequence[Entry], metric: str, along: str) -> None:
    """A line for each of what `entries` differ in but for `along`."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for entry in entries:
        value = 100 * fmean(results.by_seed(partition, entry, ALL, metric).values())
        if along == "rho":
            lines.setdefault(f"{entry.rule}, T={entry.temperature:g}", []).append((float(entry.rho), value))
        elif entry.rho == AUTO:
            lines.setdefault(f"{entry.rule}, ρ auto ({entry.objective})", []).append((entry.temperature, value))
    for label, points in lines.items():
        axes.plot(*zip(*sorted(points), strict=True), marker="o", markersize=3, label=label)
    axes.set(xlabel={"rho": "ρ", "temperature": "T"}[along], ylabel="%")
    axes.legend(fontsize=6)


def _steps(axes: Any, results: Results, partition: str, entries: Sequence[Entry], metric: str) -> None:
    moments = milestones(results, partition, entries[0])
    for entry in entries:
        found = [results.by_seed(partition, entry, moment, metric) for moment in moments]
        points = [100 * fmean(each.values()) if each else nan for each in found]
        axes.plot(moments, points, marker="o", markersize=3, label=_label(entry))
    axes.set_ylabel("%")
    if metric == METRICS[-1]:
        axes.legend(fontsize=6, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _label(entry: Entry) -> str:
    return f"{entry.title}; {entry.mains}"


def _few(results: Results, partition: str) -> list[Entry]:
    """What can be told apart in one plot: all systems; of HDUS the product's default rule and temperature (or the
    nearest there is) and the paper's rule at the ρ that gave the best local accuracy."""
    listed = [entry for _, entry in shown(results, partition)]
    ours = [entry for entry in listed if entry.rho == AUTO]
    rules = {entry.rule for entry in ours}
    rule = DEFAULT_RULE if DEFAULT_RULE in rules else min(rules, default="")
    nearest = min((abs(entry.temperature - DEFAULT_TEMPERATURE) for entry in ours), default=0.0)
    few = [entry for entry in ours if entry.rule == rule and abs(entry.temperature - DEFAULT_TEMPERATURE) == nearest]
    best = best_fixed(results, partition, PAPERS_RULE, METRICS[0])
    return [entry for entry in listed if not entry.rule or entry in few or entry == best]


def _deviation(values: Sequence[float]) -> float:
    return stdev(values) if len(values) > 1 else 0.0


def _save(figure: "Figure", stem: Path) -> None:
    figure.savefig(f"{stem}.svg", metadata={"Date": None})
    figure.savefig(f"{stem}.png", dpi=DPI)
