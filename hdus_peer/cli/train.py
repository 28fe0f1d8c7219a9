"""`hdus-peer train`: retrain on the data as it is now."""

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

from hdus_peer.cli.options import asks_daemon
from hdus_peer.cli.output import show_json
from hdus_peer.errors import NotRunningError, WorkerError
from hdus_peer.terminal import console, has_motion

if TYPE_CHECKING:
    from hdus_peer.control.client import ControlClient
    from hdus_peer.control.port import PeerStatus


@click.command(short_help="Retrain, and publish the next generation.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until the new seed is published.")
@asks_daemon
def train(daemon: "ControlClient", as_json: bool, wait: bool) -> None:
    """Retrain on the data as it is now, and publish the next generation of the seed.

    The ensemble answers all the while; neighbours swap the seed without a gap. Ctrl-C ends the waiting, not the
    training.

    \b
    Examples
      hdus-peer train
      hdus-peer train --no-wait --json
    """
    epoch = daemon.train()
    trained = _follow(daemon, quiet=as_json) if wait else daemon.status()
    if as_json:
        show_json({"job_epoch": epoch, "training": trained.training, "generation": trained.generation})
    elif wait:
        click.echo(f"Trained {trained.main.architecture}; seed generation {trained.generation} is published.")
    else:
        click.echo("Training began: `hdus-peer status --watch` shows how far it is.")


def _follow(daemon: "ControlClient", quiet: bool) -> "PeerStatus":
    with _bar(quiet) as advance, contextlib.closing(daemon.watch()) as changes:
        for now in changes:
            advance(now)
            if now.training.state == "done":
                return now
            if now.training.state == "failed":
                raise WorkerError(f"the training failed: {now.training.detail}")
    raise NotRunningError("the daemon ended in the middle of the training: `hdus-peer start` resumes it")


@contextlib.contextmanager
def _bar(quiet: bool) -> "Iterator[Callable[[PeerStatus], None]]":
    if quiet or not has_motion():
        yield lambda status: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<8}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeElapsedColumn(), console=console()) as bar:
        task = bar.add_task("begins", total=1.0)
        yield lambda now: bar.update(task, description=now.training.stage, completed=now.training.fraction)
