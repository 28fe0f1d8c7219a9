"""`hdus-peer logs`: the last lines of the daemon's log, and those to come."""

import contextlib
from typing import TYPE_CHECKING

import click

from hdus_peer.cli.options import asks_daemon

if TYPE_CHECKING:
    from hdus_peer.control.client import ControlClient
    from hdus_peer.control.port import LogsWanted

LEVELS = ("debug", "info", "warning", "error")
LINES_MAX = 512


@click.command(short_help="Show the last lines of the daemon's log; --follow shows those to come.")
@click.option("-f", "--follow", is_flag=True, help="Go on until Ctrl-C or the daemon's end.")
@click.option("-n", "--lines", type=click.IntRange(0, LINES_MAX), default=50, show_default=True, help="How many.")
@click.option("--level", type=click.Choice(LEVELS), default="info", show_default=True, help="From which level on.")
@asks_daemon
def logs(daemon: "ControlClient", as_json: bool, follow: bool, lines: int, level: str) -> None:
    """Show the daemon's log, in the form in which the daemon writes it; with --json one object a line.

    The daemon keeps its last lines in memory: 256 from level info on, and 256 below it, the latter also where its
    configuration (log.level) does not write them. For more than that, keep what `hdus-peer start` writes to stderr.
    A line "EntriesMissed" says how many were dropped because this command could not keep up.

    \b
    Examples
      hdus-peer logs
      hdus-peer logs --follow --level debug
      hdus-peer logs --lines 500 --level warning --json
    """
    from hdus_peer.control.port import LogsWanted

    show(daemon, LogsWanted(lines, level, follow, events_only=False), as_json)


def show(daemon: "ControlClient", wanted: "LogsWanted", as_json: bool) -> None:
    """Print entries as they come."""
    from hdus_peer.control import log_form

    form = log_form.as_json if as_json else log_form.human
    with contextlib.closing(daemon.logs(wanted)) as entries:
        for entry in entries:
            click.echo(form(entry))
    if wanted.follow:
        click.echo("The daemon ended.", err=True)
