"""`hdus-peer network`: make a network, admit its members. No logic: it calls `admission` and says what was done.

Rule: admission is imported by the commands, not by these modules, so that `--help` stays fast.
"""

import click

from hdus_peer.cli.network.accept import accept
from hdus_peer.cli.network.create import create
from hdus_peer.cli.network.issue import issue
from hdus_peer.cli.network.request import request
from hdus_peer.cli.network.revoke import revoke
from hdus_peer.cli.network.sign import sign
from hdus_peer.cli.network.task import task
from hdus_peer.cli.network.tell import tell

_EPILOG = """\b
Two ways to admit a member
  Its keys are made at the authority, and one secret file is carried to the device:
    hdus-peer network issue anna --network home           at the authority
    hdus-peer start --credentials anna.credentials        on the device
  Its keys are made on the device and never leave it; nothing that is carried is secret:
    hdus-peer network request anna --root root.pem        on the device (root.pem: from the authority's DIR)
    hdus-peer network sign anna.request --network home    at the authority
    hdus-peer network accept anna.grant                   on the device, then: hdus-peer start

\b
Later certificates for the same member, who keeps its identity, its state and its seeds
    hdus-peer network request --renew                     on the device
    hdus-peer network sign anna.request --network home    at the authority
    hdus-peer network accept anna.grant                   on the device, then restart it

\b
Put a member out for good: everybody erases what came from it, and its certificate is refused from then on
    hdus-peer network revoke anna --network home --yes    at the authority; writes one file
    hdus-peer network tell anna.revocation                on any one peer of the network, which tells the others
"""


@click.group(short_help="Make a network and admit members.", epilog=_EPILOG)
def network() -> None:
    """Make a network and admit its members."""


for _command in (create, task, issue, request, sign, accept, revoke, tell):
    network.add_command(_command)
