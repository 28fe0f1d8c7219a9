"""`hdus-peer forget`: have single samples unlearned, everywhere and here, and go on without them.

Rule: what was confirmed is done by the daemon, whatever becomes of this command: a closed terminal stops nothing.
"""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hdus_peer.cli.options import asks_daemon, unlearning_options
from hdus_peer.cli.output import Column, show_json, show_table
from hdus_peer.cli.questions import confirm
from hdus_peer.cli.unlearning_view import PENDING_EXIT_CODE, followed, show_erasures, show_who_holds, summary
from hdus_peer.errors import ConfigurationError, NotRunningError

if TYPE_CHECKING:
    from hdus_peer.control.client import ControlClient
    from hdus_peer.control.port import SelectionView, UnlearnProgress

KINDS_BY_SUFFIX = {".npz": "npz", ".csv": "csv", ".parquet": "parquet"}
FILE_KINDS = frozenset({"images", *KINDS_BY_SUFFIX.values()})
_CLASSES = (Column("class"), Column("samples", True))


@click.command(short_help="Have samples unlearned everywhere, and go on.")
@click.option("--samples", metavar="FILE", help="A file or folder of the samples, or a source as in data.source.")
@click.option("--where", metavar="EXPR", help="Those of which this is true: COLUMN = VALUE, joined by and.")
@click.option("--dry-run", is_flag=True, help="Only show which samples are meant.")
@unlearning_options("forgetting")
@asks_daemon
@click.pass_context
def forget(
    ctx: click.Context,
    daemon: "ControlClient",
    as_json: bool,
    samples: str | None,
    where: str | None,
    dry_run: bool,
    yes: bool,
    wait_s: float,
) -> None:
    """Forget samples: everybody erases the seed that was learned from them, and confirms it with a signature; this peer
    erases its models, trains again without these samples, and publishes the next seed.

    Samples of the reference set and of the global test are everybody's, and never learned from with their labels: they
    are not looked at. Ends with 0 once all holders and this peer confirmed, with 3 where some have not yet.

    \b
    Examples
      hdus-peer forget --samples withdrawn.npz --yes
      hdus-peer forget --where "patient = 17 and ward = B" --dry-run
      hdus-peer forget --where "label = 3" --yes --json
    """
    if bool(samples) == bool(where):
        raise ConfigurationError("say which samples are meant: give either --samples FILE or --where EXPR")
    chosen = daemon.select(_source(samples) if samples else "", where or "")
    if not as_json:
        _show_chosen(chosen)
    if dry_run:
        show_json(chosen) if as_json else click.echo("Nothing was changed.")
        return
    if not as_json:
        show_who_holds(daemon.holders())
    if not yes:
        confirm("Have them forgotten everywhere?", "forgetting cannot be undone")
    with contextlib.closing(daemon.forget(chosen.name, wait_s)) as steps:
        reached = followed(steps, quiet=as_json)
    if reached is None:
        raise NotRunningError("the daemon ended before it forgot anything: type `hdus-peer start`, then forget again")
    show_json({"selection": chosen, **summary(reached)}) if as_json else _show(reached)
    ctx.exit(0 if reached.finished else PENDING_EXIT_CODE)


def _source(given: str) -> str:
    """As the daemon, whose working directory is another, can open it."""
    path = Path(given).expanduser()
    if path.exists():
        return f"{_kind_of(path)}:{path.absolute()}"
    kind, mark, rest = given.partition(":")
    if mark and kind in FILE_KINDS:
        place, hash_sign, options = rest.partition("#")
        return f"{kind}:{Path(place).expanduser().absolute()}{hash_sign}{options}"
    if mark and kind == "module":
        return given
    raise ConfigurationError(f"{given} is not there: give a file or a folder, or a source such as npz:FILE")


def _kind_of(path: Path) -> str:
    if path.is_dir():
        return "images"
    if path.suffix.lower() in KINDS_BY_SUFFIX:
        return KINDS_BY_SUFFIX[path.suffix.lower()]
    known = ", ".join(KINDS_BY_SUFFIX)
    raise ConfigurationError(f"{path} has none of the suffixes {known}: write what it is, such as csv:{path}")


def _show_chosen(chosen: "SelectionView") -> None:
    rows = [[each.name, str(each.samples)] for each in chosen.classes if each.samples]
    click.echo(f"Meant are {chosen.matched} of the {chosen.own} samples that this peer learns from.")
    show_table("To be forgotten", _CLASSES, rows, "")


def _show(reached: "UnlearnProgress") -> None:
    show_erasures(reached)
    if reached.pending:
        click.echo("The daemon goes on telling the others; `hdus-peer status` shows who is pending.")
    click.echo("This peer trains again without them: `hdus-peer status --watch` shows how far it is.")
