"""What must hold where two devices are of one identity.

What one of them signs says nothing of the other, so that nothing is promised of what they hold (I4). But whoever meets
both in turn shows it, gives them neither key nor lease any more, and counts no answer of theirs: its certificate is
never complete by the word of one for both.
"""

import random

from hdus_peer.domain.certificate import to_file, verify_file
from hdus_peer.domain.identity import PeerId
from hdus_peer.protocol.certificate import certificate_of
from hdus_peer.protocol.records import MemberRow
from hdus_peer.protocol.state import State
from hdus_peer.simulation import cast
from hdus_peer.simulation.device import Device
from hdus_peer.simulation.evidence import Violation, on_disk


class Twins:
    """`peers`: of whom there are, or were, two devices."""

    def __init__(self) -> None:
        self.peers: set[PeerId] = set()
        self._heard: dict[tuple[PeerId, int, PeerId], list[str]] = {}  # (place, run, whom) -> nonces

    def check_heard(self, device: Device, row: MemberRow) -> None:
        """Whoever heard one run, another one, and then the first again, shows that there are two devices."""
        if row.hello is None or row.peer not in self.peers:
            return
        heard, nonce = self._heard.setdefault((device.place, device.run, row.peer), []), row.hello.statement.run_nonce
        if nonce in heard[:-1] and not row.cloned:
            raise Violation("I4", f"{device.who.number} has met two devices of {row.peer[:8]}, and does not show it")
        if nonce not in heard:
            heard.append(nonce)

    def check_single(self, device: Device, to: PeerId) -> None:
        """No key and no lease for whom this device knows to be two."""
        row = device.disk.rows[MemberRow].get((to,))
        if isinstance(row, MemberRow) and row.cloned:
            raise Violation("I4", f"{device.who.number} gives {to[:8]} a key or a lease, and knows that it is two")

    def check_certificate(self, device: Device) -> None:
        """As anybody verifies it: whom its owner knows to be two is not counted. (An owner that is two itself may obey
        the notice of the other one, and then has no certificate that verifies.)"""
        if device.core is None or not self.peers or device.peer in self.peers:
            return
        me, rows = device.core.state.me, [row for table in device.disk.rows.values() for row in table.values()]
        certificate = certificate_of(State(me, device.settings.limits, rows, random.Random(0)))
        cloned = {row.peer for row in on_disk(device, MemberRow) if row.cloned}
        if certificate is None or not cloned:
            return
        for holder in verify_file(to_file(me.sign(certificate)), cast.root().public_key).holders:
            if holder.is_confirmed and holder.holder in cloned:
                raise Violation("I4", f"the certificate of {device.who.number} counts {holder.name}, which is two")
