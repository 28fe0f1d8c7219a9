"""`hdus-peer network task`: a task, checked and printed."""

import dataclasses
import json

import click

from hdus_peer.cli.options import json_option

_HELP = """Print the task TASK, a preset or a file, once it has been checked: the beginning of a file of your own.

\b
Examples:
  hdus-peer network task adult
  hdus-peer network task ~/task.toml --json
"""


@click.command(help=_HELP, short_help="Print and check a task.")
@click.argument("task", metavar="TASK")
@json_option
def task(task: str, as_json: bool) -> None:
    from hdus_peer.admission.task_file import parse_task, task_text

    text = task_text(task)
    if not as_json:
        click.echo(text, nl=False)
        return
    parsed = parse_task(text, task)
    click.echo(json.dumps({**dataclasses.asdict(parsed), "task_fingerprint": parsed.fingerprint}))
