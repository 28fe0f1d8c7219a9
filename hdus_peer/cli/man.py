"""`hdus-peer man`: the manual page of all commands."""

from pathlib import Path

import click


@click.command(short_help="Write the manual page.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Write hdus-peer.1 there.")
def man(out: Path | None) -> None:
    """Write the manual page of all commands, made from what --help says, to stdout or as hdus-peer.1 into DIR.

    \b
    Examples
      hdus-peer man | man -l -
      hdus-peer man --out ~/.local/share/man/man1
    """
    from hdus_peer.cli.manual import NAME, page
    from hdus_peer.cli.root import root

    text = page(root)
    if out is None:
        click.echo(text, nl=False)
        return
    from hdus_peer.durable import write_durably

    file = out.expanduser() / f"{NAME}.1"
    write_durably(file, text.encode("utf-8"), 0o644)
    click.echo(f"The manual page is {file}.")
