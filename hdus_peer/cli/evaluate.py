"""`hdus-peer evaluate`: how well the main model alone, and the ensemble, do on this peer's test data."""

from typing import TYPE_CHECKING

import click

from hdus_peer.cli.options import asks_daemon
from hdus_peer.cli.output import Column, percent, show_json, show_table

if TYPE_CHECKING:
    from hdus_peer.control.client import ControlClient
    from hdus_peer.workers.port import Evaluation

DATASETS = ("local", "global", "holdout")
_COLUMNS = (
    Column("test data"),
    Column("rule"),
    Column("ρ", True),
    Column("samples", True),
    Column("seeds", True),
    Column("alone", True),
    Column("ensemble", True),
)


@click.command(short_help="Measure accuracy, alone and as an ensemble.")
@click.option(
    "--dataset",
    "datasets",
    type=click.Choice(DATASETS),
    multiple=True,
    default=("local", "global"),
    show_default=True,
    help="local: the peer's own distribution; global: all classes; holdout: what early stopping looks at.",
)
@click.option(
    "--rule", "rules", multiple=True, metavar="NAME", help="Combination rule, or all; without it the configured one."
)
@asks_daemon
def evaluate(daemon: "ControlClient", as_json: bool, datasets: tuple[str, ...], rules: tuple[str, ...]) -> None:
    """Measure the accuracy of the main model alone and of the ensemble.

    Where the configuration leaves ρ, the weight of the seeds, to be chosen (predict.rho = "auto"), it is chosen for
    each rule by itself, on held-out samples that are no part of the local and global test data.

    \b
    Examples
      hdus-peer evaluate
      hdus-peer evaluate --dataset global --rule logit-mean --rule prob-mean
      hdus-peer evaluate --rule all
    """
    from hdus_peer.domain.combination import RULES

    rules = RULES if "all" in rules else rules
    found = [daemon.evaluate(dataset, rule) for dataset in datasets for rule in rules or ("",)]
    if as_json:
        show_json({"evaluations": found})
    else:
        show_table("Accuracy", _COLUMNS, [_row(each) for each in found], "Nothing was evaluated.")


def _row(found: "Evaluation") -> list[str]:
    alone, ensemble = percent(found.accuracy_alone), percent(found.accuracy_ensemble)
    return [
        found.dataset,
        found.rule,
        f"{found.rho:g}",
        str(found.samples),
        str(len(found.state.owners)),
        alone,
        ensemble,
    ]
