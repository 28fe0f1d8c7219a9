"""A backup was put in the place of this peer's state: how it is found out, and what follows.

It is found by what I signed myself, or by what a holder says of itself; nobody else's word counts (I7):
1. an echo of my Hello in another run with a later `state_sequence` than that with which this run began (not than mine
   now: a run that was put back soon catches up): that run is forgotten;
2. a manifest of mine, shown by whoever holds that seed, of a generation that I do not remember;
3. a holder that names a seed of mine for which the ledger has no open grant: that grant is forgotten.

What follows of 1 and 2: foreign seeds are erased (they are a cache, and a notice may have covered them), my sequence
and my next generation leap above all that was used, what I serve is published anew, and every member is presumed to
hold what I forgot that I granted. Of 3, that holder alone is presumed. Only an answer to a later notice, or a
departure, closes such an entry; so whoever is leaving, or has left, says it again. Until when its holder may hold the
seed is forgotten, too, but nobody holds one for longer than `lease_max_s` from now: it is waited for until then.

In all three the number of my next grant leaps, too: a release of a forgotten grant that is still on its way would close
a new one of the same number. Grants are counted from 1 and generations by the clock, so that the highest generation is
above every number that a run used which never leapt, and a leap for each Step and member above those that did.
"""

from hdus_peer.domain.clock import Instant
from hdus_peer.domain.envelope import Signed
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.membership import Hello
from hdus_peer.domain.seed import GENERATION_MAX
from hdus_peer.protocol import erasure
from hdus_peer.protocol.erasure import Cause
from hdus_peer.protocol.exchange import Exchange
from hdus_peer.protocol.granting import Granting
from hdus_peer.protocol.records import GrantRow, MemberRow, Phase
from hdus_peer.protocol.state import Draft, State
from hdus_peer.protocol.unlearning import Unlearning
from hdus_peer.protocol.usage import Usage

PRESUMED_MAX = 10_000
"""How many grants a forgotten run may have presumed without a Step for each: one for every member that it knew."""


class Restored:
    def __init__(
        self, state: State, granting: Granting, exchange: Exchange, usage: Usage, unlearning: Unlearning
    ) -> None:
        self._state, self._unlearning = state, unlearning
        self._granting, self._exchange, self._usage = granting, exchange, usage
        self._remembered = state.row.state_sequence  # through which no Step of mine is forgotten

    def on_echo(self, echo: Signed[Hello], now: Instant, draft: Draft) -> None:
        """My own last Hello as a neighbour knows it."""
        state, hello = self._state, echo.statement
        steps = hello.state_sequence - self._remembered
        if echo.signer != state.me.peer or steps <= 0 or hello.run_nonce == state.me.run_nonce:
            return
        self._remembered = hello.state_sequence
        self._granting.leap(steps, hello.wall_ms // 1000, draft)
        sequence = max(state.row.state_sequence, hello.state_sequence)
        state.change_self(draft, state_sequence=sequence, broken_at_s=hello.wall_ms // 1000)
        self._leap_grants(steps, draft)
        self._begin_afresh(now, draft)

    def on_own_generation(self, generation: int, now: Instant, draft: Draft) -> None:
        """I signed a manifest of this generation, and do not remember it."""
        self._state.change_self(draft, generation_highest=generation, broken_at_s=now.unix_s)
        self._granting.withdraw(generation, draft)
        self._leap_grants(0, draft)
        self._begin_afresh(now, draft)

    def on_holder(self, holder: PeerId, generations: frozenset[int], now: Instant, draft: Draft) -> None:
        """A member says that it holds my seed of these generations; the highest that can be mine counts, so that a
        long list of them costs no more than one."""
        grants = [row for row in self._state.all(GrantRow) if row.holder == holder and not row.closed_by]
        through, highest = self._state.through(self._state.me.peer), self._state.row.generation_highest
        generation = max((one for one in generations if through < one <= highest), default=0)
        if generation and not any(row.generation >= generation for row in grants):
            self._leap_grants(0, draft)
            self._presume(holder, generation, now, draft)
            draft.tell("GrantForgotten", holder, generation=generation)

    def on_first_met(self, member: PeerId, now: Instant, draft: Draft) -> None:
        """Whom a backup does not know, a forgotten run may have met, and given a key."""
        if self._state.row.broken_at_s:
            self._presume(member, self._state.row.generation_highest, now, draft)
            self._unlearning.say_again(now, draft)

    def _leap_grants(self, steps: int, draft: Draft) -> None:
        """No grant of mine has the number of a forgotten one."""
        row = self._state.row
        highest = max(row.grant_highest, row.generation_highest) + steps + PRESUMED_MAX
        self._state.change_self(draft, grant_highest=min(highest, GENERATION_MAX - 1))

    def _begin_afresh(self, now: Instant, draft: Draft) -> None:
        state = self._state
        payloads = self._exchange.drop_everything(draft)
        self._usage.use(draft)
        erasure.begin(state, draft, state.me.peer, Cause.ROLLED_BACK, payloads)
        generation = max(state.row.generation_highest, state.row.through_highest, now.unix_s)
        for member in sorted(state.all(MemberRow), key=lambda row: row.peer):
            self._presume(member.peer, generation, now, draft)
        draft.tell("RolledBack", state.me.peer, sequence=state.row.state_sequence)
        if state.row.phase == Phase.LEFT:  # and came back, and is held by somebody again, as far as is known here
            state.change_self(draft, phase=Phase.LEAVING)
        self._unlearning.say_again(now, draft)

    def _presume(self, peer: PeerId, generation: int, now: Instant, draft: Draft) -> None:
        """One open entry a member, of the highest generation that was forgotten."""
        presumed = [row for row in self._state.all(GrantRow) if row.holder == peer and not row.run_nonce]
        still_open = [row for row in presumed if not row.closed_by]
        if any(row.generation >= generation for row in still_open):
            return
        number = still_open[0].grant if still_open else self._state.row.grant_highest + 1
        row, until_s = self._state.row, now.unix_s + self._state.limits.lease_max_s
        latest_s = max(row.hold_until_max_s, until_s)
        self._state.change_self(draft, grant_highest=max(row.grant_highest, number), hold_until_max_s=latest_s)
        self._state.put(draft, GrantRow(number, peer, generation, 0, "", 0, until_s, ""))
