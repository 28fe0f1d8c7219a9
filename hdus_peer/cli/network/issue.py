"""`hdus-peer network issue`: admit a member whose keys are made here."""

import json
from pathlib import Path

import click

from hdus_peer.cli.options import json_option

_HELP = """Admit a member called NAME: writes one credentials file.

Carry the file to the member's device over a safe way; it holds the member's keys and is not kept here. Where the keys
shall never leave the device, see `hdus-peer network request`.

\b
Examples:
  hdus-peer network issue anna --network ~/home
  hdus-peer network issue pi-4 --network ~/home --out /media/stick/pi-4.credentials --days 90
"""


@click.command(help=_HELP, short_help="Admit a member; its keys are made here.")
@click.argument("name")
@click.option("--network", "directory", required=True, metavar="DIR", type=click.Path(path_type=Path),
              help="The network's directory.")  # fmt: skip
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), help="By default NAME.credentials.")
@click.option("--days", type=int, default=365, show_default=True, help="For how long, 1 to 3650.")
@json_option
def issue(name: str, directory: Path, out: Path | None, days: int, as_json: bool) -> None:
    from hdus_peer.admission import authority

    file = (out or Path(f"{name}.credentials")).expanduser().absolute()
    admitted = authority.issue_file(directory.expanduser(), name, file, days)
    if as_json:
        fields = {"peer": admitted.peer_id, "name": name, "network": admitted.network, "credentials": str(file)}
        click.echo(json.dumps({**fields, "not_after_s": admitted.not_after_s}))
        return
    click.echo(f"{name} ({admitted.peer_id[:8]}) is a member of {admitted.network_name}; credentials: {file}")
    click.echo(f"Next, on its device: hdus-peer start --credentials {file.name}")
