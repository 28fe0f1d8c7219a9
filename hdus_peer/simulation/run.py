"""`simulate`: one plan carried out to the end, then peace, then what must hold once everything is quiet.

Once quiet (L1, I6): every leaver that can reach its holders has LEFT, every owed receipt and release was delivered,
all peers have the same tombstones, and every survivor holds, and sums in the same order, exactly the seeds that it
would have if the leavers had never joined.
"""

import functools
from dataclasses import dataclass, replace

from hdus_peer.domain.identity import PeerId
from hdus_peer.protocol.limits import Limits
from hdus_peer.protocol.records import (
    EquivocationRow,
    ErasureRow,
    GrantRow,
    HeldSeedRow,
    MemberRow,
    OwedReceiptRow,
    OwedReleaseRow,
    OwnSeedRow,
    Phase,
    SelfRow,
    TombstoneRow,
)
from hdus_peer.protocol.step import Forget, Leave, Obey, Rejoin, Retrain
from hdus_peer.simulation import cast
from hdus_peer.simulation.cast import Person, Signatures
from hdus_peer.simulation.checker import Checker
from hdus_peer.simulation.clones import DoubledNetwork, second_place
from hdus_peer.simulation.device import Device, Settings, copied
from hdus_peer.simulation.evidence import Violation, is_revoked, on_disk
from hdus_peer.simulation.malice import Rogue, TwoFaced, rogue_of
from hdus_peer.simulation.network import Network, Weather
from hdus_peer.simulation.plan import Act, Plan, What, draw
from hdus_peer.simulation.storage import Room
from hdus_peer.simulation.tally import Tally
from hdus_peer.simulation.world import Listen, World

QUIET_CHECK_S = 0.5
LAPSE_SLACK_S = 3


@dataclass(frozen=True, slots=True)
class Report:
    """What came of one plan. `trace` names everything that happened; `violation` is None where all invariants held."""

    plan: Plan
    trace: str
    events: int
    virtual_s: float
    tally: Tally
    violation: Violation | None


def simulate(seed: int, plan: Plan | None = None, listen: Listen | None = None) -> Report:
    """Carry out the plan of `seed` (or the one given); `listen` hears all that happens."""
    stage = Stage(plan or draw(seed), listen=listen)
    violation: Violation | None = None
    try:
        stage.play()
        stage.settle()
    except Violation as found:
        violation = found
    world = stage.world
    return Report(stage.plan, world.trace, world.events, world.now_s, world.tally, violation)


def limits_of(neighbours_max: int, lease_s: int) -> Limits:
    """The product's limits, with the long waits cut so that peace comes soon."""
    limits = Limits(
        dial_retry_max_s=3.0,
        fetch_retry_max_s=3.0,
        owed_retry_s=3.0,
        pass_on_interval_s=3.0,
        neighbours_max=neighbours_max,
    )
    if not lease_s:
        return limits
    return replace(
        limits,
        lease_use_s=lease_s,
        lease_hold_s=2 * lease_s,
        lease_renew_s=lease_s / 4,
        lease_note_s=0.5,
        lapse_slack_s=LAPSE_SLACK_S,
    )


class Stage:
    """The devices of one plan, and its acts."""

    def __init__(self, plan: Plan, numbers: tuple[int, ...] | None = None, listen: Listen | None = None) -> None:
        self.plan = plan
        self.world = World(plan.seed, listen)
        is_doubled = any(act.what == What.CLONE for act in plan.acts)
        self.network = (DoubledNetwork if is_doubled else Network)(self.world, plan.weather)
        self.clones: dict[int, Device] = {}
        signatures = Signatures(keeps_statements=plan.rogue is not None)
        people = [cast.person(number) for number in (range(plan.peers) if numbers is None else numbers)]
        rogue = cast.person(plan.rogue).peer if plan.rogue is not None else None
        self.checker = Checker(signatures, rogue)
        settings = Settings(plan.task, limits_of(plan.neighbours_max, plan.lease_s), signatures)
        self.devices = {who.number: self.device_of(who, settings) for who in people}
        self.checker.devices = list(self.devices.values())
        self.network.devices = {device.peer: device for device in self.devices.values()}
        self._rogue: Rogue | None = None
        if plan.rogue is not None:
            self._rogue = rogue_of(self.devices[plan.rogue], plan.peers)
        joins_s = dict(plan.joins_s)
        for number, device in self.devices.items():
            if number in joins_s:
                self.world.after(joins_s[number], device.start)
            else:
                device.start()

    def device_of(self, who: Person, settings: Settings) -> Device:
        """One device, not started yet."""
        is_two_faced = self.plan.two_faced and who.number == self.plan.rogue
        return (TwoFaced if is_two_faced else Device)(who, self.network, self.checker, settings)

    # --- the plan ---------------------------------------------------------------------------------------------------
    def play(self) -> None:
        for act in self.plan.acts:
            self.world.run_until(act.at_s)
            self.world.note(f"act {act}")
            self._do(act)
        self.world.run_until(self.plan.horizon_s)

    def _do(self, act: Act) -> None:
        device, other = self.devices[act.who], self.devices[act.other]
        match act.what:
            case What.TRAIN:
                device.train()
            case What.RETRAIN:
                device.attempt(lambda: device.take(lambda core: core.command(Retrain(), device.now)))
                device.train()
            case What.FORGET:
                samples = Forget(f"{act.amount:064x}", act.amount + 1)
                device.attempt(lambda: device.take(lambda core: core.command(samples, device.now)))
            case What.LEAVE:
                device.attempt(lambda: device.take(lambda core: core.command(Leave(), device.now)))
            case What.REJOIN:
                device.attempt(lambda: device.take(lambda core: core.command(Rejoin(), device.now)))
            case What.CRASH:
                device.fuse, device.down_s = act.amount, self.world.between(0.1, 8.0)
            case What.BACKUP:
                device.back_up()
            case What.RESTORE:
                device.restore()
            case What.VANISH:
                self.world.tally.faults["vanish"] += not device.is_gone
                device.vanish()
            case What.CLONE:
                self._clone(act.who, trains=act.amount % 2 == 1)
            case What.CLOCK:
                self.world.tally.faults["clock"] += 1
                device.wall_skew_s += (act.amount - 20) * 3600.0
            case What.SLOW_DISK:
                device.health.slow_down(act.amount)
            case What.FULL_DISK:
                device.health.fill(Room.REFUSING if act.amount % 2 else Room.NOT_ADMITTING, act.amount)
            case What.REVOKE:
                self._revoke(act.who, act.other)
            case What.MALICE:
                if self._rogue is not None:
                    self.world.tally.faults["malice"] += 1
                    self._rogue.strike()
            case _:
                self._disturb(act, device.peer, other.peer)

    def _clone(self, number: int, trains: bool) -> None:
        """A copy of the disk is started at another place, where everybody finds it."""
        first = self.devices[number]
        if first.is_gone or number in self.clones:
            return
        self.world.tally.faults["clone"] += 1
        second = Device(first.who, self.network, self.checker, first.settings, second_place(first.peer))
        second.disk = copied(first.disk)
        first.was_restored = second.was_restored = True  # each takes itself for a backup, once it hears of the other
        self.clones[number] = self.network.devices[second.place] = second
        self.checker.on_clone(second)
        second.start()
        for device in self.devices.values():
            if device.is_open and device is not first:
                device.find(second.place)
        if trains:
            second.train()

    def _revoke(self, who: int, revoked: int) -> None:
        """The operator tells the first from `who` on whose daemon answers."""
        order = sorted(self.devices, key=lambda number: (number - who) % len(self.devices))
        there = [number for number in order if number != revoked and self.devices[number].is_open]
        if there:
            self.world.tally.faults["revoke"] += 1
            told = self.devices[there[0]]
            told.attempt(lambda: told.take(lambda core: core.command(Obey(cast.revocation(revoked)), told.now)))

    def _disturb(self, act: Act, peer: PeerId, other: PeerId) -> None:
        self.world.tally.faults[act.what] += act.what != What.HEAL
        match act.what:
            case What.CUT:
                self.network.cut(peer, other)
            case What.ONE_WAY:
                self.network.blocked.add((peer, other))
            case What.HEAL:
                self.network.blocked.clear()
            case What.SPLIT:
                everybody = [*self.devices.values(), *self.clones.values()]
                low = [device.place for device in everybody if device.who.number < max(1, act.who)]
                high = [device.place for device in everybody if device.who.number >= max(1, act.who)]
                self.network.blocked |= {(one, two) for one in low for two in high}
                self.network.blocked |= {(two, one) for one in low for two in high}

    # --- peace ------------------------------------------------------------------------------------------------------
    def settle(self) -> None:
        """Heal everything, take away what is there twice, and wait until all is quiet; raises Violation where it does
        not become so."""
        self.network.blocked.clear()
        self.network.weather = Weather()
        for device in self.devices.values():
            device.fuse = None
            device.health.mend()
        for number, clone in self.clones.items():
            clone.vanish()
            self.devices[number].learn_what_is_lost()
        until_s = self.world.now_s + self.plan.settle_max_s
        while (problem := self.unrest()) and self.world.now_s < until_s:
            self._switch_off_left()
            self.world.run_until(self.world.now_s + QUIET_CHECK_S)
        if problem is not None:
            raise problem

    def _switch_off_left(self) -> None:
        for device in self.devices.values():
            if self.plan.exits_when_left and device.core is not None and _phase(device) == Phase.LEFT:
                device.stop()
                self.network.vanish(device.peer, is_noticed=True)

    def _judged(self) -> list[Device]:
        there = (device for number, device in self.devices.items() if number != self.plan.rogue)
        return [device for device in there if not device.is_gone]

    def unrest(self) -> Violation | None:
        """The first thing that is not yet as it must be."""
        for device in self._judged():
            problem = self._unrest_at(device)
            if problem:
                return Violation("L1", f"{device.who.number} {problem}")
        running = [device for device in self._judged() if device.core is not None]
        running = [device for device in running if not is_revoked(device, device.peer)]
        if len({_tombstones(device) for device in running}) > 1:
            return Violation("L1", "two peers know of different notices")
        return self.checker.contradiction() or self._unlike_never_joined()

    def _unlike_never_joined(self) -> Violation | None:
        active = {device.who.number: device for device in self._judged() if _phase(device) == Phase.ACTIVE}
        publishing = tuple(number for number, device in active.items() if on_disk(device, OwnSeedRow))
        expected = never_joined(self.plan.task, self.plan.neighbours_max, tuple(active), publishing)
        for number, device in active.items():
            seeds = {self.devices[owner].peer: _own_payload(self.devices[owner]) for owner in publishing}
            owners = [owner for owner in expected[number] if not self._takes_for_cloned(owner, device)]
            wanted = [(owner, seeds[owner]) for owner in owners]
            for what, rows in (("holds", on_disk(device, HeldSeedRow)), ("uses", device.hands.using)):
                has = [(row.owner, row.payload_sha256) for row in rows if row.owner in seeds or self._is_judged(row)]
                has = [pair for pair in has if not self._takes_for_cloned(pair[0], device)]
                if (has if what == "uses" else sorted(has)) != wanted:
                    return Violation("I6", f"{number} {what} {len(has)} seeds, not the {len(wanted)} that it would")
        return None

    def _is_judged(self, row: HeldSeedRow) -> bool:
        """Nobody knows who should hold a seed of the member gone bad, of one that is gone, or of one that was restored
        and waits for its operator."""
        owner = next(device for device in self.devices.values() if device.peer == row.owner)
        return owner in self._judged() and _phase(owner) != Phase.HELD

    def _takes_for_cloned(self, owner: PeerId, holder: Device) -> bool:
        """Whether `owner` believes that there are two devices of this identity, and so grants it nothing."""
        device = next(device for device in self.devices.values() if device.peer == owner)
        return any(row.peer == holder.peer and row.cloned for row in on_disk(device, MemberRow))

    def _unrest_at(self, device: Device) -> str:
        if device.core is None:
            return "" if _phase(device) == Phase.LEFT else "is down"
        if on_disk(device, ErasureRow):
            return "is still erasing"
        if _phase(device) == Phase.LEAVING and not self._waits_for_the_gone(device):
            return "has not left yet"
        owed = [row.owner for row in on_disk(device, OwedReceiptRow)]
        owed += [row.owner for row in on_disk(device, OwedReleaseRow)]
        if any(self._takes_answers_of(device, owner) for owner in owed):
            return "still owes a receipt or a release"
        return ""

    def _takes_answers_of(self, device: Device, owner: PeerId) -> bool:
        """Whether `owner` could have been answered: who was put out speaks with nobody."""
        there = next(each for each in self.devices.values() if each.peer == owner)
        is_put_out = is_revoked(there, owner) or is_revoked(device, device.peer)
        return there.is_open and not is_put_out

    def _waits_for_the_gone(self, device: Device) -> bool:
        """Whether only those have not answered that never do: who is gone, and, where a leaver was restored or is there
        twice, whom it presumes to hold something and who has left long ago, or who answered before (its certificate
        stays pending)."""
        unanswered = {row.holder for row in on_disk(device, GrantRow) if not row.closed_by}
        awaited = {holder for holder in unanswered if not is_revoked(device, holder)}
        gone = {other.peer for other in self.devices.values() if other.is_gone or _left_as_another(other)}
        return device.was_restored or (awaited <= gone and bool(awaited) >= bool(unanswered))


def _left_as_another(device: Device) -> bool:
    """Whether it was put back, has left and was switched off: its departure says nothing of what it forgot, and a
    leaver that it had no time to meet waits until its lease is over."""
    return device.was_restored and device.core is None and _phase(device) == Phase.LEFT


@functools.cache
def never_joined(
    task: str, neighbours_max: int, active: tuple[int, ...], publishing: tuple[int, ...]
) -> dict[int, tuple[PeerId, ...]]:
    """The owners whose seeds each active peer sums, in that order, in a run without faults and without anybody else."""
    plan = Plan(
        seed=0,
        peers=len(active),
        task=task,
        neighbours_max=neighbours_max,
        weather=Weather(),
        horizon_s=8.0,
        settle_max_s=0.0,
        rogue=None,
        exits_when_left=False,
        acts=tuple(Act(0.1, What.TRAIN, number, number) for number in publishing),
    )
    stage = Stage(plan, active)
    stage.play()
    return {number: tuple(row.owner for row in device.hands.using) for number, device in stage.devices.items()}


def _phase(device: Device) -> str:
    rows = on_disk(device, SelfRow)
    return rows[0].phase if rows else Phase.ACTIVE


def _own_payload(device: Device) -> str:
    rows = on_disk(device, OwnSeedRow)
    return rows[0].manifest.statement.payload_sha256 if rows else ""


def _tombstones(device: Device) -> frozenset[tuple[PeerId, int, bool]]:
    proofs = ((row.owner, row.generation, True) for row in on_disk(device, EquivocationRow))
    return frozenset((*proofs, *((row.owner, row.through, False) for row in on_disk(device, TombstoneRow))))
