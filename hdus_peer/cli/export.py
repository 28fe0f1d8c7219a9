"""`hdus-peer export`: the main model, or the whole ensemble, as one ONNX file.

Rule: a file with seeds of others is asked for twice. Their owners were promised that an erasure reaches everything that
this peer holds; it does not reach such a file.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hdus_peer.cli.options import asks_daemon
from hdus_peer.cli.output import show_json
from hdus_peer.cli.questions import confirm

if TYPE_CHECKING:
    from hdus_peer.control.client import ControlClient
    from hdus_peer.control.port import ExportView

WARNING = (
    "The file will hold the seeds of other members. When one of them leaves, this peer erases what it holds and signs\n"
    "for it; no erasure reaches this file or a copy of it. You take it upon yourself to delete them then. This export\n"
    "is recorded, and `hdus-peer status` names the files that an unlearning did not reach."
)


@click.command(short_help="Write the main model, or the ensemble, as one ONNX file.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--with-seeds/--main-only",
    default=False,
    show_default=True,
    help="The whole ensemble with the seeds of others, or this peer's own model alone.",
)
@click.option("--yes", is_flag=True, help="Do not ask before the seeds of others are written.")
@click.option("--force", is_flag=True, help="Replace FILE where it exists.")
@asks_daemon
def export(daemon: "ControlClient", as_json: bool, file: Path, with_seeds: bool, yes: bool, force: bool) -> None:
    """Write this peer's main model as an ONNX file that any ONNX Runtime runs; with --with-seeds the whole ensemble.

    The input "x" takes samples as float32, normalised as the file's metadata say; the outputs are "alone", the main
    model's logits, and "ensemble" (equal to it without seeds). The metadata also name the classes, the rule, ρ, and
    whose seeds of which generation are inside. The daemon writes the file, with mode 0600.

    A file with seeds is beyond the reach of any later erasure: when an owner leaves, delete it yourself.

    \b
    Examples
      hdus-peer export main.onnx
      hdus-peer export ensemble.onnx --with-seeds --yes
    """
    if with_seeds and not yes:
        click.echo(WARNING, err=True)
        confirm("Write the seeds of others into a file?", "no erasure reaches a file with the seeds of others")
    found = daemon.export(str(file.absolute()), with_seeds, force)
    show_json(found) if as_json else _show(found)


def _show(found: "ExportView") -> None:
    inside = f"the main model and {len(found.owners)} seeds by {found.rule}, ρ {found.rho:g}"
    click.echo(f"{found.file}: {inside if found.owners else 'the main model alone'}, {found.size:,} bytes.")
    if found.owners:
        click.echo("It is beyond the reach of an erasure: delete it when one of the owners inside leaves.")
