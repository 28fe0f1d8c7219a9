"""`hdus-peer predict`: classes of a picture or of rows, by the main model alone and by the ensemble."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hdus_peer.cli.options import asks_daemon
from hdus_peer.cli.output import Column, rho_of, show_json, show_table

if TYPE_CHECKING:
    from hdus_peer.control.client import ControlClient
    from hdus_peer.workers.port import Prediction

SHOWN_CLASSES = 3
_COLUMNS = (Column("sample", True), Column("alone"), Column("ensemble"))
_CLASSES = (Column("class"), Column("alone", True), Column("ensemble", True))


@click.command(short_help="Predict the class of a picture, or of rows.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--array", default="", metavar="NAME", help="Which array of an .npz file holds the samples.")
@click.option("--first", type=click.IntRange(1), metavar="N", help="Take the first N samples only.")
@asks_daemon
def predict(daemon: "ControlClient", as_json: bool, file: Path, array: str, first: int | None) -> None:
    """Predict the class of a picture, or of every row of a file.

    FILE is a picture (PNG, JPEG, …), or raw rows as .npy, .npz or .csv in the shape of the task; where the task names
    columns, a .csv with a heading that has them. Values are as the training data has them: they are normalised here, by
    the task.

    \b
    Examples
      hdus-peer predict seven.png
      hdus-peer predict test.npz --array x_test --first 20
      hdus-peer predict rows.csv --json
    """
    from hdus_peer.control.samples import read_samples

    task = daemon.task()
    samples = read_samples(file, task, array, first)
    found = samples.predicted_by(daemon.predict)
    if as_json:
        show_json(_summary(found, task.classes))
        return
    if len(samples) == 1:
        _show_one(found, task.classes)
    else:
        _show_many(found, task.classes)
    _show_seeds(daemon, found, samples.note)


def _summary(found: "Prediction", classes: tuple[str, ...]) -> dict[str, object]:
    pairs = zip(found.alone, found.ensemble, strict=True)
    rows = [{"alone": _answer(alone, classes), "ensemble": _answer(both, classes)} for alone, both in pairs]
    return {"classes": classes, "samples": rows, "ensemble": found.state}


def _answer(probabilities: list[float], classes: tuple[str, ...]) -> dict[str, object]:
    return {"class": classes[_best(probabilities)], "probabilities": probabilities}


def _best(probabilities: list[float]) -> int:
    return max(range(len(probabilities)), key=probabilities.__getitem__)


def _show_one(found: "Prediction", classes: tuple[str, ...]) -> None:
    alone, ensemble = found.alone[0], found.ensemble[0]
    order = sorted(range(len(classes)), key=lambda index: -ensemble[index])
    rows = [[classes[index], f"{alone[index]:.4f}", f"{ensemble[index]:.4f}"] for index in order]
    show_table("Probabilities", _CLASSES, rows, "The task has no classes.")


def _show_many(found: "Prediction", classes: tuple[str, ...]) -> None:
    pairs = enumerate(zip(found.alone, found.ensemble, strict=True))
    rows = [[str(number), _likely(alone, classes), _likely(both, classes)] for number, (alone, both) in pairs]
    show_table("Likely classes", _COLUMNS, rows, "The file holds no samples.")


def _likely(probabilities: list[float], classes: tuple[str, ...]) -> str:
    order = sorted(range(len(classes)), key=lambda index: -probabilities[index])[:SHOWN_CLASSES]
    return "  ".join(f"{classes[index]} {probabilities[index]:.3f}" for index in order)


def _show_seeds(daemon: "ControlClient", found: "Prediction", note: str) -> None:
    names = {seed.owner: seed.name for seed in daemon.seeds()}
    owners = ", ".join(sorted(names.get(owner, owner[:8]) for owner in found.state.owners)) or "none yet"
    click.echo(f"Seeds used: {owners} (rule {found.state.rule}, {rho_of(found.state)})")
    if found.state.pending:
        click.echo("The ensemble is being rebuilt: the main model answered alone.")
    if note:
        click.echo(note)
