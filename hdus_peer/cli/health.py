"""`hdus-peer health`: grpc.health.v1 of this peer, asked on its own port; for container engines and other supervisors.

Rule: it is run every few seconds, so it loads neither what only start needs, nor what only a terminal needs.
"""

from pathlib import Path

import click

from hdus_peer.cli.options import json_option, state_option
from hdus_peer.cli.output import show_json

NOT_SERVING_EXIT_CODE = 1


@click.command(short_help="Ask whether this peer is ready, for supervisors.")
@state_option
@json_option
@click.pass_context
def health(ctx: click.Context, state: Path, as_json: bool) -> None:
    """Ask this peer's own port, by grpc.health.v1 and with its own credentials, whether it serves.

    Ends with 0 when it is SERVING; with 1 when it is NOT_SERVING: it starts, stops, or is leaving and gives no seed any
    more. That is no reason to restart it. With 8 no daemon runs, with 7 it gives no answer, with 4 the credentials do
    not fit.

    \b
    Examples
      hdus-peer health
      hdus-peer health --state ./mira --json
    """
    from hdus_peer.admission.tls_part import read_tls_part
    from hdus_peer.control.client import ControlClient
    from hdus_peer.transport.health import ask_health

    with ControlClient(state) as daemon:
        now = daemon.status()
    tls = read_tls_part(state / "credentials")
    is_serving = ask_health(now.peer, now.address, tls.root_pem, tls.chain_pem, tls.key_pem)
    word = "SERVING" if is_serving else "NOT_SERVING"
    if as_json:
        show_json({"status": word, "phase": now.phase, "address": now.address})
    elif is_serving:
        click.echo(f"{word}: {now.name} answers at {now.address}.")
    else:
        click.echo(f"{word}: {now.name} is {_why(now.phase)}; see hdus-peer status.", err=True)
    ctx.exit(0 if is_serving else NOT_SERVING_EXIT_CODE)


def _why(phase: str) -> str:
    return "starting or stopping" if phase == "active" else f"{phase} and gives no seed any more"
