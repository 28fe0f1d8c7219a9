"""`hdus-peer check`: is a state directory sound, and can it be made so? For a peer whose daemon does not run."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hdus_peer.cli.options import json_option, state_option
from hdus_peer.cli.output import show_json
from hdus_peer.errors import StateError

if TYPE_CHECKING:
    from hdus_peer.daemon.inspection import Inspection


@click.command(short_help="Verify the state directory of a peer that does not run; --repair mends it.")
@click.option("--repair", is_flag=True, help="Mend what can be mended without losing anything that others rely on.")
@state_option
@json_option
@click.pass_context
def check(ctx: click.Context, repair: bool, state: Path, as_json: bool) -> None:
    """Verify everything that a peer keeps: ledger, signatures, sealed seeds, keys, permissions.

    Without --repair nothing is changed. A repair destroys files that nothing refers to, erases what was unlearned,
    drops seeds of others that are damaged (they are fetched again, and their owners are told), and never touches what
    only a backup can bring back. Ends with 0 if nothing is wrong any more, with 5 if something remains.

    \b
    Examples
      hdus-peer check
      hdus-peer check --repair
      hdus-peer check --state ./mira --json
    """
    from hdus_peer.daemon.inspection import inspect

    found = inspect(state, mend=repair)
    if as_json:
        show_json(found)
    else:
        for each in found.findings:
            click.echo(f"{each.kind}: {each.place}\n  {each.problem}\n  {each.outcome}: {each.remedy}")
        click.echo(_verdict(found))
    ctx.exit(0 if found.is_sound else StateError.exit_code)


def _verdict(found: "Inspection") -> str:
    if not found.findings:
        return f"{found.directory} is sound."
    counts = {name: sum(each.outcome == name for each in found.findings) for name in ("mended", "found", "remains")}
    told = [f"{count} {name}" for name, count in counts.items() if count]
    advice = " To mend it: hdus-peer check --repair" if counts["found"] else ""
    return f"{found.directory}: {', '.join(told)}.{advice}"
