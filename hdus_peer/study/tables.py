"""The tables of a report. Every figure in them is computed from rows."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean

from hdus_peer.study.document import Table
from hdus_peer.study.intervals import Difference, paired, spread
from hdus_peer.study.plan import OWN
from hdus_peer.study.results import AUTO, Entry, Results

LOCAL, GLOBAL = "local accuracy", "global accuracy"
METRICS = (LOCAL, GLOBAL)
PAPERS_RULE = "logit-mean"
NOTHING = "–"
ALL = "all"
ACTIONS = ("fit", "unlearn", "join", "forget")


def accuracy(results: Results, partition: str) -> Table:
    """Every system with everybody present, beside ISGD."""
    headings = ["system", "main models"]
    for metric in ("local", "global"):
        headings += [f"{metric} %", f"Δ to ISGD, {metric}", f"worst peer, {metric}"]
    rows = [
        [title, entry.mains, *(cell for metric in METRICS for cell in _beside_isgd(results, partition, entry, metric))]
        for title, entry in shown(results, partition)
    ]
    return Table(headings, rows)


def shown(results: Results, partition: str) -> list[tuple[str, Entry]]:
    """What the tables list: all systems; of HDUS, where ρ is chosen as in the product, and the paper's rule at the ρ
    that turned out best on the test itself. Titles name that."""
    entries = results.entries(partition)
    listed = [(entry.title, entry) for entry in entries if not entry.rule or entry.rho == AUTO]
    for metric in METRICS:
        best = best_fixed(results, partition, PAPERS_RULE, metric)
        if best is not None:
            listed.append((f"{best.title}: the best {metric.split()[0]} ρ, seen on the test", best))
    return listed


def best_fixed(results: Results, partition: str, rule: str, metric: str) -> Entry | None:
    """Of `rule` with a fixed ρ and each peer its own main model, what gave the best mean."""
    found = [
        entry for entry in results.entries(partition)
        if entry.rule == rule and entry.rho != AUTO and entry.main == OWN
    ]  # fmt: skip
    return max(found, key=lambda entry: _mean(results, partition, entry, metric), default=None)


def sequence(results: Results, partition: str, metric: str) -> Table:
    """The leaves and joins, one after the other: the mean over the peers that are there."""
    entries = shown(results, partition)
    moments = milestones(results, partition, entries[0][1])
    rows = [
        [title, entry.mains, *(percent_of(results.by_seed(partition, entry, moment, metric)) for moment in moments)]
        for title, entry in entries
    ]
    return Table(["system", "main models", *moments], rows)


def milestones(results: Results, partition: str, entry: Entry) -> list[str]:
    """Moments without those in the middle of an unlearning."""
    return [moment for moment in results.moments(partition, entry) if ":" not in moment]


def costs(results: Results, partition: str) -> Table:
    """What learning, a leave, a return and forgetting some samples cost, on average."""
    headings = [f"{action} {unit}" for action in ACTIONS for unit in ("s", "MB")]
    rows = []
    for entry in results.systems(partition):
        row = [entry.title, entry.mains]
        for action in ACTIONS:
            row.append(_number(results.everything(partition, entry, f"{action} s"), 1.0))
            row.append(_number(results.everything(partition, entry, f"{action} bytes"), 1e-6))
        rows.append(row)
    return Table(["system", "main models", *headings], rows)


def repairs(results: Results, partition: str) -> Table | None:
    """The way of the systems that repair, after the first leave: accuracy in %."""
    rows = []
    for entry in results.entries(partition):
        moments = results.moments(partition, entry)
        first = next((moment.split(":")[0] for moment in moments if ":" in moment), None)
        for moment in (each for each in moments if first and each.startswith(first)):
            cells = [percent_of(results.by_seed(partition, entry, moment, metric)) for metric in METRICS]
            rows.append([f"{entry.title}, {entry.mains}", moment if ":" in moment else f"{moment}: done", *cells])
    return Table(["system", "moment", "local %", "global %"], rows) if rows else None


def seconds_per_cell(results: Results, lessons: Mapping[str, Sequence[tuple[float, float]]]) -> Table:
    """What the parts took; `lessons`: wall and CPU seconds of each by kind, which the cells that share them save."""
    rows = [_took(kind, "", *zip(*values, strict=True)) for kind, values in sorted(lessons.items())]
    for partition in results.partitions:
        for entry in results.systems(partition):
            values = [results.everything(partition, entry, metric) for metric in ("cell s", "cell CPU s")]
            rows.append(_took(f"{entry.title}: {partition}", entry.mains, *values))
    return Table(["part", "main models", "how many", "mean s", "longest s", "mean CPU s"], rows)


def percent_of(found: Mapping[int, float]) -> str:
    """Mean ± standard deviation over random seeds, in %."""
    if not found:
        return NOTHING
    figure = spread(list(found.values()))
    deviation = "" if figure.deviation is None else f" ± {100 * figure.deviation:.2f}"
    return f"{100 * figure.mean:.2f}{deviation}"


def _beside_isgd(results: Results, partition: str, entry: Entry, metric: str) -> list[str]:
    ours, baseline = results.by_seed(partition, entry, ALL, metric), results.baseline(partition, entry)
    if baseline is None or baseline == entry:
        return [percent_of(ours), NOTHING, NOTHING]
    difference = paired(ours, results.by_seed(partition, baseline, ALL, metric))
    worst = results.worst_peer(partition, entry, baseline, ALL, metric)
    return [percent_of(ours), _points(difference), f"{100 * worst:+.2f}"]


def _points(difference: Difference | None) -> str:
    if difference is None:
        return NOTHING
    width = "" if difference.half_width is None else f" ± {100 * difference.half_width:.2f}"
    return f"{100 * difference.mean:+.2f}{width}"


def _number(values: Sequence[float], unit: float) -> str:
    return f"{unit * fmean(values):.3g}" if values else NOTHING


def _took(part: str, mains: str, wall_s: Sequence[float], cpu_s: Sequence[float]) -> list[str]:
    return [part, mains, str(len(wall_s)), f"{fmean(wall_s):.1f}", f"{max(wall_s):.1f}", f"{fmean(cpu_s):.1f}"]


def _mean(results: Results, partition: str, entry: Entry, metric: str) -> float:
    found = results.by_seed(partition, entry, ALL, metric)
    return fmean(found.values()) if found else -math.inf
