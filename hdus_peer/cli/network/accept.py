"""`hdus-peer network accept`: the device takes the authority's answer."""

import json
from pathlib import Path

import click

from hdus_peer.cli.options import json_option, state_option

_HELP = """On the device that asked: join the authority's GRANT and the keys that wait here.

A grant of another network, for other keys, or changed on its way is refused, and nothing is lost by it. Afterwards the
state directory has its credentials: `hdus-peer start` needs no --credentials. A renewal is used from the next start on.

\b
Examples:
  hdus-peer network accept anna.grant
  hdus-peer network accept /media/stick/anna.grant --state ./anna
"""


@click.command(help=_HELP, short_help="On the device: take the authority's answer.")
@click.argument("grant", metavar="GRANT", type=click.Path(path_type=Path))
@state_option
@json_option
def accept(grant: Path, state: Path, as_json: bool) -> None:
    from hdus_peer.admission import device
    from hdus_peer.admission.credentials import date_text

    state = state.expanduser().absolute()
    member = device.accept(state, grant.expanduser())
    if as_json:
        fields = {"peer": member.peer_id, "name": member.member, "network": member.network, "state": str(state)}
        click.echo(json.dumps({**fields, "not_after_s": member.not_after_s}))
        return
    click.echo(f"This device is {member.member} of {member.network_name} until {date_text(member.not_after_s)}.")
    click.echo(f"Next: hdus-peer start --state {state}     (where it runs already: stop it first)")
