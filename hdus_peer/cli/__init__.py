"""The command line: one file per command, each a thin shell around the control client.

Rule: nothing but click is imported at the top of a module here; what a command needs it imports when it runs.
"""

import sys


def main() -> None:
    """Entry point of `hdus-peer`; ends the process with one of the exit codes that `hdus-peer --help` lists."""
    if sys.argv[1:2] == ["start"]:
        from hdus_peer.freed_memory import overwrite_freed_memory

        overwrite_freed_memory()  # before anything is read or imported, for all of that is done again
    from hdus_peer.cli.root import root

    root(prog_name="hdus-peer")
