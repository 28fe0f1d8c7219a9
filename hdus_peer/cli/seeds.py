"""`hdus-peer seeds`: the seeds of others that this peer holds."""

from typing import TYPE_CHECKING

import click

from hdus_peer.cli.options import asks_daemon
from hdus_peer.cli.output import Column, duration, show_json, show_table

if TYPE_CHECKING:
    from hdus_peer.control.client import ControlClient
    from hdus_peer.control.port import SeedView

_COLUMNS = (
    Column("owner"),
    Column("id"),
    Column("architecture"),
    Column("generation", True),
    Column("bytes", True),
    Column("sealed payload (SHA-256)"),
    Column("in use"),
    Column("lease", True),
)


@click.command(short_help="List the seeds of others held here.")
@asks_daemon
def seeds(daemon: "ControlClient", as_json: bool) -> None:
    """List the seeds of other peers that are held here.

    A seed that is not in use waits for its owner to renew it after a restart. A lease is for how long a seed may be
    used, or once that is over held, without hearing from its owner.

    \b
    Examples
      hdus-peer seeds
      hdus-peer seeds --json | jq '.seeds[].payload_sha256'
    """
    found = daemon.seeds()
    if as_json:
        show_json({"seeds": found})
    else:
        show_table(
            "Seeds held",
            _COLUMNS,
            [_row(seed) for seed in sorted(found, key=lambda seed: seed.name)],
            "No seed of another peer is held here.",
        )


def _row(seed: "SeedView") -> list[str]:
    use = "yes" if seed.confirmed else "lease over" if not seed.use_left_s else "waits for its owner"
    size, digest = f"{seed.payload_bytes:,}", f"{seed.payload_sha256[:16]}…"
    lease = duration(seed.use_left_s or seed.hold_left_s)
    return [seed.name, seed.owner[:8], seed.architecture, str(seed.generation), size, digest, use, lease]
