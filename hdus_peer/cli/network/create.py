"""`hdus-peer network create`: a network of one's own."""

import json
from pathlib import Path

import click

from hdus_peer.cli.options import json_option

_HELP = """Make a network in DIR: its root key, its certificate and its task.

A task says what the network learns. TASK is one that comes with hdus-peer or a file of that form: pictures (digits,
mnist, fashion-mnist, cifar10), rows of a table with typed columns (adult), windows of sensors (har), sequences
(ecg5000). `network task NAME` shows one, to begin your own with. Keep DIR off the peers' devices: whoever has its
root.key can admit anybody. Its root.pem is public; a device that makes its keys itself needs it.

\b
Examples:
  hdus-peer network create ~/home --task digits
  hdus-peer network create ~/clinic --task task.toml --name clinic
"""


@click.command(help=_HELP, short_help="Make a network.")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--task", required=True, metavar="TASK", help="A preset's name, or a task.toml.")
@click.option("--name", metavar="NAME", help="The network's name; by default that of DIR.")
@json_option
def create(directory: Path, task: str, name: str | None, as_json: bool) -> None:
    from hdus_peer.admission.authority import create_network

    directory = directory.expanduser().absolute()
    made = create_network(directory, name or directory.name, task)
    if as_json:
        fields = {"network": made.id, "name": made.name, "directory": str(directory), "task": made.task.name}
        click.echo(json.dumps({**fields, "task_fingerprint": made.task.fingerprint}))
        return
    click.echo(f"The network {made.name} is in {directory}; its task is {made.task.name}.")
    click.echo(f"Its id is {made.id}.")
    click.echo(f"Next: hdus-peer network issue NAME --network {directory}")
