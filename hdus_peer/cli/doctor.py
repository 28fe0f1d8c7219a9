"""`hdus-peer doctor`: is everything there that a peer needs, and what to do where it is not."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hdus_peer.cli.options import configuration_options, json_option
from hdus_peer.cli.output import Column, show_json, show_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hdus_peer.doctor.findings import Finding

NOT_WELL = 2
MARKS = {"good": "✓", "warning": "!", "bad": "✗"}


@click.command(short_help="Look at everything that this peer needs.")
@configuration_options
@click.option("--state", type=click.Path(path_type=Path, readable=False), help="The peer's state directory.")
@click.option("--credentials", type=click.Path(path_type=Path, readable=False), help="Its credentials file.")
@json_option
@click.pass_context
def doctor(
    ctx: click.Context,
    config_file: Path | None,
    settings: dict[str, str],
    state: Path | None,
    credentials: Path | None,
    as_json: bool,
) -> None:
    """Look at everything that this peer needs: libraries, state directory, credentials, clock, port, multicast, data.

    Nothing is changed; a running peer may be looked at. ✓ is well, ! is worth a look, ✗ must be mended. Ends with 0
    where nothing is ✗, and with 2 otherwise.

    \b
    Examples
      hdus-peer doctor --config peer.toml
      hdus-peer doctor --credentials mira.credentials --set network.listen=0.0.0.0:7500
      hdus-peer doctor --json | jq '.findings[] | select(.mark == "bad")'
    """
    from hdus_peer.config import load_config
    from hdus_peer.doctor import examine

    given = {**settings, "credentials": credentials or settings.get("credentials")}
    found = examine(load_config(config_file, {**given, "state_directory": state or settings.get("state_directory")}))
    is_well = all(finding.mark != "bad" for finding in found)
    if as_json:
        show_json({"well": is_well, "findings": found})
    else:
        show_findings(found)
    ctx.exit(0 if is_well else NOT_WELL)


def show_findings(found: "Sequence[Finding]") -> None:
    """A table of what was found."""
    rows = [(MARKS[finding.mark], finding.check, finding.sentence) for finding in found]
    show_table("Findings", [Column(""), Column("check"), Column("finding")], rows, "Nothing was looked at.")
