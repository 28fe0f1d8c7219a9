"""`hdus-peer demo`: the whole product once, on this machine."""

from pathlib import Path

import click


@click.command(short_help="See everything once: a network of peers on this machine.")
@click.option("--data", default="digits", metavar="SOURCE", show_default=True, help="digits, or npz:FILE[#x=…,y=…].")
@click.option("--peers", type=click.IntRange(3, 32), default=6, show_default=True, help="How many peers.")
@click.option(
    "--samples", type=click.IntRange(40), metavar="N", help="At most N samples a peer, its own tests included."
)
@click.option("--seed", type=click.IntRange(0, 2**31), default=0, show_default=True, help="Random seed.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the results there.")
@click.option("--keep", is_flag=True, help="Leave the peers running, and say how to talk to them.")
@click.pass_context
def demo(
    ctx: click.Context, data: str, peers: int, samples: int | None, seed: int, json_file: Path | None, keep: bool
) -> None:
    """Run a network of separate peer processes here: they learn, share seeds, predict, and one leaves.

    Then everything is done again without that peer, and every bit of the others' predictions is compared. Ends with 0
    only if every check held.

    \b
    Examples
      hdus-peer demo
      hdus-peer demo --data npz:mnist.npz --samples 1500
      hdus-peer demo --peers 4 --keep
    """
    from hdus_peer.demo import DemoOptions, run

    ctx.exit(run(DemoOptions(data, peers, samples, seed, json_file, keep)))
