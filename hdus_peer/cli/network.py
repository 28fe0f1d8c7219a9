"""`hdus-peer network`: make a network, admit its members. No logic: it calls `admission` and says what was done.

Rule: admission is imported by the commands, not by this module, so that `--help` stays fast.
"""

import dataclasses
import json
from pathlib import Path

import click

from hdus_peer.cli.options import json_option

_CREATE_HELP = """Make a network in DIR: its root key, its certificate and its task.

A task says what the network learns. TASK is one that comes with hdus-peer or a file of that form: pictures (digits,
mnist, fashion-mnist, cifar10), rows of a table with typed columns (adult), windows of sensors (har), sequences
(ecg5000). `network task NAME` shows one, to begin your own with. Keep DIR off the peers' devices: whoever has its
root.key can admit anybody.

\b
Examples:
  hdus-peer network create ~/home --task digits
  hdus-peer network create ~/clinic --task task.toml --name clinic
"""

_TASK_HELP = """Print the task TASK, a preset or a file, once it has been checked: the beginning of a file of your own.

\b
Examples:
  hdus-peer network task adult
  hdus-peer network task ~/task.toml --json
"""

_ISSUE_HELP = """Admit a member called NAME: writes one credentials file.

Carry the file to the member's device over a safe way; it holds the member's keys and is not kept here.

\b
Examples:
  hdus-peer network issue anna --network ~/home
  hdus-peer network issue pi-4 --network ~/home --out /media/stick/pi-4.credentials --days 90
"""


@click.group(short_help="Make a network and admit members.")
def network() -> None:
    """Make a network and admit its members."""


@network.command(help=_CREATE_HELP, short_help="Make a network.")
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
    click.echo(f"Next: hdus-peer network issue NAME --network {directory}")


@network.command(name="task", help=_TASK_HELP, short_help="Print and check a task.")
@click.argument("task", metavar="TASK")
@json_option
def show_task(task: str, as_json: bool) -> None:
    from hdus_peer.admission.task_file import parse_task, task_text

    text = task_text(task)
    if not as_json:
        click.echo(text, nl=False)
        return
    parsed = parse_task(text, task)
    click.echo(json.dumps({**dataclasses.asdict(parsed), "task_fingerprint": parsed.fingerprint}))


@network.command(help=_ISSUE_HELP, short_help="Admit a member.")
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
