"""The daemon: the composition root. It builds the adapters, orders start and stop, and answers its owner.

Modules: `home` (the state directory and its credentials), `parts` (which adapter is which), `daemon` (start, run, stop,
and the calls of the control service), `training` (the trainer's result becomes a seed), `leaving` (how far a leave
is), `views` (the core's state as values for people), `journal` (events: log, counters, wake-ups).

Facts that surprise: gRPC's fork handlers run at every start of a child and write a line to stderr each time; they are
for programs that go on using gRPC in a forked child, which ours never does. And gRPC's own core writes every refused
handshake to stderr, so that a stranger could fill a disk. Both are switched off before gRPC loads.
"""

import os

from hdus_peer.config import Config


def run(config: Config, *, rejoin: bool = False) -> None:
    """Be a peer until SIGTERM, Ctrl-C, a stop command, or the end of a leave. Raises an HdusError that says why not."""
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    import uvloop

    from hdus_peer.daemon.daemon import Daemon
    from hdus_peer.daemon.home import open_home
    from hdus_peer.daemon.journal import set_up_logging

    set_up_logging(config.log.level, config.log.form)
    uvloop.run(Daemon(config, open_home(config)).run(rejoin=rejoin))
