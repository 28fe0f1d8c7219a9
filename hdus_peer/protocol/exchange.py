"""Exchange, the holder's side: what is announced is fetched, its key asked for, checked, and adopted.

Rules
1. Pull, never push, and only from the owner itself over its own link: the owner knows every holder.
2. A key is taken only if it was asked for in this run (`run_nonce`), for the payload that is complete here, and
   since this very attempt began: what an earlier attempt was granted may have been released meanwhile.
3. Adoption looks a second time at everything that may have changed meanwhile: tombstone, floor, wanted, phase.
4. What is refused is counted with one word and changes nothing; a payload that was refused is not fetched again.
5. Whoever stops holding a seed without a notice erases it and releases the grant.
6. No key is asked for while something that the same owner granted is being erased: an owner that was put back and does
   not know it counts its grants anew, and the release that is still to come would close the new one.
7. An owner that announces more seeds than it can have trained is heard later: each may have to be erased again.
"""

from hdus_peer.domain.clock import Instant
from hdus_peer.domain.envelope import Signed
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.sealed import KEY_BYTES
from hdus_peer.domain.seed import GENERATION_MAX, KeyGrant, SeedManifest
from hdus_peer.protocol import erasure
from hdus_peer.protocol.erasure import Cause
from hdus_peer.protocol.incoming import STAGES, TIMED, Incoming, Stage
from hdus_peer.protocol.leases import LeaseClock, lease_problem
from hdus_peer.protocol.links import Link, Links
from hdus_peer.protocol.messages import AnnounceRequest, Heartbeat, Key, KeyRefused, KeyRequest
from hdus_peer.protocol.news import TOO_OFTEN, News
from hdus_peer.protocol.records import (
    ErasureRow,
    FloorRow,
    HeldSeedRow,
)
from hdus_peer.protocol.state import Draft, State
from hdus_peer.protocol.step import (
    Admit,
    AdmitRefused,
    Admitted,
    Fetched,
    FetchFailed,
    StartFetch,
)
from hdus_peer.protocol.tracked import Tracked
from hdus_peer.protocol.usage import Usage
from hdus_peer.protocol.wanting import Expected, Wanting

GONE = "gone"  # the one refusal after which the same payload may be tried again
PASSING = frozenset({"not-owner", "not-open", "payload-taken", TOO_OFTEN})
"""Refusals of an announcement that may end by themselves: the owner is asked again. Any other is for good."""


class Exchange:
    def __init__(self, state: State, links: Links, usage: Usage, leases: LeaseClock, expected: Expected) -> None:
        self._state = state
        self._links = links
        self._usage = usage
        self._leases = leases
        self.incoming: Tracked[PeerId, Incoming] = Tracked()
        self._wanting = Wanting(state, self.incoming, expected)
        self._rejected: dict[PeerId, str] = {}
        self._refused: dict[PeerId, int] = {}
        self._news = News(state.limits)

    # --- others' seeds: announced, wanted ---------------------------------------------------------------------------
    def on_announce(self, link: Link, manifest: Signed[SeedManifest], now: Instant, draft: Draft) -> None:
        problem = self._announce_problem(link, manifest) or self._news_problem(manifest, now)
        if problem:
            draft.refuse(link.peer, problem)
            if problem not in PASSING:
                self._refused[link.peer] = max(manifest.statement.generation, self._refused.get(link.peer, 0))
            return
        link.generation = max(link.generation, manifest.statement.generation)
        if self._wanting.hear(manifest, now):
            self.consider(now, draft)

    def _announce_problem(self, link: Link, manifest: Signed[SeedManifest]) -> str:
        seed, known = manifest.statement, self._wanting.announced.get(link.peer)
        if not link.peer == seed.owner == manifest.signer:
            return "not-owner"
        if not self._state.is_active or not self._links.is_speaking(link.peer):
            return "not-open"
        if known and known.statement.generation > seed.generation:
            return "older-generation"
        if known and known.statement.generation == seed.generation and known.statement != seed:
            return "equivocation"
        return self._wanting.problem(seed)

    def _news_problem(self, manifest: Signed[SeedManifest], now: Instant) -> str:
        known = self._wanting.announced.get(manifest.statement.owner)
        is_news = known is None or known.statement != manifest.statement
        return self._news.problem(manifest.statement.owner, now) if is_news else ""

    def on_heartbeat(self, link: Link, beat: Heartbeat, draft: Draft) -> None:
        known = self._wanting.announced.get(link.peer)
        is_news = beat.generation > max(known.statement.generation if known else 0, self._refused.get(link.peer, 0))
        if is_news and self._state.is_active and self._links.is_speaking(link.peer):
            draft.send(link.peer, AnnounceRequest())

    def consider(self, now: Instant, draft: Draft) -> None:
        """Start what is wanted and not here; give up what is no longer wanted. A function of what is known, not of the
        order in which it became known."""
        if not self._state.is_active:
            return
        wanted, announced = self._wanting.wanted(), self._wanting.announced
        for row in self._state.held():
            if row.owner not in wanted:
                self.give_up(row, Cause.DISPLACED, draft)
        for owner in [owner for owner in self.incoming if owner not in wanted]:
            self._abandon(owner, Cause.DISPLACED, draft)
        here = {row.owner: row.payload_sha256 for row in self._state.held()}
        here |= {owner: one.payload for owner, one in self.incoming.items() if one.stage != Stage.WAITING}
        new = [owner for owner in wanted if owner in announced]
        new = [owner for owner in new if here.get(owner) != announced[owner].statement.payload_sha256]
        for owner in sorted(self._wanting.not_held_back(new, now)):
            self._want(announced[owner], now, draft)

    def _want(self, manifest: Signed[SeedManifest], now: Instant, draft: Draft) -> None:
        owner, payload = manifest.statement.owner, manifest.statement.payload_sha256
        current = self.incoming.get(owner)
        is_leaving = any(payload in row.payloads for row in self._state.all(ErasureRow))
        if is_leaving or self._rejected.get(owner) == payload or self._wanting.problem(manifest.statement):
            return
        if current is not None and current.payload == payload:
            current.due_s = now.boot_s
            return
        if current is not None:
            self._abandon(owner, Cause.SUPERSEDED, draft)
        self.incoming[owner] = Incoming(manifest, Stage.WAITING, now.boot_s)
        self._start_due(now, draft)

    def manifests_of(self, owner: PeerId) -> list[Signed[SeedManifest]]:
        """What `owner` signed, as far as it is here: of the seed held, of the one on its way, of the one announced."""
        held, incoming = self._state.get(HeldSeedRow, owner), self.incoming.get(owner)
        announced = self._wanting.announced.get(owner)
        known = [held.manifest] if held else []
        known += [incoming.manifest] if incoming else []
        return [*known, announced] if announced else known

    # --- fetch, key, check, adopt -----------------------------------------------------------------------------------
    def _start_due(self, now: Instant, draft: Draft) -> None:
        for owner, incoming in list(self.incoming.items()):
            is_due = incoming.due_s <= now.boot_s and self._links.is_speaking(owner)
            if is_due and incoming.stage == Stage.WAITING:
                incoming.stage = Stage.FETCHING
                draft.act(StartFetch(owner, incoming.payload, incoming.manifest.statement.payload_bytes))
            elif is_due and incoming.stage == Stage.ASKING and incoming.asks >= self._state.limits.fetch_attempts_max:
                draft.refuse(owner, "no-key")
                self._forget_announced(owner, draft)
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
        if self._links.is_speaking(owner) and not self._is_releasing(owner):
            nonce = self._state.me.run_nonce
            incoming.asked_sequence = incoming.asked_sequence or row.state_sequence
            incoming.asks += 1
            draft.send(owner, KeyRequest(seed.generation, seed.payload_sha256, row.state_sequence, nonce))

    def _is_releasing(self, owner: PeerId) -> bool:
        """Whether something is being erased whose grant will be released."""
        return any(row.owner == owner and row.grant for row in self._state.all(ErasureRow))

    def on_fetch_failed(self, done: FetchFailed, now: Instant, draft: Draft) -> None:
        incoming = self._current(done.owner, done.payload_sha256, done)
        if incoming is None:
            return
        incoming.attempts += 1
        draft.refuse(done.owner, done.reason)
        if done.gone or incoming.attempts >= self._state.limits.fetch_attempts_max:
            self._forget_announced(done.owner, draft)
            return
        limits = self._state.limits
        incoming.due_s = now.boot_s + min(
            limits.fetch_retry_max_s, limits.fetch_retry_min_s * 2.0 ** (incoming.attempts - 1)
        )

    def on_key(self, link: Link, key: Key, now: Instant, draft: Draft) -> None:
        grant, me = key.grant.statement, self._state.me
        if not link.peer == grant.owner == key.grant.signer or grant.holder != me.peer:
            draft.refuse(link.peer, "not-owner")
        elif grant.run_nonce != me.run_nonce:
            draft.refuse(link.peer, "other-run")
        elif not self._is_asked_for(key.grant.statement):
            draft.refuse(link.peer, "not-asked-for")
        elif len(key.key) != KEY_BYTES or not any(key.key):
            draft.refuse(link.peer, "wrong-key")
        elif key.lease is not None and (problem := lease_problem(key.lease, link.peer, grant.generation)):
            draft.refuse(link.peer, problem)
        elif incoming := self._current(link.peer, grant.payload_sha256, key):
            incoming.grant, incoming.lease, incoming.leased_s = key.grant, key.lease, now.boot_s
            draft.act(Admit(incoming.manifest, key.key))

    def _is_asked_for(self, grant: KeyGrant) -> bool:
        incoming = self.incoming.get(grant.owner)
        if incoming is None or not incoming.asks or grant.holder_sequence < incoming.asked_sequence:
            return False
        return incoming.manifest.statement.generation == grant.generation

    def on_key_refused(self, link: Link, refused: KeyRefused, draft: Draft) -> None:
        incoming = self.incoming.get(link.peer)
        if incoming is not None and incoming.payload == refused.payload_sha256 and incoming.stage == Stage.ASKING:
            draft.refuse(link.peer, "key-refused")
            if refused.reason != GONE:
                self._rejected[link.peer] = incoming.payload
            self._forget_announced(link.peer, draft)

    def on_admitted(self, done: Admitted, now: Instant, draft: Draft) -> None:
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
        self._adopt(incoming, incoming.grant, now, draft)

    def second_look(self, incoming: Incoming) -> str:
        """Everything that may have changed since the announcement; why not to adopt, in one word."""
        if not self._state.is_active:
            return "not-active"
        if incoming.manifest.statement.owner not in self._wanting.wanted():
            return "not-wanted"
        return self._wanting.problem(incoming.manifest.statement)

    def _adopt(self, incoming: Incoming, grant: Signed[KeyGrant], now: Instant, draft: Draft) -> None:
        seed = incoming.manifest.statement
        old = self._state.get(HeldSeedRow, seed.owner)
        row = HeldSeedRow(seed.owner, seed.generation, seed.payload_sha256, incoming.manifest, grant, None)
        self._state.put(draft, self._leases.begin(row, incoming.lease, incoming.leased_s, now))
        self._usage.confirmed.add(seed.owner)
        self._usage.use(draft)
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

    def _forget_announced(self, owner: PeerId, draft: Draft) -> None:
        """Give an attempt up; the owner's next heartbeat makes it announce again."""
        self._abandon(owner, Cause.REFUSED, draft)
        self._wanting.forget(owner)
        self._refused.pop(owner, None)  # what was older than this attempt need not be older than what is here

    # --- giving up --------------------------------------------------------------------------------------------------
    def _abandon(self, owner: PeerId, cause: Cause, draft: Draft) -> None:
        """Stop an incoming seed; what is there of it is erased, and a key that was granted is released."""
        incoming = self.incoming[owner]
        del self.incoming[owner]
        grant = incoming.grant.statement.grant if incoming.grant else 0
        self._erase_released(owner, cause, incoming.payload, grant, draft)

    def give_up(self, row: HeldSeedRow, cause: Cause, draft: Draft) -> None:
        """Stop holding a seed without a notice."""
        self._state.delete(draft, row)
        self._leases.forget(row.owner)
        self._state.put(draft, FloorRow(row.owner, row.generation, row.payload_sha256))
        self._usage.confirmed.discard(row.owner)
        self._usage.use(draft)
        self._erase_released(row.owner, cause, row.payload_sha256, row.grant.statement.grant, draft)

    def _erase_released(self, owner: PeerId, cause: Cause, payload: str, grant: int, draft: Draft) -> None:
        erasure.begin(self._state, draft, owner, cause, (payload,), grant=grant)

    def grants_of(self, owner: PeerId) -> list[int]:
        """The grants of `owner` by which anything is here: held, or being checked."""
        held, incoming = self._state.get(HeldSeedRow, owner), self.incoming.get(owner)
        grants = [held.grant if held else None, incoming.grant if incoming else None]
        return [grant.statement.grant for grant in grants if grant is not None]

    def drop_through(self, owner: PeerId, through: int, draft: Draft) -> tuple[str, ...]:
        """Take everything of `owner` up to `through` out of the ledger and of the pipeline; the payloads to erase."""
        payloads: list[str] = []
        held, incoming = self._state.get(HeldSeedRow, owner), self.incoming.get(owner)
        known = self._wanting.announced.get(owner)
        if held is not None and held.generation <= through:
            self._state.delete(draft, held)
            self._leases.forget(owner)
            self._usage.confirmed.discard(owner)
            payloads.append(held.payload_sha256)
        if incoming is not None and incoming.manifest.statement.generation <= through:
            del self.incoming[owner]
            payloads.append(incoming.payload)
        if known is not None and known.statement.generation <= through:
            self._wanting.forget(owner)
        return tuple(payloads)

    def drop_everything(self, draft: Draft) -> tuple[str, ...]:
        """The same for every owner: this peer stops holding anything of anybody."""
        owners = sorted({row.owner for row in self._state.held()} | self.incoming.keys())
        payloads = [payload for owner in owners for payload in self.drop_through(owner, GENERATION_MAX, draft)]
        self._wanting.forget_all()
        return tuple(payloads)

    # --- links and time ---------------------------------------------------------------------------------------------
    def on_open(self, now: Instant, draft: Draft) -> None:
        """A link is open: what waits for its owner may go on."""
        self._start_due(now, draft)

    def on_link_down(self, peer: PeerId, now: Instant) -> None:
        incoming = self.incoming.get(peer)
        self._wanting.on_link_down(peer, now)
        if incoming is not None and incoming.stage == Stage.ASKING:
            incoming.due_s = 0.0

    def on_timer(self, now: Instant, draft: Draft) -> None:
        if self._wanting.due_s() <= now.boot_s:
            self._wanting.expire(now)
            self.consider(now, draft)
        self._start_due(now, draft)

    def due_s(self) -> float:
        timed = [incoming for incoming in self.incoming.values() if incoming.stage in TIMED]
        waiting_s = [each.due_s for each in timed if self._links.is_speaking(each.manifest.statement.owner)]
        return min([self._wanting.due_s(), *waiting_s])
