"""L2 from outside: a seed is used no longer than leased (a rebuild takes its moment), and held no longer with an open
port; all the later where the disk puts it off.

Rule: a lease is counted in true time, from the instant at which its holder made it durable.
"""

from dataclasses import dataclass

from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.seed import LeaseRenewal
from hdus_peer.protocol.alarms import NEVER_S
from hdus_peer.protocol.records import ErasureRow, HeldSeedRow
from hdus_peer.simulation.device import Device
from hdus_peer.simulation.evidence import Violation, on_disk

SLACK_S = 2.0  # how long effects may take: the longest pause of `hands`, and what waits before it


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease as its holder made it durable, with its ends in true time (s)."""

    generation: int
    sequence: int
    issued_at_s: int  # an owner that was restored may use a sequence twice
    use_until_s: float
    hold_until_s: float


class LeaseWatch:
    def __init__(self) -> None:
        self._leases: dict[PeerId, dict[PeerId, Lease]] = {}  # by holder, and by owner
        self._due_s: dict[PeerId, float] = {}  # when the first lease of a holder ends

    def on_lease(self, device: Device, owner: PeerId, lease: LeaseRenewal) -> None:
        leases, now_s = self._leases.setdefault(device.peer, {}), device.world.now_s
        known, name = leases.get(owner), (lease.generation, lease.sequence, lease.issued_at_s)
        if known is None or (known.generation, known.sequence, known.issued_at_s) != name:
            lengths_s = lease.use_until_s - lease.issued_at_s, lease.hold_until_s - lease.issued_at_s
            lease_here = leases[owner] = Lease(*name, now_s + lengths_s[0], now_s + lengths_s[1])
            self._due_s[device.peer] = min(self._due_s.get(device.peer, NEVER_S), lease_here.use_until_s)

    def is_due(self, device: Device) -> bool:
        """Whether time alone may have ended a lease since `check` looked."""
        return self._due_s.get(device.peer, NEVER_S) < device.world.now_s - SLACK_S

    def check(self, device: Device) -> None:
        """Raises Violation."""
        if self.is_due(device) and not device.health.is_in_trouble:
            held = [(row, lease) for row in on_disk(device, HeldSeedRow) if (lease := self._lease_of(device, row))]
            self._due_s[device.peer] = min([lease.use_until_s for _, lease in held], default=NEVER_S)
            self._check_held(device, held)

    def _lease_of(self, device: Device, row: HeldSeedRow) -> Lease | None:
        lease = self._leases.get(device.peer, {}).get(row.owner)
        return lease if lease is not None and lease.generation == row.generation else None

    def _check_held(self, device: Device, held: list[tuple[HeldSeedRow, Lease]]) -> None:
        latest_s = device.world.now_s - SLACK_S
        erasing = {payload for row in on_disk(device, ErasureRow) for payload in row.payloads}
        using = {row.payload_sha256 for row in device.hands.using}
        for row, lease in held:
            if row.payload_sha256 in erasing:
                continue
            if lease.hold_until_s < latest_s and device.is_open:
                raise Violation("L2", f"{device.who.number} holds a seed of {row.owner[:8]} after its lease")
            if lease.use_until_s < latest_s and row.payload_sha256 in using:
                raise Violation("L2", f"{device.who.number} uses a seed of {row.owner[:8]} after its lease")
