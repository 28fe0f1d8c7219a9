"""SIGKILL in the middle of a leave of three real peers, at the leaver's, at a holder's, and at everybody's at once: the
leave goes on to its complete certificate, nothing of the leaver is left on a holder's disk, nothing of anybody else is
lost, and a check finds nothing. (Every single boundary is tried in `tests/simulation/test_power_cuts`.)"""

import pytest

from hdus_peer.protocol.records import Phase
from tests.integration.peers import Network, Peer

pytestmark = pytest.mark.slow

WINDOW_BYTES = 64


def secrets_of(peer: Peer, payload_sha256: str) -> tuple[bytes, ...]:
    """The key of its seed, and windows from the beginning, the middle and the end of the sealed payload."""
    payload = (peer.state / "seeds" / payload_sha256).read_bytes()
    starts = (0, len(payload) // 2, len(payload) - WINDOW_BYTES)
    windows = (payload[start : start + WINDOW_BYTES] for start in starts)
    return ((peer.state / "keys" / payload_sha256).read_bytes(), *windows)


def assert_has_none(secrets: tuple[bytes, ...], peer: Peer) -> None:
    for path in (path for path in peer.state.rglob("*") if path.is_file()):
        content = path.read_bytes()
        assert not [secret for secret in secrets if secret in content], peer.report(f"{path.name} has a part of it")


@pytest.mark.parametrize(
    ("names", "event"),
    [
        (("anna",), "LeaveBegun"),
        (("anna",), "GrantClosed"),
        (("anna",), "Left"),
        (("bela",), "TombstoneWritten"),
        (("bela",), "SeedErased"),
        (("bela", "anna", "cleo"), "TombstoneWritten"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_a_leave_survives_a_power_cut(peers: Network, names: tuple[str, ...], event: str) -> None:
    """`names`: whose power fails, the first of them at its `event`."""
    all_of_them = {peer.name: peer for peer in peers.meshed("anna", "bela", "cleo")}
    anna, bela, cleo = all_of_them.values()
    secrets = secrets_of(anna, bela.seeds()["anna"].payload_sha256)
    victims = [all_of_them[name] for name in names]
    with anna.client() as client:
        steps = client.leave()
        assert next(steps).phase == Phase.LEAVING
        victims[0].wait_event(event)
        for victim in victims:
            victim.kill()
        steps.close()
    marks = {victim.name: victim.mark for victim in victims}
    for victim in victims:
        victim.start()
    for victim in (victim for victim in victims if victim is not anna):
        victim.wait_event("Started", marks[victim.name])
    assert anna.end() in (0, 5), anna.report("it neither went on leaving nor had left")

    certificate = anna.typed("certificate show")
    standings = {holder["name"]: holder["standing"] for holder in certificate.answer["holders"]}
    assert (certificate.code, standings) == (0, {"bela": "receipt", "cleo": "receipt"})
    for holder, other in ((bela, "cleo"), (cleo, "bela")):
        holder.wait_serving(other)
        assert len(holder.files()) == 4
        holder.stop()
    assert anna.files() == set()
    for peer in (anna, bela, cleo):
        assert_has_none(secrets, peer)
        assert peer.typed("check").answer["findings"] == [], peer.name
