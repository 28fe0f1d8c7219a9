"""What every peer of a fleet says of itself: its seeds, and its accuracy and logits on both test sets."""

from hdus_peer.control.client import ControlClient
from hdus_peer.demo.fleet import Fleet, Statuses
from hdus_peer.demo.results import PeerResult, Results
from hdus_peer.domain.combination import RULES


def measure(fleet: Fleet) -> Results:
    """Ask all peers side by side. They must all be up."""
    found = fleet.ask(_measure_one)
    return tuple(found[name] for name in fleet.names)


def _measure_one(client: ControlClient) -> PeerResult:
    local = client.evaluate("local")
    everywhere = {rule: client.evaluate("global", rule) for rule in RULES}
    status = client.status()
    return PeerResult(
        name=status.name,
        peer=status.peer,
        main=status.main.architecture,
        parameters=status.main.parameters,
        owners=status.ensemble.owners,
        held={seed.owner: seed.payload_sha256 for seed in client.seeds()},
        local=local,
        everywhere=everywhere,
    )


def is_complete(found: Statuses) -> bool:
    """Whether every peer is trained and its ensemble uses the seed of every other one."""
    everybody = {status.peer for status in found.values()}
    return all(
        status.training.state == "done"
        and {*status.ensemble.owners} == everybody - {status.peer}
        and not status.ensemble.pending
        for status in found.values()
    )
