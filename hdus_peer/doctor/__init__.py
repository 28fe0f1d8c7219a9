"""The doctor: looks at everything a peer needs before it starts, and says what to do where something is amiss.

    findings     what was found, in one sentence each
    software     Python and the libraries of the children, imported in a child
    state        the state directory: place, permissions, space, lock
    credentials  whose they are, how long they last, and whether the clock can be right
    ports        whether the port is free, or who has it
    multicast    whether mDNS hears itself on each interface
    sources      whether the files of the data sources are there

Rules
1. Nothing is changed, and nothing is left behind: the doctor may look at a running peer.
2. A finding that is not good ends with what to do.

Absent on purpose: reading the data, which is the trainer's; and the contents of the state directory, which
`hdus-peer check` verifies.
"""

from hdus_peer.config import Config
from hdus_peer.doctor import credentials, multicast, ports, software, sources, state
from hdus_peer.doctor.findings import Finding


def examine(config: Config) -> tuple[Finding, ...]:
    """Everything that is to be said about a peer that would run with `config`."""
    return (
        *software.findings(),
        *state.findings(config),
        *credentials.findings(config),
        *ports.findings(config),
        *multicast.findings(config),
        *sources.findings(config),
    )
