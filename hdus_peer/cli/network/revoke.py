"""`hdus-peer network revoke`: the authority puts a member out for good."""

import json
from pathlib import Path

import click

from hdus_peer.cli.options import json_option

_HELP = """At the authority: revoke MEMBER (its name or id), for good.

Writes one file that any running peer of the network is told of, and passes on: everybody erases what came from the
member, hangs up on it, and refuses its certificate from then on. A member that hears of it erases what it holds of
others. It cannot be taken back, nor can the member be admitted again with its keys; to come back it needs new ones.

\b
Examples:
  hdus-peer network revoke anna --network ~/home --yes
  hdus-peer network revoke anna --network ~/home --out /media/stick/anna.revocation --yes
"""


@click.command(help=_HELP, short_help="At the authority: put a member out for good.")
@click.argument("member")
@click.option("--network", "directory", required=True, metavar="DIR", type=click.Path(path_type=Path),
              help="The network's directory.")  # fmt: skip
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), help="By default NAME.revocation.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def revoke(member: str, directory: Path, out: Path | None, yes: bool, as_json: bool) -> None:
    from hdus_peer.admission import authority
    from hdus_peer.admission.json_file import check_free
    from hdus_peer.admission.revocation import save_revocation
    from hdus_peer.cli.questions import confirm

    network = authority.open_network(directory.expanduser())
    if out is not None:
        check_free(out.expanduser())
    if not yes:
        confirm(f"Put {member} out of {network.name}, for good?", "a revocation cannot be undone")
    revocation, _ = authority.revoke_member(network, member)
    file = (out or Path(f"{revocation.name}.revocation")).expanduser().absolute()
    save_revocation(file, revocation)
    if as_json:
        click.echo(json.dumps({"revocation": str(file), "peer": revocation.peer, "name": revocation.name}))
        return
    click.echo(f"{revocation.name} ({revocation.peer[:8]}) is revoked: {file}")
    click.echo(f"Next, on any running peer of {network.name}: hdus-peer network tell {file.name}")
