"""`hdus-peer config`: what a peer would be configured with, and why."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hdus_peer.cli.options import configuration_options, json_option
from hdus_peer.cli.output import Column, show_json, show_table

if TYPE_CHECKING:
    from hdus_peer.config.shown import Setting


@click.group(short_help="Show the configuration and where each value comes from.")
def config() -> None:
    """Look at the configuration. `hdus-peer init` writes a file with every key explained."""


@config.command(short_help="Every key with its value and its origin.")
@configuration_options
@json_option
def show(config_file: Path | None, settings: dict[str, str], as_json: bool) -> None:
    """Show every key with its value and where it comes from: the default, the file, an environment variable, a flag.

    These are the very layers that `hdus-peer start` reads, checked by the same rules. Nothing in them is secret.

    \b
    Examples
      hdus-peer config show
      hdus-peer config show --config peer.toml --set train.main=mlp
      hdus-peer config show --json | jq '.[] | select(.origin != "default")'
    """
    from hdus_peer.config.layers import read_layers
    from hdus_peer.config.shown import settings as shown

    every = shown(read_layers(config_file, settings))
    if as_json:
        show_json([{"key": one.key, "value": one.value, **_origin(one)} for one in every])
    else:
        columns = [Column("key"), Column("value"), Column("origin")]
        show_table("Configuration", columns, [_row(one) for one in every], "There is nothing to configure.")


def _origin(setting: "Setting") -> dict[str, str]:
    return {"origin": setting.origin.source.name.lower(), "name": setting.origin.name}


def _row(setting: "Setting") -> tuple[str, str, str]:
    from hdus_peer.config.template import toml_value

    kind, name = _origin(setting).values()
    return setting.key, "" if setting.value is None else toml_value(setting.value), f"{kind} {name}".rstrip()
