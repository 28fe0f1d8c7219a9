"""What a soak found: a table for people, JSON with every sample, a plot (SVG and PNG)."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.soak.growth import MIB, Trend
from benchmarks.soak.samples import Sample

PANELS = (
    ("daemon", "rss_bytes", "daemon: resident memory (MiB)"),
    ("predictor", "rss_bytes", "predictor: resident memory (MiB)"),
    ("daemon", "descriptors", "daemon: descriptors"),
    ("daemon", "threads", "daemon: threads"),
    ("predictor", "descriptors", "predictor: descriptors"),
    ("daemon", "ledger_bytes", "ledger (MiB)"),
    ("daemon", "log_bytes", "write-ahead log (MiB)"),
    ("daemon", "state_bytes", "state directory (MiB)"),
)


def table(trends: Sequence[Trend]) -> Table:
    shown = Table("process", "figure", "lives", "at first", "at last", "per hour", "bound", "")
    for trend in trends:
        unit = MIB if trend.measure.endswith("bytes") else 1
        name = trend.measure.replace("_bytes", " MiB")
        shown.add_row(
            trend.role,
            name,
            str(trend.lives),
            f"{trend.first / unit:.2f}",
            f"{trend.last / unit:.2f}",
            f"{trend.per_hour / unit:+.2f} ± {trend.error / unit:.2f}",
            "" if trend.bound is None else f"{trend.bound / unit:.0f}",
            "grows" if trend.is_growing else "",
        )
    return shown


def write_json(file: Path, about: Mapping[str, Any], trends: Sequence[Trend], samples: Sequence[Sample]) -> None:
    whole = {
        **about,
        "trends": [{**asdict(trend), "is_growing": trend.is_growing} for trend in trends],
        "samples": [asdict(sample) for sample in samples],
    }
    file.write_text(json.dumps(whole), encoding="utf-8")


def plot(stem: Path, title: str, samples: Sequence[Sample]) -> list[Path]:
    """One thin line a life, `STEM.svg` and `STEM.png`."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(4, 2, figsize=(11, 13), sharex=True, layout="constrained")
    for axes, (role, measure, heading) in zip(panels.flat, PANELS, strict=True):
        for life in _lives(samples, role, measure):
            axes.plot(*zip(*life, strict=True), linewidth=0.8, alpha=0.7)
        axes.set(title=heading, ylim=(0, None))
        axes.grid(alpha=0.3)
    for axes in panels[-1]:
        axes.set_xlabel("minutes")
    figure.suptitle(title)
    files = [stem.with_suffix(suffix) for suffix in (".svg", ".png")]
    for file in files:
        figure.savefig(file, dpi=120)
    pyplot.close(figure)
    return files


def _lives(samples: Sequence[Sample], role: str, measure: str) -> list[list[tuple[float, float]]]:
    unit = MIB if measure.endswith("bytes") else 1
    lives: dict[tuple[str, int, float], list[tuple[float, float]]] = defaultdict(list)
    for sample in samples:
        if sample.role == role:
            lives[sample.life].append((sample.at_s / 60, getattr(sample, measure) / unit))
    return list(lives.values())
