"""Asking before what cannot be undone.

Rule: only a terminal is asked; a script says `--yes`, or is told to.
"""

import sys

import click

from hdus_peer.errors import ConfigurationError


def confirm(question: str, why: str) -> None:
    """Ask; "no" ends the command. `why` says why there is a question, as the beginning of a sentence."""
    if not sys.stdin.isatty():
        raise ConfigurationError(f"{why}, so it is asked for first: add --yes")
    click.confirm(question, abort=True)
