"""Exchange: announce, fetch, key, check, adopt; and the owner's side of it, the grant.

Rules
1. Pull, never push, and only from the owner itself over its own link: the owner knows every holder.
2. I3: the Step that makes a grant durable is the one whose effect sends the key; never before.
3. A key is taken only if it was asked for in this run (`run_nonce`), for the payload that is complete here.
4. Adoption looks a second time at everything that may have changed meanwhile: tombstone, floor, wanted, phase.
5. What is refused is counted with one word and changes nothing; a payload that was refused is not fetched again.

The stages of one incoming seed are data (`STAGES`); any other pair is a late or repeated message and is ignored.
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from hdus_peer.domain.clock import Instant
from hdus_peer.domain.envelope import Signed
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.seed import GENERATION_MAX, KeyGrant, SeedManifest
from hdus_peer.protocol import erasure, overlay
from hdus_peer.protocol.erasure import Cause
from hdus_peer.protocol.links import Link, Links
from hdus_peer.protocol.messages import Announce, AnnounceRequest, Heartbeat, Key, KeyRefused, KeyRequest
from hdus_peer.protocol.records import (
    ErasureRow,
    FloorRow,
    GrantRow,
    HeldSeedRow,
    MemberRow,
    OwnSeedRow,
    TombstoneRow,
)
from hdus_peer.protocol.state import Draft, State
from hdus_peer.protocol.step import (
    Admit,
    AdmitRefused,
    Admitted,
    Fetched,
    FetchFailed,
    Publish,
    SendKey,
    StartFetch,
    UseSeeds,
)


class Stage(enum.StrEnum):
    WAITING = "waiting"  # to be fetched when it is due
    FETCHING = "fetching"  # ciphertext on its way
    ASKING = "asking"  # complete here; the key was asked for
    ADMITTING = "admitting"  # being decrypted and checked


STAGES: dict[tuple[Stage, type], Stage] = {
    (Stage.FETCHING, Fetched): Stage.ASKING,
    (Stage.FETCHING, FetchFailed): Stage.WAITING,
    (Stage.ASKING, Key): Stage.ADMITTING,
}


@dataclass(slots=True)
class Incoming:
    """One seed on its way in."""

    manifest: Signed[SeedManifest]
    stage: Stage
    due_s: float
    attempts: int = 0
    grant: Signed[KeyGrant] | None = None

    @property
    def payload(self) -> str:
        return self.manifest.statement.payload_sha256


class Exchange:
    def __init__(self, state: State, links: Links) -> None:
        self._state = state
        self._links = links
        self.incoming: dict[PeerId, Incoming] = {}
        self._announced: dict[PeerId, Signed[SeedManifest]] = {}
        self._rejected: dict[PeerId, str] = {}
        self.confirmed: set[PeerId] = set()
        self._confirm_due_s: float | None = None
        self._has_merged = False

    # --- my own seed ------------------------------------------------------------------------------------------------
    def publish(self, command: Publish, now: Instant, draft: Draft) -> None:
        """The sealed payload becomes the next generation; one of an old epoch, or after a leave, is destroyed."""
        state, row, old = self._state, self._state.row, self._state.own_seed()
        if not state.is_active or command.job_epoch != row.job_epoch:
            erasure.begin(state, draft, state.me.peer, Cause.REFUSED, (command.payload_sha256,))
            draft.tell("PublishRefused", phase=row.phase, job_epoch=command.job_epoch)
            return
        generation = max(row.generation_highest + 1, row.through_highest + 1, now.unix_s)
        state.change_self(draft, generation_highest=generation)
        manifest = state.me.sign(self._manifest(command, generation))
        state.put(draft, OwnSeedRow(state.me.peer, manifest))
        if old is not None:
            erasure.begin(state, draft, state.me.peer, Cause.REPLACED, (old.manifest.statement.payload_sha256,))
        for link in self._links.speaking():
            draft.send(link.peer, Announce(manifest))
        draft.tell("SeedPublished", generation=generation, bytes=command.payload_bytes)

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
        row = GrantRow(
            grant=number,
            holder=link.peer,
            generation=request.generation,
            holder_sequence=request.state_sequence,
            run_nonce=request.run_nonce,
            issued_at_s=now.unix_s,
            hold_until_s=0,
            closed_by="",
        )
        self._state.put(draft, row)
        draft.act(SendKey(link.peer, self._grant(row, request), None, request.payload_sha256))
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
        return "" if self._has_room(link.peer, request.generation) else "crowded"

    def _has_room(self, holder: PeerId, generation: int) -> bool:
        grants = self._state.all(GrantRow)
        others = {row.holder for row in grants if row.generation == generation and not row.closed_by}
        me = self._state.me
        return overlay.is_served(me.task, me.peer, holder, others, self._state.limits.neighbours_max)

    # --- others' seeds: announced, wanted ---------------------------------------------------------------------------
    def on_announce(self, link: Link, manifest: Signed[SeedManifest], now: Instant, draft: Draft) -> None:
        problem = self._announce_problem(link, manifest)
        if problem:
            draft.refuse(link.peer, problem)
            return
        link.generation = max(link.generation, manifest.statement.generation)
        self._announced[link.peer] = manifest
        self.consider(now, draft)

    def _announce_problem(self, link: Link, manifest: Signed[SeedManifest]) -> str:
        seed, known = manifest.statement, self._announced.get(link.peer)
        if not link.peer == seed.owner == manifest.signer:
            return "not-owner"
        if not self._state.is_active or not self._links.is_speaking(link.peer):
            return "not-open"
        if known and known.statement.generation > seed.generation:
            return "older-generation"
        if known and known.statement.generation == seed.generation and known.statement != seed:
            return "equivocation"
        return self._seed_problem(seed)

    def _seed_problem(self, seed: SeedManifest) -> str:
        """Why this seed may not be held now, in one word; asked on announcement and again at adoption."""
        me, owner = self._state.me, seed.owner
        held, floor = self._state.get(HeldSeedRow, owner), self._state.get(FloorRow, owner)
        if seed.generation <= self._state.through(seed.owner):
            return "unlearned"
        if seed.generation >= GENERATION_MAX:
            return "wrong-generation"
        if (held and seed.generation < held.generation) or (floor and seed.generation < floor.generation):
            return "older-generation"
        if seed.task != me.task or seed.parameters != me.parameters:
            return "other-task"
        if seed.architecture not in me.architectures:
            return "unknown-architecture"
        if self._is_taken(seed):
            return "payload-taken"
        is_sane = 0 < seed.payload_bytes <= self._state.limits.seed_bytes_max and len(seed.payload_sha256) == 64
        return "" if is_sane and _is_hex(seed.payload_sha256) else "too-big"

    def _is_taken(self, seed: SeedManifest) -> bool:
        """Whether another seed has this very payload: two seeds never share files, or to erase one would lose the
        other (I7)."""
        own = self._state.own_seed()
        others = [row.manifest.statement for row in self._state.held()]
        others += [incoming.manifest.statement for incoming in self.incoming.values()]
        others += [own.manifest.statement] if own else []
        key = (seed.owner, seed.generation)
        return any(
            other.payload_sha256 == seed.payload_sha256 and (other.owner, other.generation) != key for other in others
        )

    def on_heartbeat(self, link: Link, beat: Heartbeat, draft: Draft) -> None:
        known = self._announced.get(link.peer)
        is_news = beat.generation > (known.statement.generation if known else 0)
        if is_news and self._state.is_active and self._links.is_speaking(link.peer):
            draft.send(link.peer, AnnounceRequest())

    def consider(self, now: Instant, draft: Draft) -> None:
        """Start what is wanted and not here; give up what is no longer wanted. A function of what is known, not of the
        order in which it became known."""
        if not self._state.is_active:
            return
        wanted = self._wanted()
        for row in self._state.held():
            if row.owner not in wanted:
                self._give_up(row, Cause.DISPLACED, draft)
        for owner in [owner for owner in self.incoming if owner not in wanted]:
            self._abandon(owner, Cause.DISPLACED, draft)
        for owner in sorted(wanted & self._announced.keys()):
            self._want(self._announced[owner], now, draft)

    def _wanted(self) -> frozenset[PeerId]:
        announced = {owner for owner, known in self._announced.items() if not self._seed_problem(known.statement)}
        owners = announced | {row.owner for row in self._state.held()}
        return overlay.wanted(self._state.me.task, self._state.me.peer, owners, self._state.limits.neighbours_max)

    def _want(self, manifest: Signed[SeedManifest], now: Instant, draft: Draft) -> None:
        owner, payload = manifest.statement.owner, manifest.statement.payload_sha256
        held, current = self._state.get(HeldSeedRow, owner), self.incoming.get(owner)
        is_here = held is not None and held.payload_sha256 == payload
        is_leaving = any(payload in row.payloads for row in self._state.all(ErasureRow))
        if is_here or is_leaving or self._rejected.get(owner) == payload or self._seed_problem(manifest.statement):
            return
        if current is not None and current.payload == payload:
            if current.stage == Stage.WAITING:
                current.due_s = now.boot_s
            return
        if current is not None:
            self._abandon(owner, Cause.SUPERSEDED, draft)
        self.incoming[owner] = Incoming(manifest, Stage.WAITING, now.boot_s)
        self._start_due(now, draft)

    # --- fetch, key, check, adopt -----------------------------------------------------------------------------------
    def _start_due(self, now: Instant, draft: Draft) -> None:
        for owner, incoming in self.incoming.items():
            is_due = incoming.due_s <= now.boot_s and self._links.is_speaking(owner)
            if is_due and incoming.stage == Stage.WAITING:
                incoming.stage = Stage.FETCHING
                draft.act(StartFetch(owner, incoming.payload, incoming.manifest.statement.payload_bytes))
            elif is_due and incoming.stage == Stage.ASKING:
                self._ask(owner, incoming, now, draft)

    def _current(self, owner: PeerId, payload: str, what: object) -> Incoming | None:
        """The incoming seed that `what` belongs to, moved to its next stage; None for something late or repeated."""
        incoming = self.incoming.get(owner)
        if incoming is None or incoming.payload != payload or (incoming.stage, type(what)) not in STAGES:
            return None
        incoming.stage = STAGES[incoming.stage, type(what)]
        return incoming

    def on_fetched(self, done: Fetched, now: Instant, draft: Draft) -> None:
        incoming = self._current(done.owner, done.payload_sha256, done)
        if incoming is not None:
            self._ask(done.owner, incoming, now, draft)

    def _ask(self, owner: PeerId, incoming: Incoming, now: Instant, draft: Draft) -> None:
        incoming.due_s = now.boot_s + self._state.limits.key_retry_s
        seed, row = incoming.manifest.statement, self._state.row
        if self._links.is_speaking(owner):
            nonce = self._state.me.run_nonce
            draft.send(owner, KeyRequest(seed.generation, seed.payload_sha256, row.state_sequence, nonce))

    def on_fetch_failed(self, done: FetchFailed, now: Instant, draft: Draft) -> None:
        incoming = self._current(done.owner, done.payload_sha256, done)
        if incoming is None:
            return
        incoming.attempts += 1
        draft.refuse(done.owner, done.reason)
        if done.gone or incoming.attempts >= self._state.limits.fetch_attempts_max:
            self._abandon(done.owner, Cause.REFUSED, draft)
            self._announced.pop(done.owner, None)
            return
        limits = self._state.limits
        incoming.due_s = now.boot_s + min(
            limits.fetch_retry_max_s, limits.fetch_retry_min_s * 2.0 ** (incoming.attempts - 1)
        )

    def on_key(self, link: Link, key: Key, draft: Draft) -> None:
        grant, me = key.grant.statement, self._state.me
        if not link.peer == grant.owner == key.grant.signer or grant.holder != me.peer:
            draft.refuse(link.peer, "not-owner")
        elif grant.run_nonce != me.run_nonce:
            draft.refuse(link.peer, "other-run")
        else:
            incoming = self._current(link.peer, grant.payload_sha256, key)
            if incoming is not None:
                incoming.grant = key.grant
                draft.act(Admit(incoming.manifest, key.key))

    def on_key_refused(self, link: Link, refused: KeyRefused, draft: Draft) -> None:
        incoming = self.incoming.get(link.peer)
        if incoming is not None and incoming.payload == refused.payload_sha256 and incoming.stage == Stage.ASKING:
            self._abandon(link.peer, Cause.REFUSED, draft)
            self._announced.pop(link.peer, None)
            draft.refuse(link.peer, "key-refused")

    def on_admitted(self, done: Admitted, draft: Draft) -> None:
        incoming = self.incoming.get(done.owner)
        is_expected = incoming is not None and incoming.payload == done.payload_sha256
        if incoming is None or not is_expected or incoming.stage != Stage.ADMITTING or incoming.grant is None:
            return
        problem = self.second_look(incoming)
        if problem:
            draft.refuse(done.owner, problem)
            self._abandon(done.owner, Cause.REFUSED, draft)
            return
        del self.incoming[done.owner]
        self._adopt(incoming, incoming.grant, draft)

    def second_look(self, incoming: Incoming) -> str:
        """Everything that may have changed since the announcement; why not to adopt, in one word."""
        if not self._state.is_active:
            return "not-active"
        if incoming.manifest.statement.owner not in self._wanted():
            return "not-wanted"
        return self._seed_problem(incoming.manifest.statement)

    def _adopt(self, incoming: Incoming, grant: Signed[KeyGrant], draft: Draft) -> None:
        seed = incoming.manifest.statement
        old = self._state.get(HeldSeedRow, seed.owner)
        row = HeldSeedRow(seed.owner, seed.generation, seed.payload_sha256, incoming.manifest, grant, None)
        self._state.put(draft, row)
        self.confirmed.add(seed.owner)
        self.use(draft)
        if old is not None:
            self._erase_released(old.owner, Cause.SUPERSEDED, old.payload_sha256, old.grant.statement.grant, draft)
        draft.tell("SeedAdopted", seed.owner, generation=seed.generation)

    def on_admit_refused(self, done: AdmitRefused, draft: Draft) -> None:
        incoming = self.incoming.get(done.owner)
        if incoming is None or incoming.payload != done.payload_sha256 or incoming.stage != Stage.ADMITTING:
            return
        self._rejected[done.owner] = done.payload_sha256
        draft.refuse(done.owner, done.reason)
        self._abandon(done.owner, Cause.REFUSED, draft)

    # --- giving up --------------------------------------------------------------------------------------------------
    def _abandon(self, owner: PeerId, cause: Cause, draft: Draft) -> None:
        """Stop an incoming seed; what is there of it is erased, and a key that was granted is released."""
        incoming = self.incoming.pop(owner)
        grant = incoming.grant.statement.grant if incoming.grant else 0
        self._erase_released(owner, cause, incoming.payload, grant, draft)

    def _give_up(self, row: HeldSeedRow, cause: Cause, draft: Draft) -> None:
        """Stop holding a seed without a notice."""
        self._state.delete(draft, row)
        self._state.put(draft, FloorRow(row.owner, row.generation, row.payload_sha256))
        self.confirmed.discard(row.owner)
        self.use(draft)
        self._erase_released(row.owner, cause, row.payload_sha256, row.grant.statement.grant, draft)

    def _erase_released(self, owner: PeerId, cause: Cause, payload: str, grant: int, draft: Draft) -> None:
        erasure.begin(self._state, draft, owner, cause, (payload,), grant=grant)

    def drop_through(self, owner: PeerId, through: int, draft: Draft) -> tuple[str, ...]:
        """Take everything of `owner` up to `through` out of the ledger and of the pipeline; the payloads to erase."""
        payloads: list[str] = []
        held, incoming = self._state.get(HeldSeedRow, owner), self.incoming.get(owner)
        known = self._announced.get(owner)
        if held is not None and held.generation <= through:
            self._state.delete(draft, held)
            self.confirmed.discard(owner)
            payloads.append(held.payload_sha256)
        if incoming is not None and incoming.manifest.statement.generation <= through:
            del self.incoming[owner]
            payloads.append(incoming.payload)
        if known is not None and known.statement.generation <= through:
            del self._announced[owner]
        return tuple(payloads)

    def drop_everything(self, draft: Draft) -> tuple[str, ...]:
        """The same for every owner: this peer stops holding anything of anybody."""
        owners = sorted({row.owner for row in self._state.held()} | self.incoming.keys())
        payloads = [payload for owner in owners for payload in self.drop_through(owner, GENERATION_MAX, draft)]
        self._announced.clear()
        return tuple(payloads)

    # --- which seeds may be used ------------------------------------------------------------------------------------
    def use(self, draft: Draft) -> None:
        """Tell the predictor which seeds to use: those held and confirmed in this run."""
        draft.act(UseSeeds(tuple(row for row in self._state.held() if row.owner in self.confirmed)))

    def on_start(self, now: Instant) -> None:
        self._confirm_due_s = now.boot_s + self._state.limits.confirm_wait_s

    def on_open(self, peer: PeerId, now: Instant, draft: Draft) -> None:
        """A link is open, notices are merged: its owner's seed is confirmed, and seeds may be spoken of."""
        self._has_merged = True
        before = set(self.confirmed)
        if self._state.get(HeldSeedRow, peer):
            self.confirmed.add(peer)
        self._confirm_unreachable(now)
        if self.confirmed != before:
            self.use(draft)
        self.announce(peer, draft)
        self._start_due(now, draft)

    def _confirm_unreachable(self, now: Instant) -> None:
        """An owner that could not be reached for a while: its seed is used once any neighbour merged its notices."""
        if self._confirm_due_s is not None and self._has_merged and now.boot_s >= self._confirm_due_s:
            self._confirm_due_s = None
            self.confirmed.update(row.owner for row in self._state.held())

    def on_link_down(self, peer: PeerId) -> None:
        incoming = self.incoming.get(peer)
        if incoming is not None and incoming.stage == Stage.ASKING:
            incoming.due_s = 0.0

    def on_timer(self, now: Instant, draft: Draft) -> None:
        self._start_due(now, draft)
        before = set(self.confirmed)
        self._confirm_unreachable(now)
        if self.confirmed != before:
            self.use(draft)

    def deadlines(self) -> Iterator[float]:
        for owner, incoming in self.incoming.items():
            if incoming.stage in (Stage.WAITING, Stage.ASKING) and self._links.is_speaking(owner):
                yield incoming.due_s
        if self._confirm_due_s is not None and self._has_merged:
            yield self._confirm_due_s


def _is_hex(text: str) -> bool:
    return all(character in "0123456789abcdef" for character in text)
