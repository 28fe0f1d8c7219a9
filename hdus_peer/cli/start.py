"""`hdus-peer start`: be a peer, in the foreground. The only command that imports the daemon."""

from pathlib import Path

import click

from hdus_peer.cli.options import STATE_VARIABLE, configuration_options, json_option

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(short_help="Run this peer.")
@configuration_options
@click.option(
    "--credentials", type=_FILE, help="This peer's credentials file: at the first start, and when it was renewed."
)
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    envvar=STATE_VARIABLE,
    show_envvar=True,
    help="The peer's state directory.  [default: ~/.local/state/hdus-peer]",
)
@click.option("--listen", metavar="HOST:PORT", help="Where to listen for other peers; port 0 takes any free one.")
@click.option("--peer", "peers", multiple=True, metavar="HOST:PORT", help="A peer to dial; may be repeated.")
@click.option("--rejoin", is_flag=True, help="Come back after a leave.")
@click.option("--unless-left", is_flag=True, help="End with 0 where this peer has left, for supervisors.")
@json_option
def start(
    config_file: Path | None,
    credentials: Path | None,
    state: Path | None,
    listen: str | None,
    peers: tuple[str, ...],
    rejoin: bool,
    unless_left: bool,
    settings: dict[str, str],
    as_json: bool,
) -> None:
    """Run this peer until Ctrl-C, `hdus-peer stop` or the end of a leave.

    It finds the others by mDNS and by --peer, trains on its own data, shares one small seed, and serves predictions.
    With --json its log is JSON, one object a line.

    A supervisor that starts again whatever failed should give --unless-left, so that it leaves a peer that has left
    alone.

    \b
    Examples
      hdus-peer start --credentials mira.credentials
      hdus-peer start --config peer.toml --state ./mira
      hdus-peer start --credentials mira.credentials --peer 192.0.2.7:7433
      hdus-peer start --set train.main=resnet20 --set data.source=npz:mnist.npz
    """
    from hdus_peer.config import load_config
    from hdus_peer.daemon import run
    from hdus_peer.errors import LeftError

    named = {
        "credentials": credentials,
        "state_directory": state,
        "network.listen": listen,
        "network.static_peers": peers or None,
        "log.form": "json" if as_json else None,
    }
    given = {key: value for key, value in named.items() if value is not None}
    config = load_config(config_file, {**settings, **given})
    try:
        run(config, rejoin=rejoin)
    except LeftError as left:
        if not unless_left:
            raise
        click.echo(f"hdus-peer: {left}", err=True)
