"""The command line: one file per command, each a thin shell around the control client.

Rule: nothing but click is imported at the top of a module here; what a command needs it imports when it runs.
"""


def main() -> None:
    """Entry point of `hdus-peer`; ends the process with one of the exit codes that `hdus-peer --help` lists."""
    from hdus_peer.cli.root import root

    root(prog_name="hdus-peer")
