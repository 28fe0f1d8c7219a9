"""`hdus-peer network sign`: the authority answers a device's request."""

import json
from pathlib import Path

import click

from hdus_peer.cli.options import json_option

_HELP = """At the authority: admit the device that made REQUEST, and write its grant.

The proof in the request is checked: the device has the private half of both keys. Its name is a wish; --name decides.
A device that is a member already is renewed, under the name that it has. The grant is no secret, and of no use to
anybody but this device.

Compare the device's id that is printed with the one that the device itself has shown: a request proves which keys
asked, not whose hands hold them.

\b
Examples:
  hdus-peer network sign anna.request --network ~/home
  hdus-peer network sign anna.request --network ~/home --name pi-4 --days 90 --out /media/stick/pi-4.grant
"""


@click.command(help=_HELP, short_help="At the authority: admit the device that asks.")
@click.argument("request_file", metavar="REQUEST", type=click.Path(path_type=Path))
@click.option("--network", "directory", required=True, metavar="DIR", type=click.Path(path_type=Path),
              help="The network's directory.")  # fmt: skip
@click.option("--name", metavar="NAME", help="What the member is called; by default what it has or wishes.")
@click.option("--days", type=int, default=365, show_default=True, help="For how long, 1 to 3650.")
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), help="By default NAME.grant.")
@json_option
def sign(request_file: Path, directory: Path, name: str | None, days: int, out: Path | None, as_json: bool) -> None:
    from hdus_peer.admission import authority

    network = authority.open_network(directory.expanduser())
    asked = authority.read_request(network, request_file.expanduser())
    wanted = authority.name_for(network, asked, name)
    file = (out or Path(f"{wanted}.grant")).expanduser().absolute()
    admitted = authority.sign_request(network, asked, file, wanted, days)
    if as_json:
        fields = {"grant": str(file), "peer": admitted.peer, "name": admitted.name, "network": network.id}
        click.echo(json.dumps({**fields, "not_after_s": admitted.membership.statement.not_after_s}))
        return
    click.echo(f"{admitted.name} is a member of {network.name}; its grant: {file}")
    click.echo(f"Device   {admitted.peer}")
    click.echo(f"Next, on that device: hdus-peer network accept {file.name}")
