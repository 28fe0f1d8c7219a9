"""Equivocation: two payloads that one owner signed under one generation, found by comparing what is held.

Rules
1. Nothing is relayed, so nobody sees two manifests by itself: whoever holds seeds tells their names (owner, generation,
   payload) when a link opens, and later those that are new. Where a name contradicts a manifest known here, the
   other's is asked for; an announcement is compared with what is known in the same way.
2. The proof is the owner's own two signatures, and nothing else is: what others say of an owner changes nothing (I7).
3. Its effect is that of the owner's own notice through that generation: refused, erased, a receipt owed. It is no ban:
   the owner's next generation is taken. The proof is durable, part of the tombstone root, and passed on.
4. Of several proofs about one owner the one of the highest generation is kept.
5. An owner that is shown a manifest of its own of a later generation than it remembers, or whose seed is named by a
   holder that it does not remember, was put back from a backup: see `restored`. It never equivocates by accident.

Passing on is an optimisation, once per owner and interval; comparing roots is the guarantee (`tombstones`).
"""

from collections.abc import Mapping

from hdus_peer.domain.clock import Instant
from hdus_peer.domain.envelope import Signed
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.membership import Membership
from hdus_peer.domain.seed import GENERATION_MAX, SeedManifest, is_equivocation
from hdus_peer.protocol.alarms import NEVER_S
from hdus_peer.protocol.exchange import Exchange
from hdus_peer.protocol.granting import Granting
from hdus_peer.protocol.links import Link, Links
from hdus_peer.protocol.messages import Equivocation, HeldManifest, Inventory, InventoryItem, ManifestRequest
from hdus_peer.protocol.records import EquivocationRow, HeldSeedRow, MemberRow
from hdus_peer.protocol.restored import Restored
from hdus_peer.protocol.spreading import Spreading
from hdus_peer.protocol.state import Draft, State
from hdus_peer.protocol.unlearning import Unlearning

Adoption = tuple[PeerId, int]
"""The owner, and the number of its grant."""


class Equivocations:
    def __init__(
        self,
        state: State,
        links: Links,
        granting: Granting,
        exchange: Exchange,
        unlearning: Unlearning,
        restored: Restored,
        spreading: Spreading,
    ) -> None:
        self._state, self._links, self._restored, self._spreading = state, links, restored, spreading
        self._granting, self._exchange, self._unlearning = granting, exchange, unlearning
        self._told = self._adoptions()  # by a link that opens
        self._tell_due_s = 0.0
        self._passed_on_s: dict[PeerId, float] = {}

    # --- names told and compared ------------------------------------------------------------------------------------
    def _adoptions(self) -> Mapping[Adoption, InventoryItem]:
        return self._state.derived(_adoptions, HeldSeedRow)

    def on_open(self, peer: PeerId, draft: Draft) -> None:
        """A link is open: say what is held here."""
        items = self._adoptions().values()
        if items and self._links.is_speaking(peer):
            draft.send(peer, Inventory(tuple(items)))

    def on_inventory(self, link: Link, inventory: Inventory, now: Instant, draft: Draft) -> None:
        names = [(item.owner, item.generation) for item in inventory.items if self._is_unheard_of(item)]
        for owner, generation in dict.fromkeys(names):
            draft.send(link.peer, ManifestRequest(owner, generation))
        mine = frozenset(item.generation for item in inventory.items if item.owner == self._state.me.peer)
        if mine:
            self._restored.on_holder(link.peer, mine, now, draft)

    def _is_unheard_of(self, item: InventoryItem) -> bool:
        """Whether the manifest behind the name would be news: it contradicts one known here, or is my own and later
        than all that I remember."""
        if item.owner == self._state.me.peer and item.generation > self._state.row.generation_highest:
            return True
        known = [manifest.statement for manifest in self._known(item.owner)]
        is_other = any(
            seed.generation == item.generation and seed.payload_sha256 != item.payload_sha256 for seed in known
        )
        return is_other and item.generation > self._proved(item.owner)

    def _known(self, owner: PeerId) -> list[Signed[SeedManifest]]:
        own = self._state.own_seed()
        if owner == self._state.me.peer:
            return [own.manifest] if own else []
        return self._exchange.manifests_of(owner)

    def _proved(self, owner: PeerId) -> int:
        row = self._state.get(EquivocationRow, owner)
        return row.generation if row else 0

    def on_request(self, link: Link, request: ManifestRequest, draft: Draft) -> None:
        for manifest in self._known(request.owner):
            if manifest.statement.generation == request.generation and self._links.is_speaking(link.peer):
                draft.send(link.peer, HeldManifest(manifest))
                return

    # --- manifests compared -----------------------------------------------------------------------------------------
    def on_manifest(self, sender: PeerId, manifest: Signed[SeedManifest], now: Instant, draft: Draft) -> None:
        """What an owner signed, announced by itself or shown by somebody else."""
        seed, membership = manifest.statement, self._membership(manifest.statement.owner)
        if manifest.signer != seed.owner:
            draft.refuse(sender, "not-owner")
            return
        contradicting = [known for known in self._known(seed.owner) if is_equivocation(known.statement, seed)]
        if contradicting and membership is not None:
            self.on_proof(sender, Equivocation(contradicting[0], manifest, membership), now, draft)
        elif seed.owner == self._state.me.peer:
            self._hear_own(seed.generation, now, draft)

    def _membership(self, owner: PeerId) -> Signed[Membership] | None:
        member = self._state.get(MemberRow, owner)
        if owner == self._state.me.peer:
            return self._state.me.membership
        return member.membership if member else None

    def _hear_own(self, generation: int, now: Instant, draft: Draft) -> None:
        if self._state.row.generation_highest < generation < GENERATION_MAX:
            draft.tell("OwnGenerationHeard", self._state.me.peer, generation=generation)
            self._restored.on_own_generation(generation, now, draft)

    # --- proofs -----------------------------------------------------------------------------------------------------
    def on_proof(self, sender: PeerId, proof: Equivocation, now: Instant, draft: Draft) -> None:
        problem = self._problem(proof)
        if problem:
            draft.refuse(sender, problem)
        elif proof.first.statement.generation > self._proved(proof.first.statement.owner):
            self._keep(sender, proof, now, draft)

    def _problem(self, proof: Equivocation) -> str:
        first, second, membership = proof.first, proof.second, proof.membership
        owner = first.statement.owner
        if membership.signer != self._state.me.root or membership.statement.peer != owner:
            return "no-membership"
        if not first.signer == second.signer == owner:
            return "not-owner"
        if first.statement.generation >= GENERATION_MAX:
            return "wrong-generation"
        return "" if is_equivocation(first.statement, second.statement) else "no-equivocation"

    def _keep(self, sender: PeerId, proof: Equivocation, now: Instant, draft: Draft) -> None:
        owner, generation = proof.first.statement.owner, proof.first.statement.generation
        is_unlearned = generation <= self._state.through(owner)
        row = EquivocationRow(owner, generation, proof.first, proof.second, proof.membership)
        self._state.put(draft, row)
        if owner == self._state.me.peer:
            self._obey_own(generation, draft)
        elif not is_unlearned:
            self._unlearning.erase_through(owner, generation, now, draft)
        self._pass_on(sender, row, now, draft)
        draft.tell("EquivocationProved", owner, generation=generation)

    def _obey_own(self, generation: int, draft: Draft) -> None:
        """Two of my own signatures: this state directory is a copy, or there are two of them."""
        row = self._state.row
        highest, through = max(row.generation_highest, generation), max(row.through_highest, generation)
        self._state.change_self(draft, generation_highest=highest, through_highest=through)
        self._granting.withdraw(generation, draft)

    def _pass_on(self, sender: PeerId, row: EquivocationRow, now: Instant, draft: Draft) -> None:
        interval_s = self._state.limits.pass_on_interval_s
        if now.boot_s < self._passed_on_s.get(row.owner, -interval_s) + interval_s:
            return
        self._passed_on_s[row.owner] = now.boot_s
        others = [link.peer for link in self._links.greeted() if link.peer != sender]
        for peer in self._spreading.few(f"{row.owner} {row.generation} proof", others):
            draft.send(peer, Equivocation(row.first, row.second, row.membership))

    # --- time -------------------------------------------------------------------------------------------------------
    def on_timer(self, now: Instant, draft: Draft) -> None:
        """Tell what is held since it was told last; what is held soon after is told together."""
        adoptions = self._adoptions()
        if adoptions is self._told or now.boot_s < self._tell_due_s:
            return
        new = tuple(item for adoption, item in adoptions.items() if adoption not in self._told)
        self._told = adoptions
        if new:
            self._tell_due_s = now.boot_s + self._state.limits.pass_on_interval_s
        for link in self._links.speaking() if new else ():
            draft.send(link.peer, Inventory(new))

    def due_s(self) -> float:
        return self._tell_due_s if self._adoptions() is not self._told else NEVER_S


def _adoptions(state: State) -> dict[Adoption, InventoryItem]:
    """What is held, by its adoption: what was given up and is held again is news to whoever has come since."""
    return {
        (row.owner, row.grant.statement.grant): InventoryItem(row.owner, row.generation, row.payload_sha256)
        for row in state.held()
    }
