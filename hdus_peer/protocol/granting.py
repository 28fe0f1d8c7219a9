"""Granting, the owner's side: publish a seed, say so, and give its key to whom it is granted.

Rules
1. I3: the Step that makes a grant durable is the one whose effect sends the key; never before.
2. A generation is `max(stored + 1, through + 1, unix seconds)`: no restart and no restored backup uses one twice.
3. Only the current seed is served, only while this peer is active, and never to an identity that exists twice.
"""

from hdus_peer.domain.clock import Instant
from hdus_peer.domain.envelope import Signed
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.seed import GENERATION_MAX, KeyGrant, SeedManifest
from hdus_peer.protocol import erasure, overlay
from hdus_peer.protocol.erasure import Cause
from hdus_peer.protocol.links import Link, Links
from hdus_peer.protocol.messages import Announce, KeyRefused, KeyRequest
from hdus_peer.protocol.records import GrantRow, MemberRow, OwnSeedRow, TombstoneRow
from hdus_peer.protocol.renewing import Renewing
from hdus_peer.protocol.state import Draft, State
from hdus_peer.protocol.step import Publish, SendKey


class Granting:
    def __init__(self, state: State, links: Links, renewing: Renewing) -> None:
        self._state = state
        self._links = links
        self._renewing = renewing

    def publish(self, command: Publish, now: Instant, draft: Draft) -> None:
        """The sealed payload becomes the next generation; one of an old epoch, after a leave, or beyond the last
        generation is destroyed."""
        state, row, old = self._state, self._state.row, self._state.own_seed()
        generation = max(row.generation_highest + 1, row.through_highest + 1, now.unix_s)
        problem = "no-generation-left" if generation >= GENERATION_MAX else ""
        problem = problem if state.is_active and command.job_epoch == row.job_epoch else "too-late"
        if problem:
            erasure.begin(state, draft, state.me.peer, Cause.REFUSED, (command.payload_sha256,))
            draft.tell("PublishRefused", reason=problem, phase=row.phase, job_epoch=command.job_epoch)
            return
        if old is not None and old.manifest.statement.payload_sha256 == command.payload_sha256:
            return  # said twice; a second generation of one payload would erase its own file
        state.change_self(draft, generation_highest=generation)
        manifest = state.me.sign(self._manifest(command, generation))
        state.put(draft, OwnSeedRow(state.me.peer, manifest))
        if old is not None:
            erasure.begin(state, draft, state.me.peer, Cause.REPLACED, (old.manifest.statement.payload_sha256,))
        for link in self._links.speaking():
            draft.send(link.peer, Announce(manifest))
        draft.tell("SeedPublished", generation=generation, bytes=command.payload_bytes)

    def leap(self, steps: int, date_s: int, draft: Draft) -> None:
        """`steps` Steps of mine, the last of them dated `date_s`, are forgotten here, and each may have published: one
        above what was before, or at its date. The next generation is above all; what I serve now may be one of them."""
        highest = min(max(self._state.row.generation_highest, date_s) + steps, GENERATION_MAX - 1)
        self._state.change_self(draft, generation_highest=highest)
        self.withdraw(highest, draft)

    def withdraw(self, through: int, draft: Draft) -> None:
        """Serve my seed no more if its generation is not above `through`; the next one to be published is."""
        own = self._state.own_seed()
        if own is not None and own.manifest.statement.generation <= through:
            seed = own.manifest.statement
            self._state.delete(draft, own)
            erasure.begin(self._state, draft, seed.owner, Cause.REPLACED, (seed.payload_sha256,))
            draft.tell("SeedWithdrawn", seed.owner, generation=seed.generation)

    def _manifest(self, command: Publish, generation: int) -> SeedManifest:
        return SeedManifest(
            owner=self._state.me.peer,
            generation=generation,
            task=self._state.me.task,
            architecture=command.architecture,
            parameters=self._state.me.parameters,
            schema_sha256=command.schema_sha256,
            payload_sha256=command.payload_sha256,
            payload_bytes=command.payload_bytes,
            reference=command.reference,
        )

    def serves(self, peer: PeerId, payload_sha256: str) -> bool:
        """Whether `peer` may read this payload now."""
        own = self._state.own_seed()
        is_current = own is not None and own.manifest.statement.payload_sha256 == payload_sha256
        return is_current and self._state.is_active and self._links.is_speaking(peer)

    def announce(self, peer: PeerId, draft: Draft) -> None:
        own = self._state.own_seed()
        if own is not None and self._state.is_active and self._links.is_speaking(peer):
            draft.send(peer, Announce(own.manifest))

    def on_key_request(self, link: Link, request: KeyRequest, now: Instant, draft: Draft) -> None:
        problem = self._grant_problem(link, request)
        if problem:
            draft.refuse(link.peer, problem)
            draft.send(link.peer, KeyRefused(request.payload_sha256, problem))
            return
        number = self._state.row.grant_highest + 1
        self._state.change_self(draft, grant_highest=number)
        lease = self._renewing.lease(request.generation, now, draft)
        row = GrantRow(
            grant=number,
            holder=link.peer,
            generation=request.generation,
            holder_sequence=request.state_sequence,
            run_nonce=request.run_nonce,
            issued_at_s=now.unix_s,
            hold_until_s=lease.statement.hold_until_s,
            closed_by="",
        )
        self._state.put(draft, row)
        draft.act(SendKey(link.peer, self._grant(row, request), lease, request.payload_sha256))
        draft.tell("KeyGranted", link.peer, grant=number, generation=request.generation)

    def _grant(self, row: GrantRow, request: KeyRequest) -> Signed[KeyGrant]:
        grant = KeyGrant(
            owner=self._state.me.peer,
            generation=row.generation,
            payload_sha256=request.payload_sha256,
            holder=row.holder,
            grant=row.grant,
            run_nonce=row.run_nonce,
            holder_sequence=row.holder_sequence,
            issued_at_s=row.issued_at_s,
        )
        return self._state.me.sign(grant)

    def _grant_problem(self, link: Link, request: KeyRequest) -> str:
        own, member = self._state.own_seed(), self._state.get(MemberRow, link.peer)
        tombstone = self._state.get(TombstoneRow, link.peer)
        departure = tombstone.departure if tombstone else None
        if own is None or not self.serves(link.peer, request.payload_sha256):
            return "gone"
        if own.manifest.statement.generation != request.generation or request.run_nonce != link.nonce:
            return "wrong-request"
        if member is None or member.cloned:
            return "cloned"
        if departure and request.state_sequence < departure.statement.state_sequence:
            return "departed"
        if self._grants_to(link.peer, request.generation) >= self._state.limits.grants_per_generation_max:
            return "too-many-grants"
        return "" if self._has_room(link.peer, request.generation) else "crowded"

    def _grants_to(self, holder: PeerId, generation: int) -> int:
        grants = self._state.all(GrantRow)
        return sum(row.holder == holder and row.generation == generation for row in grants)

    def _has_room(self, holder: PeerId, generation: int) -> bool:
        grants = self._state.all(GrantRow)
        others = {row.holder for row in grants if row.generation == generation and not row.closed_by}
        me = self._state.me
        return overlay.is_served(me.task, me.peer, holder, others, self._state.limits.neighbours_max)
