"""Each fault that a change might bring back is planted here, and must turn the simulation red.

Rule: a plant is as small as the mistake it stands for, and is made in the product's own code path. `found_by` names the
invariants whose checker may speak first; `within` bounds the seeds. `make mutants` shows them all. What was seen when
this was written:

    fault                              first seed   checker, and the plan where it is not the drawn one
    commit_and_send_swapped                     0   I3  a key whose grant is not durable
    receipt_before_erased                       0   I1  a receipt beside a key
    writes_one_by_one                           0   I5  a part of a Step after a crash
    hash_check_gone                             2   I5  wrong bytes for a complete payload
    truncated_payload_accepted                  1   I5  wrong bytes for a complete payload
    signature_check_gone                        3   I7  a notice that its owner never signed
    ownership_check_gone                        3   I7  a notice by somebody else
    tombstone_not_durable                       0   I1  a receipt without a durable tombstone
    key_before_its_grant                        0   I3  a key whose grant is not durable
    generation_reused_after_a_restart           0   I2  one generation for two payloads (busy)
    notices_not_merged_first                    0   I2  seeds spoken of without a durable notice
    adoption_without_a_second_look             53   I2  a seed that its tombstone covers
    summation_in_order_of_arrival               0   I6  another order than that of PeerIds
    release_while_an_earlier_grant_is_held      0   I4  a closed grant whose key is held (busy)
    receipt_silent_about_unfinished_erasures    0   I1  a departure beside a key (busy)
    leaver_forgets_to_depart                    0   I2  a key that its tombstone covers
    first_departure_taken_for_the_second        4   I4  LEFT beside a key (coming_and_going)
    lease_ignored                               0   L2  a seed held after its lease (leased)
    used_after_its_lease                        0   L2  a seed used after its lease (leased)
    lease_longer_after_a_restart                0   L2  a seed held after its lease (leased)
    end_of_lease_not_durable                    0   L2  a lease longer than its owner remembers (leased)
    lapsed_while_leased                         0   I4  LEFT beside a key
    inventories_not_compared                    0   I2  two payloads of one generation (two_faced)
    proof_kept_to_oneself                       0   L1  a receipt that its owner cannot take (two_faced)
    proof_that_erases_nothing                   0   I2  a seed that the proof covers (two_faced)
    equivocation_by_accident                    0   I2  a proof against an honest owner (busy)
    heartbeat_without_root                      0   L1  notices that never arrive (calm)
    buckets_that_find_nothing                   0   L1  notices that never arrive (calm)
    late_training_publishes                     0   I2  what was learned before a forget (forgetting)
    forgetter_answers_early                     0   I1  a receipt beside a key (forgetting)
    restored_unnoticed                          6   I4  LEFT beside a key (put_back)
    leave_not_said_again                        6   I4  LEFT beside a key (put_back)
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from hdus_peer.domain.clock import Instant
from hdus_peer.domain.envelope import SignedEnvelope, reopen_trusted
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.unlearning import UnlearnKind
from hdus_peer.driver import Driver
from hdus_peer.protocol import awaited, erasure, tombstones
from hdus_peer.protocol.equivocation import Equivocations
from hdus_peer.protocol.erasure import Cause
from hdus_peer.protocol.exchange import Exchange, Incoming
from hdus_peer.protocol.granting import Granting
from hdus_peer.protocol.leases import LeaseClock
from hdus_peer.protocol.links import Link, LinkPhase
from hdus_peer.protocol.messages import Greeting, Key, KeyRequest, Message, Notices, Renewal
from hdus_peer.protocol.owed import Owed
from hdus_peer.protocol.peer import PeerCore
from hdus_peer.protocol.records import ErasureRow, GrantRow, HeldSeedRow, TombstoneRow
from hdus_peer.protocol.renewing import Renewing
from hdus_peer.protocol.restored import Restored
from hdus_peer.protocol.state import Draft, State
from hdus_peer.protocol.step import Admitted, Forget, Publish, Put, Step, Write
from hdus_peer.protocol.unlearning import Unlearning
from hdus_peer.repository.memory import MemoryPartial, MemoryRepository
from hdus_peer.simulation import Plan, draw, simulate
from hdus_peer.simulation import device as device_module
from hdus_peer.simulation.checker import Checker
from hdus_peer.simulation.device import Device
from hdus_peer.simulation.network import Network, Weather
from hdus_peer.simulation.plan import HORIZON_S, Act, What
from hdus_peer.transport.envelopes import EnvelopeOpener

Plant = Callable[[pytest.MonkeyPatch], None]
Fault = tuple[Plant, set[str], int, Callable[[int], Plan]]


def commit_and_send_swapped(patch: pytest.MonkeyPatch) -> None:
    class Hasty(Driver):
        def execute(self, step: Step) -> None:
            self.finish(step)
            self.commit([step])

    patch.setattr(device_module, "Driver", Hasty)


def receipt_before_erased(patch: pytest.MonkeyPatch) -> None:
    merge = Unlearning._merge

    def hasty(self: Unlearning, sender: Any, row: TombstoneRow, now: Instant, draft: Draft) -> None:
        merge(self, sender, row, now, draft)
        for begun in self._state.all(ErasureRow):
            if begun.owner == row.owner and begun.cause == Cause.NOTICE:
                self._owed.receipt(begun, now, draft)

    patch.setattr(Unlearning, "_merge", hasty)


def writes_one_by_one(patch: pytest.MonkeyPatch) -> None:
    def commit(self: Device, writes: Sequence[Write]) -> None:
        self.tick()
        self.judge.before_commit(self, writes)
        for write in writes:
            self.repository.commit([write])
            self.tick()
        self.judge.after_commit(self)

    patch.setattr(Device, "commit", commit)


def hash_check_gone(patch: pytest.MonkeyPatch) -> None:
    finish = MemoryPartial.finish

    def trusting(self: MemoryPartial) -> None:
        if not self._is_complete and len(self._bytes) == self._size:
            self._state.payloads[self._sha256] = bytes(self._bytes)
        else:
            finish(self)

    patch.setattr(MemoryPartial, "finish", trusting)


def truncated_payload_accepted(patch: pytest.MonkeyPatch) -> None:
    finish = MemoryPartial.finish

    def trusting(self: MemoryPartial) -> None:
        if not self._is_complete and len(self._bytes) < self._size:
            self._state.payloads[self._sha256] = bytes(self._bytes)
        else:
            finish(self)

    patch.setattr(MemoryPartial, "finish", trusting)


def signature_check_gone(patch: pytest.MonkeyPatch) -> None:
    def trusting(self: EnvelopeOpener, envelope: SignedEnvelope, kind: Any) -> Any:
        signed = reopen_trusted(envelope, kind)
        self._check_author(signed)
        return signed

    patch.setattr(EnvelopeOpener, "open", trusting)


def ownership_check_gone(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Unlearning, "_problem", lambda self, item: "")


def late_training_publishes(patch: pytest.MonkeyPatch) -> None:
    publish = Granting.publish

    def trusting(self: Granting, command: Publish, now: Instant, draft: Draft) -> None:
        publish(self, replace(command, job_epoch=self._state.row.job_epoch), now, draft)

    patch.setattr(Granting, "publish", trusting)


def forgetter_answers_early(patch: pytest.MonkeyPatch) -> None:
    forget = Unlearning.forget

    def hasty(self: Unlearning, command: Forget, now: Instant, draft: Draft) -> None:
        forget(self, command, now, draft)
        for begun in self._state.all(ErasureRow):
            if begun.cause == Cause.FORGOTTEN:
                self._on_forgotten(begun, now, draft)

    patch.setattr(Unlearning, "forget", hasty)


def tombstone_not_durable(patch: pytest.MonkeyPatch) -> None:
    commit = MemoryRepository.commit

    def forgetful(self: MemoryRepository, writes: Sequence[Write]) -> None:
        commit(self, [write for write in writes if not (isinstance(write, Put) and type(write.row) is TombstoneRow)])

    patch.setattr(MemoryRepository, "commit", forgetful)


def key_before_its_grant(patch: pytest.MonkeyPatch) -> None:
    on_key_request = Granting.on_key_request

    def hasty(self: Granting, link: Link, request: KeyRequest, now: Instant, draft: Draft) -> None:
        """The grant is written down with the next one."""
        on_key_request(self, link, request, now, draft)
        late: dict[Any, Write] = getattr(self, "late", {})
        mine = {key: write for key, write in draft.writes.items() if key[0] is GrantRow}
        for key in mine:
            del draft.writes[key]
        draft.writes |= late
        self.late = mine  # type: ignore[attr-defined]

    patch.setattr(Granting, "on_key_request", hasty)


def generation_reused_after_a_restart(patch: pytest.MonkeyPatch) -> None:
    publish = Granting.publish

    def forgetful(self: Granting, command: Publish, now: Instant, draft: Draft) -> None:
        """The count begins anew with every run, and no clock stands in for it."""
        self._state.change_self(draft, generation_highest=getattr(self, "count", 0))
        publish(self, command, Instant(now.boot_s, 0.0), draft)
        self.count = self._state.row.generation_highest  # type: ignore[attr-defined]

    patch.setattr(Granting, "publish", forgetful)


def notices_not_merged_first(patch: pytest.MonkeyPatch) -> None:
    on_greeting = PeerCore._on_greeting

    def hasty(self: PeerCore, link: Link, greeting: Greeting, now: Instant, draft: Draft) -> None:
        on_greeting(self, link, greeting, now, draft)
        if link.phase == LinkPhase.MERGING:
            link.merged_mine = link.merged_theirs = True
            self._try_open(link, now, draft)

    patch.setattr(PeerCore, "_on_greeting", hasty)


def adoption_without_a_second_look(patch: pytest.MonkeyPatch) -> None:
    on_key = Exchange.on_key

    def remember(self: Exchange, link: Link, key: Key, now: Instant, draft: Draft) -> None:
        on_key(self, link, key, now, draft)
        checked: dict[Any, Incoming] = self.__dict__.setdefault("checked", {})
        checked |= {incoming.payload: incoming for incoming in self.incoming.values() if incoming.grant}

    def blind(self: Exchange, done: Admitted, now: Instant, draft: Draft) -> None:
        incoming = self.__dict__["checked"].pop(done.payload_sha256)
        self.incoming.pop(done.owner, None)
        self._adopt(incoming, incoming.grant, now, draft)

    patch.setattr(Exchange, "on_key", remember)
    patch.setattr(Exchange, "on_admitted", blind)


def summation_in_order_of_arrival(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(State, "held", lambda self: self.all(HeldSeedRow))


def release_while_an_earlier_grant_is_held(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Owed, "_releasable", lambda self, row: row.grant)


def receipt_silent_about_unfinished_erasures(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(erasure, "_with_unfinished", lambda state, owner, payloads, **more: payloads)


def leaver_forgets_to_depart(patch: pytest.MonkeyPatch) -> None:
    begin = erasure.begin

    def forgetful(state: State, draft: Draft, owner: Any, cause: Cause, payloads: Any, **more: Any) -> None:
        begin(state, draft, owner, cause, () if cause == Cause.DEPARTURE else payloads, **more)

    patch.setattr(erasure, "begin", forgetful)


def early_notices_lost(patch: pytest.MonkeyPatch) -> None:
    """No fault, but a network that loses every notice that is passed on, until peace comes."""
    send = Network.send

    def losing(self: Network, me: PeerId, peer: PeerId, message: Message | bytes) -> None:
        if not (isinstance(message, Notices) and not message.last and self.world.now_s < HORIZON_S):
            send(self, me, peer, message)

    patch.setattr(Network, "send", losing)


def heartbeat_without_root(patch: pytest.MonkeyPatch) -> None:
    early_notices_lost(patch)
    patch.setattr(Unlearning, "on_heartbeat", lambda self, link, beat, draft: None)


def first_departure_taken_for_the_second(patch: pytest.MonkeyPatch) -> None:
    """A second leave believes the departure of the first, which comes back from a neighbour, for its own."""
    write = tombstones.write_own

    def forgetful(state: State, kind: UnlearnKind, now: Instant, draft: Draft) -> TombstoneRow:
        row = replace(write(state, kind, now, draft), departure=None)
        state.put(draft, row)
        return row

    def hasty(self: Unlearning, draft: Draft) -> None:
        row = self._state.get(TombstoneRow, self._state.me.peer)
        if self._state.row.phase == "leaving" and row is not None and row.departure and not self.open_grants():
            self._state.change_self(draft, phase="left")

    patch.setattr(tombstones, "write_own", forgetful)
    patch.setattr(Unlearning, "_try_to_finish", hasty)


def buckets_that_find_nothing(patch: pytest.MonkeyPatch) -> None:
    early_notices_lost(patch)
    patch.setattr(tombstones, "bucket_hashes", lambda state: ("",) * 256)


def lease_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LeaseClock, "lapsed", lambda self, now: [])
    patch.setattr(LeaseClock, "deadlines", lambda self: iter(()))


def used_after_its_lease(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LeaseClock, "end_uses", lambda self, now: [])
    patch.setattr(LeaseClock, "deadlines", lambda self: iter(self._hold_until_s.values()))


def lease_longer_after_a_restart(patch: pytest.MonkeyPatch) -> None:
    resume = LeaseClock.resume
    patch.setattr(LeaseClock, "resume", lambda self, row, now: resume(self, replace(row, counted_at_s=0), now))


def end_of_lease_not_durable(patch: pytest.MonkeyPatch) -> None:
    def forgetful(self: Renewing, peers: set[PeerId], now: Instant, draft: Draft) -> None:
        grants = [row for row in self._renewable() if row.holder in peers]
        for row in grants:
            draft.send(row.holder, Renewal(self.lease(row.generation, now, draft)))

    patch.setattr(Renewing, "_renew", forgetful)


def lapsed_while_leased(patch: pytest.MonkeyPatch) -> None:
    """A leaver waits for nobody whose lease is known."""
    patch.setattr(awaited, "is_lapsed", lambda hold_until_s, at_s, slack_s: hold_until_s > 0)


def inventories_not_compared(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Equivocations, "on_inventory", lambda self, link, inventory, draft: None)


def proof_kept_to_oneself(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Equivocations, "_pass_on", lambda self, sender, row, now, draft: None)
    patch.setattr(tombstones, "proofs", lambda state, buckets=(): [])


def proof_that_erases_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Unlearning, "erase_through", lambda self, owner, through, now, draft: None)


def equivocation_by_accident(patch: pytest.MonkeyPatch) -> None:
    """An honest owner's generation is used for two payloads, and proved so."""
    generation_reused_after_a_restart(patch)
    patch.setattr(Checker, "_on_publish", lambda self, device, row: None)


def restored_unnoticed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Restored, "on_echo", lambda self, echo, now, draft: None)
    patch.setattr(Restored, "on_holder", lambda self, holder, generation, draft: None)


def leave_not_said_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Unlearning, "say_again", lambda self, now, draft: None)


# --- plans under which the rarer mistakes are made often --------------------------------------------------------------
def busy(seed: int) -> Plan:
    """Everybody publishes all the time."""
    plan, rng = draw(seed), random.Random(seed)
    trains = [Act(rng.uniform(0.0, plan.horizon_s), What.TRAIN, who) for who in range(plan.peers) for _ in range(12)]
    return replace(plan, acts=tuple(sorted((*plan.acts, *trains), key=lambda act: act.at_s)))


def coming_and_going(seed: int) -> Plan:
    """Leave, come back, leave again."""
    plan, rng = draw(seed), random.Random(seed)
    acts = [act for act in plan.acts if act.what == What.TRAIN]
    for who in range(3):
        at_s = rng.uniform(3.0, 6.0)
        acts += [Act(at_s, What.LEAVE, who), Act(at_s + 2.0, What.REJOIN, who), Act(at_s + 2.1, What.TRAIN, who)]
        acts.append(Act(at_s + rng.uniform(5.0, 9.0), What.LEAVE, who))
    return replace(plan, rogue=None, weather=Weather(), acts=tuple(sorted(acts, key=lambda act: act.at_s)))


def leased(seed: int) -> Plan:
    """Short leases, links that break, and devices that are switched off."""
    plan, rng = draw(seed), random.Random(seed)
    faults = [
        Act(rng.uniform(3.0, 12.0), what, who, 0, 3) for who in range(1, 5) for what in (What.CRASH, What.ONE_WAY)
    ]
    acts = [act for act in (*plan.acts, *faults) if act.what not in (What.CLOCK, What.HEAL)]
    return replace(plan, lease_s=3, acts=tuple(sorted(acts, key=lambda act: act.at_s)))


def two_faced(seed: int) -> Plan:
    """The member gone bad equivocates, and nobody leaves."""
    plan = draw(seed)
    acts = [act for act in plan.acts if act.what not in (What.LEAVE, What.REJOIN, What.MALICE)]
    rogue = plan.peers - 1
    strikes = [Act(2.0 + number / 2, What.MALICE, rogue) for number in range(20)]
    acts = sorted([*acts, *strikes], key=lambda act: act.at_s)
    return replace(plan, rogue=rogue, two_faced=True, neighbours_max=16, acts=tuple(acts))


def calm(seed: int) -> Plan:
    """One leave, and no link breaks."""
    plan = draw(seed)
    acts = (*(act for act in plan.acts if act.what == What.TRAIN), Act(12.0, What.LEAVE, 0))
    return replace(plan, weather=Weather(), rogue=None, exits_when_left=False, acts=acts)


def put_back(seed: int) -> Plan:
    """Owners are put back to before their grants, and leave."""
    plan, rng = draw(seed), random.Random(f"put back {seed}")
    acts = [act for act in plan.acts if act.what not in (What.LEAVE, What.REJOIN, What.BACKUP, What.RESTORE)]
    for who in rng.sample(range(plan.peers - 1), 2):
        at_s = rng.uniform(0.5, 4.0)
        back_s = at_s + rng.uniform(1.0, 6.0)
        acts += [Act(at_s, What.BACKUP, who), Act(at_s + 0.1, What.TRAIN, who), Act(back_s, What.RESTORE, who)]
        acts.append(Act(back_s + rng.uniform(0.2, 5.0), What.LEAVE, who))
    return replace(plan, neighbours_max=16, acts=tuple(sorted(acts, key=lambda act: act.at_s)))


def forgetting(seed: int) -> Plan:
    """Everybody forgets, some while they train."""
    rng = random.Random(f"forgetting {seed}")
    plan = draw(seed)
    acts = [Act(rng.uniform(0.5, HORIZON_S - 2.0), What.FORGET, rng.randrange(6), 0, n) for n in range(12)]
    acts += [Act(act.at_s - rng.uniform(0.0, 0.5), What.TRAIN, act.who) for act in acts]
    return replace(plan, acts=tuple(sorted((*plan.acts, *acts), key=lambda act: act.at_s)))


FAULTS: list[Fault] = [
    (commit_and_send_swapped, {"I2", "I3", "I5"}, 5, draw),
    (receipt_before_erased, {"I1"}, 5, draw),
    (writes_one_by_one, {"I5"}, 10, draw),
    (hash_check_gone, {"I5"}, 10, draw),
    (truncated_payload_accepted, {"I5"}, 10, draw),
    (signature_check_gone, {"I7"}, 15, draw),
    (ownership_check_gone, {"I7"}, 15, draw),
    (tombstone_not_durable, {"I1", "I2"}, 5, draw),
    (late_training_publishes, {"I2"}, 10, forgetting),
    (forgetter_answers_early, {"I1"}, 10, forgetting),
    (key_before_its_grant, {"I3"}, 5, draw),
    (generation_reused_after_a_restart, {"I2"}, 10, busy),
    (notices_not_merged_first, {"I2"}, 5, draw),
    (adoption_without_a_second_look, {"I2", "I5"}, 100, draw),
    (summation_in_order_of_arrival, {"I6"}, 5, draw),
    (release_while_an_earlier_grant_is_held, {"I4"}, 20, busy),
    (receipt_silent_about_unfinished_erasures, {"I1", "I4"}, 40, busy),
    (leaver_forgets_to_depart, {"I1", "I2", "I4"}, 5, draw),
    (first_departure_taken_for_the_second, {"I1", "I4"}, 20, coming_and_going),
    (lease_ignored, {"L2"}, 10, leased),
    (used_after_its_lease, {"L2"}, 10, leased),
    (lease_longer_after_a_restart, {"L2"}, 40, leased),
    (end_of_lease_not_durable, {"L2"}, 5, leased),
    (lapsed_while_leased, {"I4"}, 5, draw),
    (inventories_not_compared, {"I2"}, 5, two_faced),
    (proof_kept_to_oneself, {"L1"}, 10, two_faced),
    (proof_that_erases_nothing, {"I2"}, 5, two_faced),
    (equivocation_by_accident, {"I2"}, 10, busy),
    (heartbeat_without_root, {"L1"}, 3, calm),
    (buckets_that_find_nothing, {"L1"}, 3, calm),
    (restored_unnoticed, {"I2", "I4", "I6", "L1"}, 40, put_back),
    (leave_not_said_again, {"I4", "I6", "L1"}, 100, put_back),
]


@pytest.mark.slow
@pytest.mark.parametrize(("plant", "found_by", "within", "plan"), FAULTS, ids=[fault[0].__name__ for fault in FAULTS])
def test_a_planted_fault_is_found(
    plant: Plant, found_by: set[str], within: int, plan: Callable[[int], Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    for seed in range(within):
        violation = simulate(seed, plan(seed)).violation
        if violation is not None:
            assert violation.invariant in found_by, f"seed {seed}: {violation}"
            return
    pytest.fail(f"nobody noticed within {within} seeds")


@pytest.mark.slow
@pytest.mark.parametrize("plan", [busy, coming_and_going, leased, two_faced, calm, forgetting, put_back])
def test_nothing_is_found_where_nothing_was_planted(
    plan: Callable[[int], Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    if plan is calm:
        early_notices_lost(monkeypatch)
    for seed in range(5):
        assert simulate(seed, plan(seed)).violation is None, f"seed {seed}"
