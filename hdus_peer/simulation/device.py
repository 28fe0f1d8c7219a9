"""One simulated peer: a disk that survives, and a run (core, driver, hands) that does not.

Rules
1. Whatever a run was doing dies with it: each action that it scheduled carries the number of the run.
2. `fuse` counts down at every boundary (before and after a commit, before a send, an effect, an event, a stage of an
   erasure); at zero the device crashes there and then.
3. A start sweeps, redoes the erasures that a crash left, and only then opens its port.
4. While the disk is busy with a commit, or refuses one, nothing else is decided: inputs wait in line, as in the
   daemon's shell.
"""

import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from hdus_peer.domain.clock import Instant
from hdus_peer.domain.identity import PeerId
from hdus_peer.driver import Driver
from hdus_peer.errors import RemoteError, StorageError
from hdus_peer.protocol.alarms import NEVER_S
from hdus_peer.protocol.limits import Limits
from hdus_peer.protocol.messages import Message
from hdus_peer.protocol.peer import PeerCore
from hdus_peer.protocol.records import (
    EquivocationRow,
    ErasureRow,
    HeldSeedRow,
    OwnSeedRow,
    Row,
    TombstoneRow,
)
from hdus_peer.protocol.step import (
    NOTHING,
    AddressFound,
    Admit,
    Effect,
    Erase,
    Event,
    LinkDown,
    LinkUp,
    Publish,
    Put,
    Step,
    Write,
)
from hdus_peer.repository.memory import MemoryRepository, MemoryState
from hdus_peer.repository.port import Repository
from hdus_peer.simulation import cast
from hdus_peer.simulation.cast import Person, Signatures, identity_at
from hdus_peer.simulation.hands import Hands, sealed
from hdus_peer.simulation.judge import Judge
from hdus_peer.simulation.network import Network
from hdus_peer.simulation.storage import COMMIT_MAX_S, RETRY_S, BoundedRepository, Health, Room
from hdus_peer.simulation.world import WALL_START_S, World
from hdus_peer.transport.codec import Codec

APART = 10**6  # between the numbers of the payloads of a device and of its copy
ABOUT_SEEDS = frozenset({OwnSeedRow, HeldSeedRow, ErasureRow, TombstoneRow, EquivocationRow})
CLOCK_GRAIN_S = 1e-6  # timers are never early: rounding must not make one fire before its deadline


class Crash(Exception):
    """The device loses everything but its disk."""


def _changes_what_is_here(step: Step) -> bool:
    """Whether something of what this peer holds, must not hold, or erases is another afterwards."""
    is_written = any(
        (type(write.row) if isinstance(write, Put) else write.table) in ABOUT_SEEDS for write in step.writes
    )
    return is_written or any(isinstance(effect, Admit | Erase) for effect in step.effects)


def copied(disk: MemoryState) -> MemoryState:
    """What an image of this disk holds."""
    return MemoryState(
        {table: dict(rows) for table, rows in disk.rows.items()},
        dict(disk.payloads),
        {name: bytearray(partial) for name, partial in disk.partials.items()},
        dict(disk.keys),
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """What all devices of a run share."""

    task: str
    limits: Limits
    signatures: Signatures
    chunk_bytes: int = 64


class Device:
    """`named_share`: of how many addresses the operator said where, and not who."""

    named_share = 0.2

    def __init__(
        self, who: Person, network: Network, judge: Judge, settings: Settings, place: PeerId | None = None
    ) -> None:
        """`place`: where it is in the network, if that has not the name of its peer."""
        self.who, self.network, self.judge, self.settings = who, network, judge, settings
        self.place = place or who.peer
        self.peer: PeerId = who.peer
        self.world: World = network.world
        self.disk = MemoryState()
        self.repository: Repository = MemoryRepository(self.disk)
        self.core: PeerCore | None = None
        self.hands = Hands(self)
        self.health = Health(self.world)
        self.is_open = self.is_gone = self.was_restored = self.is_changed = False
        self.run = 0
        self.fuse: int | None = None
        self.down_s = 1.0
        self.wall_skew_s = 0.0
        self.refused = 0
        self.message: Message | None = None  # what the Step that is being carried out answers
        self.learned: dict[str, int] = {}  # payload -> the job epoch in which its training began
        self._codec: Codec = cast.codec()
        self._driver = Driver(self, self, self, self.publish_event)
        self._boot_s = 0.0
        self._armed_s = 0.0
        self._backup: MemoryState | None = None
        self._line: deque[Callable[[], None]] = deque()
        self._is_held = False

    @property
    def now(self) -> Instant:
        """The boot clock begins anew with every run; the wall clock may be wrong."""
        wall_s = WALL_START_S + self.world.now_s + self.wall_skew_s
        return Instant(self.world.now_s - self._boot_s + 1.0, wall_s)

    # --- life and death ---------------------------------------------------------------------------------------------
    def start(self) -> None:
        if self.core is not None or self.is_gone:
            return
        self.world.note(f"{self.who.number} starts")
        self._boot_s = self.world.now_s - self.world.between(0.0, 1000.0)
        self.repository = self.open_repository()
        try:
            self.repository.sweep()
        except StorageError:
            self.world.after(RETRY_S, self.start)
            return
        nonce = f"{self.who.number}{self.place[len(self.peer) :]}-{self.run}"
        rows: list[Row] = [row for rows in self.repository.load().rows.values() for row in rows.values()]
        me = cast.me(self.who, self.settings.task, nonce, self.settings.signatures)
        self.core = PeerCore(me, self.settings.limits, rows, random.Random(self.world.rng.random()))
        self.hands = Hands(self)
        self._armed_s = NEVER_S
        self.attempt(lambda: self.take(lambda core: core.start(self.now)))
        self.attempt(self.open_when_erased)
        if self.was_restored:
            self.learn_what_is_lost()

    def open_repository(self) -> Repository:
        """What a run begins with: another process on the same disk."""
        return BoundedRepository(self.disk, self.health)

    def open_when_erased(self) -> None:
        if self.core is None or self.is_open or self.hands.erasing:
            return
        self.is_open = True
        for place in self.in_reach():
            self.find(place)

    def find(self, place: PeerId) -> None:
        """Discovery finds who is there, or the address alone."""
        claimed = None if self.world.chance(self.named_share) else identity_at(place)
        self.later(self.world.between(0.0, 0.5), self._found(AddressFound(claimed, place)), is_input=True)

    def in_reach(self) -> Iterable[PeerId]:
        """Whose addresses discovery finds, in this order: everybody else's."""
        return (place for place in self.network.devices if place != self.place)

    def _found(self, found: AddressFound) -> Callable[[], None]:
        return lambda: self.take(lambda core: core.neighbour(found, self.now))

    def die(self) -> None:
        """Lose everything but the disk; come back after `down_s`."""
        self.world.note(f"{self.who.number} crashes")
        self.world.tally.faults["crash"] += 1
        self.stop()
        self.network.vanish(self.place, is_noticed=self.world.chance(0.7))
        self.judge.on_crash(self)
        self.world.after(self.down_s, self.start)

    def back_up(self) -> None:
        """Copy the disk as it is now: keys and payloads, too, as an image of the whole device has them."""
        self._backup = copied(self.disk)

    def restore(self) -> None:
        """Put the copy, if there is one, in the place of the disk."""
        if self._backup is None or self.is_gone:
            return
        self.world.tally.faults["restore"] += 1
        self.die()
        self.disk, self.was_restored = copied(self._backup), True
        self.judge.on_restore(self)

    def vanish(self) -> None:
        """Be gone for ever."""
        self.world.note(f"{self.who.number} vanishes")
        self.is_gone = True
        self.stop()
        self.network.vanish(self.place, is_noticed=self.world.chance(0.7))

    def stop(self) -> None:
        self.core, self.is_open, self.fuse, self._is_held = None, False, None, False
        self._line.clear()
        self.message = None
        self.run += 1

    def tick(self) -> None:
        """One boundary."""
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse < 0:
                raise Crash

    # --- acting -----------------------------------------------------------------------------------------------------
    def attempt(self, action: Callable[[], None]) -> None:
        """Do it, once the disk has done what came before."""
        if self._is_held:
            self._line.append(action)
        elif self.core is not None:
            self._do(action)

    def _do(self, action: Callable[[], None]) -> None:
        """Do it, or crash in the middle; then look at the timer and at the invariants."""
        try:
            action()
        except Crash:
            self.die()
        else:
            self._arm()
        self.judge.after_action(self)

    def later(self, delay_s: float, action: Callable[[], None], *, is_input: bool = False) -> None:
        """The same after a while, unless the run is over by then; what is only an input of the core changes what its
        Step does, anything else may change what lies on the disk."""
        run = self.run

        def act() -> None:
            if self.run == run:
                self.is_changed = self.is_changed or not is_input
                self.attempt(action)

        self.world.after(delay_s, act)

    def take(self, decide: Callable[[PeerCore], Step]) -> None:
        """One input of the core, and its Step."""
        if self.core is not None:
            self._answer(decide(self.core))

    def _answer(self, step: Step) -> None:
        """Let the real driver carry it out."""
        self.world.tally.steps += 1
        if step is not NOTHING:
            self.is_changed = self.is_changed or _changes_what_is_here(step)
            self._carry_out(step, self.message)

    def _carry_out(self, step: Step, message: Message | None) -> None:
        """A commit that the disk refuses is tried again until it succeeds; nothing of its Step leaves before."""
        self.message = message
        try:
            self._driver.execute(step)
        except StorageError:
            self.world.tally.faults["full-disk"] += 1
            self._line.appendleft(lambda: self._carry_out(step, message))
            self._hold(RETRY_S)
        self.message = None

    def _hold(self, pause_s: float) -> None:
        """What happens meanwhile waits in line."""
        if not self._is_held:
            self._is_held = True
            run = self.run
            self.world.after(pause_s, lambda: self._go_on() if self.run == run else None)

    def _go_on(self) -> None:
        """All that waits shares one transaction, until a commit is refused."""
        self._is_held, self.is_changed = False, True
        run, waiting, self._line = self.run, self._line, deque()
        while waiting and self.run == run:
            self._do(waiting.popleft())
            if self._line:  # refused: whatever was to follow it still does
                break
        if self.run == run:  # what waits in a run that crashed dies with it
            self._line.extend(waiting)

    def _arm(self) -> None:
        due_s = self.core.next_deadline() if self.core is not None else None
        if due_s is not None and due_s < self._armed_s:
            self._armed_s, run = due_s, self.run
            delay_s = due_s - self.now.boot_s + CLOCK_GRAIN_S
            self.world.after(delay_s, lambda: self._on_alarm(due_s) if self.run == run else None)

    def _on_alarm(self, due_s: float) -> None:
        if due_s == self._armed_s:
            self._armed_s = NEVER_S
            self.attempt(self._wake)

    def _wake(self) -> None:
        self.take(lambda core: core.timer(self.now))
        self.judge.on_timer(self)

    # --- what the driver needs: committer, outbox, actor, publisher -------------------------------------------------
    def commit(self, writes: Sequence[Write]) -> None:
        self.tick()
        self.judge.before_commit(self, writes)
        self.repository.commit(writes)
        self.judge.after_commit(self)
        self.tick()
        if self.health.is_slow:
            self.world.tally.faults["slow-disk"] += 1
            self._hold(self.world.between(0.0, COMMIT_MAX_S))

    def send(self, peer: PeerId, message: Message) -> None:
        self.tick()
        self.judge.on_send(self, peer, message)
        self.network.send(self.place, self.network.at(self.place, peer), message)

    def act(self, effect: Effect) -> None:
        self.tick()
        self.hands.act(effect)

    def publish_event(self, event: Event) -> None:
        self.tick()
        self.world.note(f"{self.who.number} {event.name} {event.peer or ''} {event.details}")
        self.world.tally.see(self.peer, event, self.world.now_s)
        self.refused += event.name == "Refused"
        self.judge.on_event(self, event)
        is_to_learn_again = event.name == "SeedWithdrawn" and self.core is not None and self.core.state.is_active
        if event.name == "Forgotten" or is_to_learn_again:
            self.train()

    # --- what the network tells -------------------------------------------------------------------------------------
    def on_link_up(self, place: PeerId, dialled: bool) -> None:
        peer = identity_at(place)
        self.attempt(lambda: self.take(lambda core: core.neighbour(LinkUp(peer, dialled), self.now)))

    def on_link_down(self, place: PeerId, reason: str) -> None:
        peer = identity_at(place)
        self.attempt(lambda: self.take(lambda core: core.neighbour(LinkDown(peer, reason), self.now)))

    def on_message(self, place: PeerId, message: Message | bytes) -> None:
        """Bytes come from a member gone bad, and pass the real edge first."""
        if isinstance(message, bytes):
            try:
                message = self._codec.decode_frame(message)  # type: ignore[assignment]
            except RemoteError as problem:
                self.refused += 1
                self.world.tally.refusals[type(problem).__name__] += 1
                return
        self.attempt(lambda: self._hear(identity_at(place), message))  # type: ignore[arg-type]

    def _hear(self, peer: PeerId, message: Message) -> None:
        self.world.note(f"{self.who.number} < {type(message).__name__}")
        self.judge.on_hear(self, peer, message)
        if self.core is not None:
            self.message = message
            self._answer(self.core.receive(peer, message, self.now))
            self.message = None

    # --- the trainer ------------------------------------------------------------------------------------------------
    def train(self) -> None:
        """A job begins; what it makes is published under the epoch of its beginning."""
        if self.core is not None:
            epoch = self.core.state.row.job_epoch
            self.later(self.world.between(0.1, 2.0), lambda: self.publish(epoch))

    def learn_what_is_lost(self) -> None:
        """As a daemon does that has no seed of its own."""
        if self.core is not None and self.core.state.own_seed() is None:
            self.train()

    def publish(self, job_epoch: int) -> None:
        """Another payload lies in the repository: publish it."""
        if self.health.room < Room.PLENTY:  # the trainer keeps what it made
            self.later(RETRY_S, lambda: self.publish(job_epoch))
            return
        number = len(self.learned) + (0 if self.place == self.peer else APART)
        payload, payload_sha256, key = sealed(self.peer, number)
        self.learned[payload_sha256] = job_epoch
        self.store(payload_sha256, payload, key)
        command = Publish(job_epoch, cast.ARCHITECTURES[0], "", payload_sha256, len(payload), "")
        self.take(lambda core: core.command(command, self.now))

    def store(self, payload_sha256: str, payload: bytes, key: bytes) -> None:
        """What the trainer leaves, as the repository adopts it."""
        self.disk.payloads[payload_sha256], self.disk.keys[payload_sha256] = payload, key

    def payload_for(self, place: PeerId, payload_sha256: str) -> bytes | None:
        """What whoever is there may read now."""
        if self.core is None or not self.core.serves(identity_at(place), payload_sha256):
            return None
        return self.disk.payloads.get(payload_sha256)
