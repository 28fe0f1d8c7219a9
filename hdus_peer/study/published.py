"""What the paper and its authors' saved runs report, beside what was found here (`published.toml`)."""

import tomllib
from importlib import resources
from typing import Any

from hdus_peer.study.document import Table
from hdus_peer.study.plan import Plan
from hdus_peer.study.results import Entry, Results
from hdus_peer.study.tables import ALL, LOCAL, NOTHING, percent_of

PARTITION = "drop-class"


def beside_published(results: Results, plan: Plan) -> Table | None:
    """The published figures of the plan's task and number of peers, local accuracy under drop-class; None where there
    are none."""
    text = resources.files("hdus_peer.study").joinpath("published.toml").read_text(encoding="utf-8")
    every = tomllib.loads(text)["figure"]
    figures = [each for each in every if each["task"] == plan.data.task and each["peers"] == plan.peers]
    rows = [
        [each["what"], f"{each['percent']:.2f}", each["source"], *_ours(results, each)] for each in figures
    ]  # fmt: skip
    return Table(["setting", "published %", "source", "here %", "which of ours"], rows) if rows else None


def _ours(results: Results, figure: dict[str, Any]) -> list[str]:
    """The first entry that fits."""
    for entry in results.entries(PARTITION):
        found = results.by_seed(PARTITION, entry, figure.get("moment", ALL), LOCAL)
        if found and _fits(entry, figure["entry"]):
            return [percent_of(found), f"{entry.title}, {entry.mains}"]
    return [NOTHING, NOTHING]


def _fits(entry: Entry, wanted: dict[str, Any]) -> bool:
    return all(getattr(entry, name) == value for name, value in wanted.items())
