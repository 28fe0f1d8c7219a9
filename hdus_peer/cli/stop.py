"""`hdus-peer stop`: end the daemon in order, and say when it has ended."""

import os
import select
import time
from typing import TYPE_CHECKING

import click

from hdus_peer.cli.options import asks_daemon
from hdus_peer.cli.output import show_json

if TYPE_CHECKING:
    from hdus_peer.control.client import ControlClient

_POLL_INTERVAL_S = 0.05


@click.command(short_help="Stop the daemon in order.")
@click.option(
    "--wait", "wait_s", type=click.FloatRange(0, 600), default=10.0, show_default=True, help="Seconds to wait."
)
@asks_daemon
def stop(daemon: "ControlClient", as_json: bool, wait_s: float) -> None:
    """Stop the daemon. Its seeds, models and identity stay; `hdus-peer start` goes on where it was.

    Stopping is not leaving: the others keep this peer's seed until its lease ends. See `hdus-peer leave`.

    \b
    Examples
      hdus-peer stop
      hdus-peer stop --state ./mira --wait 30
    """
    from hdus_peer.errors import WorkerError

    pid = daemon.status().pid
    daemon.stop()
    if not has_ended(pid, wait_s):
        raise WorkerError(f"process {pid} still runs after {wait_s:g} s: look at its log, or type `kill {pid}`")
    if as_json:
        show_json({"stopped": True, "pid": pid})
    else:
        click.echo(f"Stopped (process {pid}).")


def has_ended(pid: int, wait_s: float) -> bool:
    """Whether process `pid` ended within `wait_s` (also when its parent has not looked yet)."""
    if not hasattr(os, "pidfd_open"):
        return _has_vanished(pid, wait_s)
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()
        poll.register(process, select.POLLIN)
        return bool(poll.poll(wait_s * 1000))
    finally:
        os.close(process)


def _has_vanished(pid: int, wait_s: float) -> bool:
    ends_at = time.monotonic() + wait_s
    while time.monotonic() < ends_at:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(_POLL_INTERVAL_S)
    return False
