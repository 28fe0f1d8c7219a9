"""A member gone bad: what it can say with its own key, with other people's statements, and with forged signatures.

Rule: it speaks only over its own links, as bytes, so that all of it passes the real edge (`transport.codec`).
It knows every statement that anybody ever signed, also those that a crash kept at home.
Beside its strikes it runs the real core: to be believed it has to take part.
`TwoFaced` is its device where it equivocates: the real core again, which sees another own seed according to whom it
speaks with.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from hdus_peer.domain.envelope import Signed, SignedEnvelope, Statement, encode, sign
from hdus_peer.domain.identity import Identity, PeerId
from hdus_peer.domain.membership import Hello
from hdus_peer.domain.seed import GENERATION_MAX, KeyGrant, LeaseRenewal, SeedManifest
from hdus_peer.domain.unlearning import Departure, ErasureReceipt, SeedRelease, UnlearnNotice
from hdus_peer.protocol.messages import (
    Announce,
    Equivocation,
    Greeting,
    HeldManifest,
    Inventory,
    InventoryItem,
    Key,
    KeyRequest,
    Message,
    NoticeItem,
    Notices,
    Receipt,
    ReceiptAck,
    Release,
    ReleaseAck,
    Renewal,
    TombstoneDigest,
)
from hdus_peer.protocol.records import OwnSeedRow
from hdus_peer.protocol.state import Draft
from hdus_peer.simulation import cast
from hdus_peer.simulation.cast import Person
from hdus_peer.simulation.device import Device
from hdus_peer.simulation.hands import sealed
from hdus_peer.simulation.world import WALL_START_S
from hdus_peer.transport.codec import encode_frame

S = TypeVar("S", bound=Statement)

LATE_S = int(WALL_START_S) + 10**6


class Rogue:
    def __init__(self, device: Device, others: list[Person]) -> None:
        self._device, self._others = device, others
        self._me = device.who.identity
        self._rng = device.world.rng

    def strike(self) -> None:
        """One forged or repeated message to one peer."""
        targets = self._device.network.linked_to(self._device.peer)
        if not targets or self._device.core is None:
            return
        victim, target = self._rng.choice(self._others), self._rng.choice(targets)
        tricks = (self._notices, self._receipts, self._announcements, self._keys, self._repeat, self._proofs)
        trick = self._rng.choice(tricks)
        message = self._rng.choice(trick(victim))
        if message is not None:
            self._device.world.note(f"strike: {type(message).__name__}")
            self._device.network.send(self._device.peer, target, encode_frame(message))

    def _forge(self, statement: S, as_whom: Identity) -> Signed[S]:
        """Under somebody else's key, with a signature that cannot fit."""
        envelope = SignedEnvelope(statement.TYPE, encode(statement), as_whom.public_key, bytes(64))
        return Signed(statement, envelope, as_whom.peer_id)

    def _either(self, statement: S, as_whom: Person) -> list[Signed[S]]:
        """Signed by the rogue, which may be of the right form but is not its to say; and forged."""
        return [sign(self._me, statement), self._forge(statement, as_whom.identity)]

    def _notices(self, victim: Person) -> list[Message | None]:
        """Somebody else's leave, somebody else's departure, and the authority's revocation."""
        notice = UnlearnNotice(victim.peer, LATE_S, self._rng.choice(("leave", "revoke", "forget")), "", 0, LATE_S)
        items = [NoticeItem(said, victim.membership, None, ()) for said in self._either(notice, victim)]
        for departure in self._either(Departure(victim.peer, 10**6, LATE_S), victim):
            real = self._real(UnlearnNotice, lambda said: said.statement.owner == victim.peer)
            items += [NoticeItem(real, victim.membership, departure, ())] if real else []
        revocation = UnlearnNotice(victim.peer, GENERATION_MAX, "revoke", "", 0, LATE_S)
        items.append(NoticeItem(self._forge(revocation, cast.root()), victim.membership, None, ()))
        return [Notices((item,), last=self._rng.random() < 0.5) for item in items]

    def _receipts(self, victim: Person) -> list[Message | None]:
        """Receipts, releases and acknowledgements of others."""
        messages: list[Message | None] = []
        for owner in self._others:
            receipt = ErasureReceipt(victim.peer, owner.peer, LATE_S, (), 0, 10**6, "", int(WALL_START_S))
            release = SeedRelease(victim.peer, owner.peer, 10**6, "superseded", 10**6, int(WALL_START_S))
            messages += [Receipt(said, victim.membership) for said in self._either(receipt, victim)]
            messages += [Release(said) for said in self._either(release, victim)]
            messages += [ReceiptAck(owner.peer, victim.peer, LATE_S)]
        return [*messages, ReleaseAck(10**6)]

    def _announcements(self, victim: Person) -> list[Message | None]:
        """Manifests that nobody may act on, and one that takes somebody else's payload for its own."""
        real = self._real(SeedManifest, lambda said: said.statement.owner == victim.peer)
        if real is None:
            return [None]
        mine = replace(real.statement, owner=self._device.peer, generation=LATE_S)
        wrong = [
            mine,
            replace(mine, generation=1),
            replace(mine, payload_bytes=2**40, payload_sha256="ab" * 32),
            replace(mine, payload_bytes=0, payload_sha256="ab" * 32),
            replace(mine, architecture="pickle", payload_sha256="ab" * 32),
            replace(mine, parameters=(), payload_sha256="ab" * 32),
            replace(mine, task="another", payload_sha256="ab" * 32),
        ]
        stolen = self._either(replace(real.statement, generation=LATE_S), victim)
        return [*map(Announce, stolen), *(Announce(sign(self._me, seed)) for seed in wrong)]

    def _keys(self, victim: Person) -> list[Message | None]:
        """Keys that nobody asked for, leases that are not its to give, requests in another run's name, and digests of
        nonsense."""
        real = self._real(KeyGrant, lambda said: True)
        manifest = self._real(SeedManifest, lambda said: said.statement.owner == victim.peer)
        messages: list[Message | None] = [TombstoneDigest(("ab" * 32,) * 256)]
        messages += [Key(real, None, bytes(32))] if real else []
        renewal = self._real(LeaseRenewal, lambda said: said.signer == victim.peer)
        messages += [Renewal(renewal)] if renewal else []
        if manifest is not None:
            seed = manifest.statement
            messages += [KeyRequest(seed.generation, seed.payload_sha256, number, "nonce") for number in (0, 10**6)]
            lease = LeaseRenewal(victim.peer, seed.generation, 10**6, LATE_S, LATE_S + 10**5, LATE_S + 10**5)
            messages += map(Renewal, self._either(lease, victim))
        return messages

    def _proofs(self, victim: Person) -> list[Message | None]:
        """That somebody else signed two payloads under one generation."""
        real = self._real(SeedManifest, lambda said: said.statement.owner == victim.peer)
        if real is None:
            return [None]
        other = self._either(replace(real.statement, payload_sha256="ab" * 32), victim)
        later = self._either(replace(real.statement, generation=LATE_S), victim)
        item = InventoryItem(victim.peer, real.statement.generation, "ab" * 32)
        proofs = [Equivocation(real, said, victim.membership) for said in other]
        return [*proofs, *map(HeldManifest, (*other, *later)), Inventory((item,))]

    def _repeat(self, victim: Person) -> list[Message | None]:
        """Real statements of others, said again by somebody whom they do not belong to."""
        notice = self._real(UnlearnNotice, lambda said: said.statement.owner == victim.peer)
        receipt = self._real(ErasureReceipt, lambda said: said.signer == victim.peer)
        release = self._real(SeedRelease, lambda said: said.signer == victim.peer)
        hello = self._real(Hello, lambda said: said.signer == victim.peer)
        return [
            Notices((NoticeItem(notice, victim.membership, None, ()),), last=False) if notice else None,
            Receipt(receipt, victim.membership) if receipt else None,
            Release(release) if release else None,
            Greeting(hello, victim.membership, hello) if hello else None,
        ]

    def _real(self, kind: type[S], fits: Callable[[Signed[Any]], bool]) -> Signed[S] | None:
        made = self._device.settings.signatures.statements
        found = [said for said in made if isinstance(said.statement, kind) and fits(said)]
        return self._rng.choice(found) if found else None


def rogue_of(device: Device, peers: int) -> Rogue:
    """The member gone bad among `peers`; everybody else is a victim."""
    return Rogue(device, [cast.person(number) for number in range(peers) if number != device.who.number])


class TwoFaced(Device):
    """Serves two payloads under each of its generations: the one that it published to the peers of even number, another
    to those of odd number."""

    def on_message(self, peer: PeerId, message: Message | bytes) -> None:
        with self._facing(peer):
            super().on_message(peer, message)

    def payload_for(self, peer: PeerId, payload_sha256: str) -> bytes | None:
        with self._facing(peer):
            return super().payload_for(peer, payload_sha256)

    def send(self, peer: PeerId, message: Message) -> None:
        own = self.core.state.own_seed() if self.core is not None else None
        if isinstance(message, Announce) and own is not None and self._is_other(peer):
            message = Announce(self._second(own).manifest)
        super().send(peer, message)

    def _is_other(self, peer: PeerId) -> bool:
        device = self.network.devices[peer]
        return isinstance(device, Device) and device.who.number % 2 == 1

    @contextlib.contextmanager
    def _facing(self, peer: PeerId) -> Iterator[None]:
        """Let the core see the seed that `peer` is to see, in memory alone, for as long as it deals with it."""
        state = self.core.state if self.core is not None else None
        own = state.own_seed() if state is not None else None
        if state is None or own is None or not self._is_other(peer):
            yield
            return
        second = self._second(own)
        state.put(Draft(state), second)
        yield
        if state.own_seed() == second:
            state.put(Draft(state), own)

    def _second(self, own: OwnSeedRow) -> OwnSeedRow:
        seed = own.manifest.statement
        payload, payload_sha256, key = sealed(self.peer, -seed.generation)
        if seed.payload_sha256 == payload_sha256:
            return own
        self.disk.payloads[payload_sha256], self.disk.keys[payload_sha256] = payload, key
        return OwnSeedRow(self.peer, sign(self.who.identity, replace(seed, payload_sha256=payload_sha256)))
