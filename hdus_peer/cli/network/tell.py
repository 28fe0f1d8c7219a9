"""`hdus-peer network tell`: a running peer hears of a revocation, and tells the others."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hdus_peer.cli.options import asks_daemon
from hdus_peer.cli.output import show_json

if TYPE_CHECKING:
    from hdus_peer.control.client import ControlClient

_HELP = """On any peer of the network: obey the authority's FILE, and pass it on.

One peer is enough; telling it again changes nothing. A file that is not by this network's authority is refused.

\b
Examples:
  hdus-peer network tell anna.revocation
"""


@click.command(help=_HELP, short_help="On a peer: obey a revocation, and pass it on.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@asks_daemon
def tell(daemon: "ControlClient", as_json: bool, file: Path) -> None:
    peer = daemon.tell(str(file.expanduser().absolute()))
    if as_json:
        show_json({"peer": peer})
    else:
        click.echo(f"Obeyed and passed on: {peer[:8]} is out for good.")
