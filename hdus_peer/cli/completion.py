"""`hdus-peer completion`: the script by which a shell completes commands, options and files (click's own)."""

import click

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_HDUS_PEER_COMPLETE"


@click.command(short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the script that completes commands, options and files in SHELL.

    One line installs it, for every shell that is opened afterwards:

    \b
      echo 'eval "$(hdus-peer completion bash)"' >> ~/.bashrc
      echo 'eval "$(hdus-peer completion zsh)"' >> ~/.zshrc
      hdus-peer completion fish > ~/.config/fish/completions/hdus-peer.fish

    \b
    Examples
      hdus-peer completion bash
      hdus-peer completion zsh > ~/.zfunc/_hdus-peer
    """
    from click.shell_completion import get_completion_class

    from hdus_peer.cli.root import root

    kind = get_completion_class(shell)
    assert kind is not None, "click knows the shells of SHELLS"
    click.echo(kind(root, {}, "hdus-peer", VARIABLE).source())
