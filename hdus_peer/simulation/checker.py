"""The invariants of `hdus_peer.protocol`, judged from outside: on disks, on wires, on what the predictors compute with.

Rules
1. The judge reads disks and messages, never what a core believes.
2. It is told of every commit, send, event and crash, and looks again after every action of a device that changed
   something there, or by whose time a lease has ended.
3. A member gone bad is not judged; what it does to the others is.

Absent on purpose: what holds only once everything is quiet (`quiet`).
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from hdus_peer.domain.envelope import Signed
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.membership import Hello
from hdus_peer.domain.seed import KeyGrant, LeaseRenewal, is_lapsed
from hdus_peer.domain.unlearning import UnlearnKind
from hdus_peer.protocol.messages import Greeting, Heartbeat, Key, Merged, Message, Receipt, Renewal
from hdus_peer.protocol.records import (
    TABLES,
    EquivocationRow,
    ErasureRow,
    GrantRow,
    HeldSeedRow,
    MemberRow,
    OwedReceiptRow,
    OwnSeedRow,
    Phase,
    ReceiptRow,
    Row,
    SelfRow,
    TombstoneRow,
)
from hdus_peer.protocol.step import Event, Put, Write
from hdus_peer.simulation import cast
from hdus_peer.simulation.cast import Signatures
from hdus_peer.simulation.device import Device
from hdus_peer.simulation.evidence import (
    Tables,
    Violation,
    applied,
    is_revoked,
    on_disk,
    row_of,
    through_on_disk,
)
from hdus_peer.simulation.lease_watch import LeaseWatch
from hdus_peer.simulation.twins import Twins

FIELDS = {table: tuple(field.name for field in fields(table)) for table in TABLES}


class Checker:
    def __init__(self, signatures: Signatures, rogue: PeerId | None) -> None:
        self.devices: list[Device] = []
        self._signatures, self._rogue = signatures, rogue
        self._seeds: dict[str, tuple[PeerId, int]] = {}  # payload -> owner, generation
        self._payloads: dict[tuple[PeerId, int], str] = {}
        self._admitted: dict[tuple[PeerId, str], KeyGrant] = {}  # (holder, payload) -> by which grant
        self._known: dict[bytes, dict[PeerId, int]] = {}  # the signature of a Hello -> what notices its peer knew then
        self._greeted: dict[tuple[PeerId, PeerId], dict[PeerId, int]] = {}  # (place, by whom it was greeted last)
        self._pending: dict[PeerId, tuple[Tables, Sequence[Write]]] = {}
        self._leases = LeaseWatch()
        self._merged: dict[PeerId, int] = {}  # the last run in which it said that it merged somebody's notices
        self._twins = Twins()
        self._gone_back: set[PeerId] = set()  # restored, and perhaps not noticed yet
        self._noticed: set[PeerId] = set()
        self._unaware: set[PeerId] = set()  # restored, and has not seen a proof of it yet
        self._left_unaware: set[tuple[PeerId, int]] = set()  # what leave it had finished by then
        self._unmet: set[tuple[PeerId, int, PeerId]] = set()  # of what leave it had not met whom since
        self._shown: set[tuple[PeerId, PeerId]] = set()  # (restored, by whom): a proof

    def _is_judged(self, device: Device) -> bool:
        return device.peer != self._rogue

    # --- restored backups -----------------------------------------------------------------------------------------
    def on_restore(self, device: Device) -> None:
        """Until it is noticed, and its consequences are done, what this device holds does not count (I4); until it is
        shown a later Hello of its own, it cannot know that it forgot to whom it gave keys."""
        self._gone_back.add(device.peer)
        self._unaware.add(device.peer)
        self._noticed.discard(device.peer)

    def on_hear(self, device: Device, sender: PeerId, message: Message) -> None:
        if not isinstance(message, Greeting):
            return
        self._greeted[device.place, sender] = self._known.get(message.hello.envelope.signature, {})
        if message.echo is None or message.echo.signer != device.peer:
            return
        if message.echo.statement.state_sequence > row_of(device).state_sequence:
            self._shown.add((device.peer, sender))

    def on_clone(self, device: Device) -> None:
        """A copy of a device is started."""
        self.devices.append(device)
        self._twins.peers.add(device.peer)

    def _is_excused(self, peer: PeerId) -> bool:
        """Whether what `peer` holds does not count."""
        return peer in self._gone_back or peer in self._twins.peers

    def _count_again(self, device: Device) -> None:
        if device.peer in self._noticed and not on_disk(device, ErasureRow):
            self._noticed.discard(device.peer)
            self._gone_back.discard(device.peer)

    # --- what is held -----------------------------------------------------------------------------------------------
    def _remains(self, device: Device, owner: PeerId, through: int) -> Iterator[str]:
        """Where anything of `owner` up to `through` still is on this device. (A member gone bad may serve somebody
        else's ciphertext as its own: without a key that is noise.)"""
        places: list[tuple[str, Any]] = [("key", device.disk.keys)]
        if self._rogue is None:
            places += [("payload", device.disk.payloads), ("partial payload", device.disk.partials)]
        places += [("predictor", [row.payload_sha256 for row in device.hands.using])] if device.core else []
        for place, payloads in places:
            for payload in payloads:
                of, generation = self._seeds.get(payload, ("", 0))
                if of == owner and generation <= through:
                    yield f"{place} of generation {generation} of {owner[:8]} at {device.who.number}"

    def _none_remains(self, invariant: str, when: str, device: Device, owner: PeerId, through: int) -> None:
        for what in self._remains(device, owner, through):
            raise Violation(invariant, f"{when}, but there is a {what}")

    # --- commits ----------------------------------------------------------------------------------------------------
    def before_commit(self, device: Device, writes: Sequence[Write]) -> None:
        before = {table: dict(device.disk.rows[table]) for table in TABLES} if device.fuse is not None else {}
        self._pending[device.place] = (before, writes)

    def after_commit(self, device: Device) -> None:
        _, writes = self._pending.pop(device.place)
        for row in [write.row for write in writes if isinstance(write, Put)]:
            if isinstance(row, OwnSeedRow):
                self._on_publish(device, row)
            if not self._is_judged(device):
                continue
            self._check_authentic(device, row)
            match row:
                case MemberRow():
                    self._twins.check_heard(device, row)
                case OwedReceiptRow():
                    self._check_receipt(device, row.owner, row.receipt.statement.through)
                case ReceiptRow(owner=owner, holder=holder) if owner == holder == device.peer:
                    self._check_receipt(device, owner, row.receipt.statement.through)
                case TombstoneRow():
                    self._check_notice(device, row)
                case EquivocationRow():
                    self._check_proof(device, row)
                case GrantRow():
                    self._check_closed(device, row)
                case SelfRow(phase=Phase.LEFT):
                    self._check_left(device)
                case HeldSeedRow(lease=lease) if lease is not None:
                    if lease.signer != row.owner:
                        raise Violation("I7", f"{device.who.number} takes a lease by somebody else than the owner")
                    self._leases.on_lease(device, row.owner, lease.statement)

    def _on_publish(self, device: Device, row: OwnSeedRow) -> None:
        seed = row.manifest.statement
        epoch = device.learned.get(seed.payload_sha256)
        if epoch is not None and epoch != row_of(device).job_epoch:
            raise Violation("I2", f"{device.who.number} publishes what it learned before it forgot")
        first = self._payloads.setdefault((seed.owner, seed.generation), seed.payload_sha256)
        if first != seed.payload_sha256 and seed.owner not in self._twins.peers:
            raise Violation("I2", f"{seed.owner[:8]} used generation {seed.generation} for two payloads")
        self._seeds[seed.payload_sha256] = (seed.owner, seed.generation)

    def _check_authentic(self, device: Device, row: Row) -> None:
        """I7: what anybody else believes of an honest peer, that peer has signed. (A Hello of one's own is an echo.)"""
        for name in FIELDS[type(row)]:
            said = getattr(row, name)
            if isinstance(said, Signed) and said.signer not in (self._rogue, cast.root().peer_id):
                is_made = self._signatures.has_made(said.envelope)
                if not is_made and not isinstance(said.statement, Hello):
                    raise Violation("I7", f"{device.who.number} believes a {said.envelope.payload_type} never signed")

    def _check_notice(self, device: Device, row: TombstoneRow) -> None:
        authors = {cast.root().peer_id} if row.kind == UnlearnKind.REVOKE else {row.owner, cast.root().peer_id}
        if row.notice.signer not in authors:
            raise Violation("I7", f"{device.who.number} obeys a notice about {row.owner[:8]} by somebody else")
        departure = row.departure
        if departure is not None and departure.signer != row.owner:
            raise Violation("I7", f"{device.who.number} believes a departure of {row.owner[:8]} by somebody else")
        if row.owner == device.peer and departure is not None:
            self._check_departed(device, departure.statement.state_sequence)

    def _check_proof(self, device: Device, row: EquivocationRow) -> None:
        said = row.first, row.second
        is_signed = {signed.signer for signed in said} == {row.owner} == {signed.statement.owner for signed in said}
        is_twice = {signed.statement.generation for signed in said} == {row.generation}
        if not (is_signed and is_twice and row.first.statement != row.second.statement):
            raise Violation("I7", f"{device.who.number} believes a proof that {row.owner[:8]} never signed")
        if row.owner != self._rogue and row.owner not in self._twins.peers:
            raise Violation("I2", f"{row.owner[:8]} signed two payloads under one generation")

    def contradiction(self) -> Violation | None:
        """Two payloads of one generation at two peers that could have compared them."""
        payloads: dict[tuple[PeerId, int], str] = {}
        for device in (each for each in self.devices if self._is_judged(each) and not each.is_gone):
            for row in [*on_disk(device, HeldSeedRow), *(device.hands.using if device.core else ())]:
                first = payloads.setdefault((row.owner, row.generation), row.payload_sha256)
                if first != row.payload_sha256:
                    return Violation("I2", f"two payloads of generation {row.generation} of {row.owner[:8]} are held")
        return None

    def _check_departed(self, device: Device, sequence: int) -> None:
        """Whoever came back meanwhile may hold what it asked for since."""
        for payload in device.disk.keys if not self._is_excused(device.peer) else ():
            owner, _ = self._seeds.get(payload, (device.peer, 0))
            grant = self._admitted.get((device.peer, payload))
            if owner != device.peer and (grant is None or grant.holder_sequence < sequence):
                raise Violation("I1", f"{device.who.number} departed and holds a key of {owner[:8]}")

    def _check_receipt(self, device: Device, owner: PeerId, through: int) -> None:
        if through_on_disk(device, owner) < through:
            raise Violation("I1", f"{device.who.number} signs a receipt without a durable tombstone")
        self._none_remains("I1", f"{device.who.number} signs a receipt", device, owner, through)

    def _check_closed(self, device: Device, row: GrantRow) -> None:
        holder = device.network.devices[row.holder]
        assert isinstance(holder, Device)
        payload = self._payloads.get((device.peer, row.generation), "")
        grant = self._admitted.get((row.holder, payload))
        is_there = payload in holder.disk.keys and grant is not None and grant.grant == row.grant
        if row.closed_by and is_there and self._is_judged(holder) and not self._is_excused(holder.peer):
            number = holder.who.number
            raise Violation("I4", f"grant {row.grant} is closed by {row.closed_by}, and {number} holds its key")

    def _check_left(self, device: Device) -> None:
        """Nobody holds anything of a leaver that has LEFT, but who is switched off past its lease, or cannot erase: it
        erases before it opens a port, and the certificate says that it lapsed; and whom the authority put out, of which
        it says so. Whoever is put out itself waits for nobody, and has no certificate of its own."""
        through = through_on_disk(device, device.peer)
        self._left_unaware |= {(device.peer, through)} if device.peer in self._unaware else set()
        if is_revoked(device, device.peer) or (device.peer, through) in self._left_unaware:
            return
        self._twins.check_certificate(device)
        for other in filter(self._is_judged, self.devices if device.peer not in self._twins.peers else ()):
            if device.was_restored and (other.peer,) not in device.disk.rows[MemberRow]:
                self._unmet.add((device.peer, through, other.peer))  # nobody could tell it whom it forgot
            is_late = not other.is_open or other.health.is_in_trouble
            is_excused = (device.peer, through, other.peer) in self._unmet or self._is_excused(other.peer)
            is_lapsed = is_late and self._has_lapsed(device, other)
            if is_excused or is_lapsed or is_revoked(device, other.peer):
                continue
            for payload in other.disk.keys:
                owner, generation = self._seeds.get(payload, ("", 0))
                if owner == device.peer and generation <= through:
                    raise Violation("I4", f"{device.who.number} has left, and {other.who.number} holds its key")

    def _has_lapsed(self, device: Device, holder: Device) -> bool:
        """Whether every open entry of the holder is of a lease that is over."""
        entries = [row for row in on_disk(device, GrantRow) if row.holder == holder.peer and not row.closed_by]
        slack_s = device.settings.limits.lapse_slack_s
        return all(is_lapsed(row.hold_until_s, device.now.unix_s, slack_s) for row in entries)

    def on_crash(self, device: Device) -> None:
        """I5: of the Step whose commit was interrupted, all writes are on disk, or none."""
        pending = self._pending.pop(device.place, None)
        if pending and pending[0] and device.disk.rows not in (pending[0], applied(*pending)):
            raise Violation("I5", f"{device.who.number} crashed and kept a part of a Step")

    # --- sends, effects, events -------------------------------------------------------------------------------------
    def on_send(self, device: Device, to: PeerId, message: Message) -> None:
        if not self._is_judged(device):
            return
        match message:
            case Heartbeat(state_sequence=sequence):
                if sequence > row_of(device).state_sequence:
                    raise Violation("I5", f"{device.who.number} speaks of a Step that is not durable")
            case Receipt(receipt=receipt) if receipt.statement.holder == device.peer:
                self._check_receipt(device, receipt.statement.owner, receipt.statement.through)
            case Key():
                self._twins.check_single(device, to)
                self._check_key(device, to, message)
                self._check_lease(device, to, message.lease)
            case Renewal():
                self._twins.check_single(device, to)
                self._check_lease(device, to, message.renewal)
            case Greeting(hello=hello):
                self._known[hello.envelope.signature] = {
                    row.owner: row.through for row in on_disk(device, TombstoneRow)
                }
            case Merged():
                self._merged[device.place] = device.run
                self._check_merged(device, to, "says that it merged")

    def _check_key(self, device: Device, to: PeerId, message: Key) -> None:
        grant = message.grant.statement
        row = device.disk.rows[GrantRow].get((grant.grant,))
        if not isinstance(row, GrantRow) or (row.holder, row.generation) != (to, grant.generation):
            raise Violation("I3", f"{device.who.number} sends a key whose grant is not durable")
        if grant.generation <= through_on_disk(device, device.peer):
            raise Violation("I2", f"{device.who.number} sends the key of an unlearned generation")

    def _check_lease(self, device: Device, to: PeerId, lease: Signed[LeaseRenewal] | None) -> None:
        """L2, the owner's side: until when a seed may be held is durable before a holder hears it."""
        grants = [row.hold_until_s for row in on_disk(device, GrantRow) if row.holder == to and not row.closed_by]
        if lease is not None and lease.statement.hold_until_s > max(grants, default=0):
            raise Violation("L2", f"{device.who.number} leases its seed for longer than it will remember")

    def on_admit(self, device: Device, grant: KeyGrant) -> None:
        self._seeds.setdefault(grant.payload_sha256, (grant.owner, grant.generation))
        self._admitted[device.peer, grant.payload_sha256] = grant

    def on_fetched(self, device: Device, payload_sha256: str) -> None:
        payload = device.disk.payloads.get(payload_sha256, b"")
        if hashlib.sha256(payload).hexdigest() != payload_sha256:
            raise Violation("I5", f"{device.who.number} takes {len(payload)} wrong bytes for a complete payload")

    def on_use(self, device: Device, seeds: Sequence[HeldSeedRow]) -> None:
        owners = [row.owner for row in seeds]
        if owners and self._merged.get(device.place) != device.run and self._is_judged(device):
            raise Violation("I2", f"{device.who.number} uses seeds before it has merged anybody's notices")
        if owners != sorted(owners):
            raise Violation("I6", f"{device.who.number} sums its seeds in another order than that of PeerIds")

    def on_event(self, device: Device, event: Event) -> None:
        """I2: seeds are spoken of only once everything that the neighbour knew is durable here."""
        if event.name == "LinkOpened" and event.peer is not None and self._is_judged(device):
            if (device.peer, event.peer) in self._shown:
                self._unaware.discard(device.peer)
            self._check_merged(device, event.peer, "speaks of seeds")
        elif event.name == "RolledBack" and device.peer in self._gone_back:
            self._noticed.add(device.peer)

    def _check_merged(self, device: Device, peer: PeerId, what: str) -> None:
        for owner, through in self._greeted.get((device.place, peer), {}).items():
            if through_on_disk(device, owner) < through and peer != self._rogue:
                raise Violation("I2", f"{device.who.number} {what} without a durable notice of {owner[:8]}")

    def on_timer(self, device: Device) -> None:
        due_s = device.core.next_deadline() if device.core else None
        if due_s is not None and due_s <= device.now.boot_s:
            raise Violation("timer", f"{device.who.number} is due again at once")

    # --- after every action -----------------------------------------------------------------------------------------
    def after_action(self, device: Device) -> None:
        if device.core is None or not self._is_judged(device):
            return
        if device.is_changed:
            device.is_changed = False
            self._check_rows(device)
        elif self._leases.is_due(device):
            self._leases.check(device)

    def _check_rows(self, device: Device) -> None:
        self._count_again(device)
        if device.disk.rows[TombstoneRow] or device.disk.rows[EquivocationRow]:
            self._check_covered(device)
        self._check_complete(device)
        self._leases.check(device)

    def _check_covered(self, device: Device) -> None:
        """I2: nothing is kept that a tombstone covers, but what is just being erased."""
        erasing = {payload for row in on_disk(device, ErasureRow) for payload in row.payloads}
        for row in on_disk(device, HeldSeedRow):
            if row.generation <= through_on_disk(device, row.owner):
                raise Violation("I2", f"{device.who.number} holds a seed that its tombstone covers")
        for payload in [*device.disk.keys, *(row.payload_sha256 for row in device.hands.using)]:
            owner, generation = self._seeds.get(payload, (PeerId(""), 0))
            if payload not in erasing and 0 < generation <= through_on_disk(device, owner):
                raise Violation("I2", f"{device.who.number} keeps a key that its tombstone covers")

    def _check_complete(self, device: Device) -> None:
        held = [row.payload_sha256 for row in on_disk(device, HeldSeedRow)]
        own = [row.manifest.statement.payload_sha256 for row in on_disk(device, OwnSeedRow)]
        for payload in held + own:
            if payload not in device.disk.payloads or payload not in device.disk.keys:
                raise Violation("I5", f"{device.who.number} has a row for a seed that is not there")
