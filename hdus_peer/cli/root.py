"""The root command: finds a subcommand when it is asked for, and turns every end into an exit code.

Rules
1. A command's module is imported only when that command (or the list of them) is wanted, and imports only click at its
   top: `--help` stays under 0.15 s.
2. An HdusError becomes one sentence on stderr and the exit code of its class; with `--json`, an object on stdout.
3. Ctrl-C, and "no" to a question, end with 130 and no traceback. Anything else unforeseen is a bug and shows itself.
"""

from importlib import import_module
from typing import Any, NoReturn

import click

from hdus_peer import __version__
from hdus_peer.cli.options import wants_json
from hdus_peer.errors import HdusError

INTERRUPTED = 130

COMMANDS = (
    "start", "stop", "status", "health", "peers", "seeds", "train", "predict", "evaluate", "export",
    "leave", "forget", "certificate", "check", "logs", "events", "network", "init", "doctor", "config",
    "demo", "simulate", "study", "completion", "man",
)  # fmt: skip

EPILOG = """\b
Exit codes
    0  done
    1  a check did not hold (demo, simulate), or the peer is not serving (health)
    2  a wrong option, configuration or input
    3  done here, but some peers have not confirmed yet
    4  credentials missing, expired or of another network
    5  the state directory cannot be used (locked, damaged, left)
    6  the disk refused a write
    7  a child process, or the daemon, failed at the task
    8  no daemon is running
    9  another peer did something that cannot be accepted
  130  interrupted

\b
Examples
  hdus-peer demo                                  see everything once, on this machine
  hdus-peer network create home --task digits     a network of your own
  hdus-peer start --credentials mira.credentials  run a peer of it
  hdus-peer status --watch                        look at it
"""


class Root(click.Group):
    """Subcommands by name of their module `hdus_peer.cli.<name>`, whose attribute of that name is the command."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"hdus_peer.cli.{cmd_name}"), cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except HdusError as problem:
            _fail(ctx, problem)
        except (KeyboardInterrupt, click.Abort):
            click.echo("\nInterrupted.", err=True)
            ctx.exit(INTERRUPTED)


def _fail(ctx: click.Context, problem: HdusError) -> NoReturn:
    if wants_json(ctx):
        from hdus_peer.cli.output import show_json

        show_json({"error": str(problem), "kind": type(problem).__name__, "exit_code": problem.exit_code})
    else:
        click.echo(f"hdus-peer: {problem}", err=True)
    ctx.exit(problem.exit_code)


@click.group(
    cls=Root, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, message="%(version)s")
def root() -> None:
    """Peers that learn from one another without a server, and can leave so that nothing of them remains."""
