"""`hdus-peer network request`: a device makes its keys and asks to be admitted, or renewed."""

import json
from pathlib import Path

import click

from hdus_peer.cli.options import json_option, state_option

_HELP = """On a device: make its keys, and write a request to be admitted as NAME.

The keys stay in the state directory (requested.keys, readable by you alone) and never leave the device. The request is
no secret: it carries the public keys and the proof that this device has the private ones. root.pem lies in the
network's directory and is public too, but get it from somebody whom you trust: it decides which network this device
will believe. Compare the network's id and the device's id that are printed here with those that the authority sees.

Asking again uses the same keys. With --renew it asks for a later certificate of the member that this device is already,
also when the old one has expired; the daemon may go on running meanwhile.

\b
Examples:
  hdus-peer network request anna --root root.pem
  hdus-peer network request anna --root root.pem --out /media/stick/anna.request --state ./anna
  hdus-peer network request --renew
"""


@click.command(help=_HELP, short_help="On a device: make keys and ask to be admitted.")
@click.argument("name", required=False)
@click.option("--root", metavar="FILE", type=click.Path(path_type=Path), help="The network's root.pem.")
@click.option("--renew", is_flag=True, help="Ask for a later certificate of the member in the state directory.")
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), help="By default NAME.request.")
@state_option
@json_option
def request(name: str | None, root: Path | None, renew: bool, out: Path | None, state: Path, as_json: bool) -> None:
    from hdus_peer.admission import device

    state = state.expanduser().absolute()
    if renew:
        if name or root:
            raise click.UsageError("--renew takes neither NAME nor --root: they are those of the credentials.")
        name = device.member_of(state)
    elif not name or not root:
        raise click.UsageError("Say NAME and --root FILE, or --renew for a member that this device is already.")
    file = (out or Path(f"{name}.request")).expanduser().absolute()
    if renew:
        asked = device.request_renewal(state, file)
    else:
        assert root is not None
        asked = device.request_admission(state, name, root.expanduser(), file)
    if as_json:
        fields = {"request": str(file), "peer": asked.peer, "name": asked.name, "network": asked.network}
        click.echo(json.dumps({**fields, "state": str(state)}))
        return
    click.echo(f"The request of {asked.name} is in {file}; the keys stay in {state}.")
    click.echo(f"Network  {asked.network}")
    click.echo(f"Device   {asked.peer}")
    click.echo(f"Next, at the network's authority: hdus-peer network sign {file.name} --network DIR")
