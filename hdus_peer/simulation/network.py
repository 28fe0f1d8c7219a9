"""The network between the devices: links with delay, one-way and full partitions, ends that do not notice each other.

Rules
1. A link is a reliable, ordered stream, as a transport promises; what is blocked waits and comes after the heal, unless
   the link was closed meanwhile. Across links everything is reordered. In a harsh run single messages are dropped,
   repeated and reordered as well, which no honest transport does.
2. At most one link per pair and end: of two dials that crossed, the lower PeerId's stays; of two from one side the
   newer. Every link reported up is reported down once, except by a device that crashed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from hdus_peer.domain.identity import PeerId
from hdus_peer.protocol.messages import Message
from hdus_peer.simulation.world import World

STALL_S = 0.25
DIAL_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class Weather:
    """How bad the network is. `loss`, `repeat` and `reorder`: of single messages, in a harsh run only. `corruption`: of
    a chunk of bulk transfer."""

    delay_max_s: float = 0.03
    loss: float = 0.0
    repeat: float = 0.0
    corruption: float = 0.0
    reorder: float = 0.0


class End(Protocol):
    """A device, as the network sees it."""

    @property
    def is_open(self) -> bool: ...

    def on_link_up(self, peer: PeerId, dialled: bool) -> None: ...

    def on_link_down(self, peer: PeerId, reason: str) -> None: ...

    def on_message(self, peer: PeerId, message: Message | bytes) -> None: ...

    def payload_for(self, peer: PeerId, payload_sha256: str) -> bytes | None: ...


@dataclass(eq=False, slots=True)
class Lane:
    """One direction of a link, from the end `sender`. None in the queue is the orderly end. `free_s`: when the next
    message may arrive. `is_heard`: the other end still holds the link."""

    network: "Network"
    sender: PeerId
    receiver: PeerId
    queue: list[Message | bytes | None] = field(default_factory=list)
    is_moving: bool = False
    is_heard: bool = True
    free_s: float = 0.0

    def push(self, message: Message | bytes | None) -> None:
        world, weather, queue = self.network.world, self.network.weather, self.queue
        queue.append(message)
        if len(queue) > 1 and message is not None and world.chance(weather.reorder):
            world.tally.faults["reorder"] += 1
            queue.insert(0, queue.pop())
        if not self.is_moving:
            self.is_moving = True
            world.after(max(self.network.delay_s(), self.free_s - world.now_s), self._move)

    def _move(self) -> None:
        """Let the first message arrive."""
        network, queue = self.network, self.queue
        if not self.is_heard:
            queue.clear()
        if not queue:
            self.is_moving = False
        elif (self.sender, self.receiver) in network.blocked:
            network.world.after(STALL_S, self._move)
        else:
            network.deliver(self, queue.pop(0))
            pause_s = network.delay_s() / 4
            if queue:
                network.world.after(pause_s, self._move)
            else:
                self.is_moving, self.free_s = False, network.world.now_s + pause_s


@dataclass(eq=False, slots=True)
class Wire:
    """One link; each end holds it until it notices its end. `forth`: from the end that dialled."""

    forth: Lane
    back: Lane

    def from_(self, sender: PeerId) -> Lane:
        return self.forth if self.forth.sender == sender else self.back


class Network:
    def __init__(self, world: World, weather: Weather) -> None:
        self.world, self.weather = world, weather
        self.devices: dict[PeerId, End] = {}
        self._ends: dict[PeerId, dict[PeerId, Wire]] = {}
        self.blocked: set[tuple[PeerId, PeerId]] = set()

    def at(self, me: PeerId, peer: PeerId) -> PeerId:
        """Where `peer` is, to `me`: everybody is at the place that has its name (but see `clones`)."""
        return peer

    def reaches(self, one: PeerId, other: PeerId) -> bool:
        return (one, other) not in self.blocked and self.devices[other].is_open

    def is_linked(self, one: PeerId, other: PeerId) -> bool:
        """Whether both ends hold the same link."""
        wire = self._wire(one, other)
        return wire is not None and wire is self._wire(other, one)

    def linked_to(self, me: PeerId) -> list[PeerId]:
        return list(self._ends.get(me, ()))

    def _wire(self, me: PeerId, peer: PeerId) -> Wire | None:
        """The link to `peer` that `me` holds."""
        return self._ends[me].get(peer) if me in self._ends else None

    def _let_go(self, me: PeerId, peer: PeerId) -> Wire | None:
        """`me` holds no link to `peer` any more; the one that it held."""
        wire = self._ends[me].pop(peer, None) if me in self._ends else None
        if wire is not None:
            wire.from_(peer).is_heard = False
        return wire

    # --- dialling ---------------------------------------------------------------------------------------------------
    def dial(self, me: PeerId, peer: PeerId, failed: Callable[[], None]) -> None:
        """Open a link, or call `failed` after a while."""
        self.world.after(self.delay_s(), lambda: self._arrive(me, peer, failed))

    def _arrive(self, me: PeerId, peer: PeerId, failed: Callable[[], None]) -> None:
        if not self.devices[me].is_open:
            return
        if not (self.reaches(me, peer) and self.reaches(peer, me)):
            self.world.after(DIAL_TIMEOUT_S, failed)
        elif not self._keeps_old(me, peer):
            self._connect(me, peer)

    def _keeps_old(self, me: PeerId, peer: PeerId) -> bool:
        old = self._wire(me, peer)
        return old is not None and self.is_linked(me, peer) and old.forth.sender == peer < me

    def _connect(self, me: PeerId, peer: PeerId) -> None:
        for one, other in ((me, peer), (peer, me)):
            self._lose(one, other, "replaced")
        if not (self.devices[me].is_open and self.devices[peer].is_open):
            return
        wire = Wire(Lane(self, me, peer), Lane(self, peer, me))
        self._ends.setdefault(me, {})[peer] = self._ends.setdefault(peer, {})[me] = wire
        self.devices[me].on_link_up(peer, True)
        self.devices[peer].on_link_up(me, False)

    def _lose(self, me: PeerId, peer: PeerId, reason: str) -> None:
        if self._let_go(me, peer) is not None:
            self.devices[me].on_link_down(peer, reason)

    # --- closing ----------------------------------------------------------------------------------------------------
    def hang_up(self, me: PeerId, peer: PeerId) -> bool:
        """In order: what was sent before still arrives, then the other end learns of it. Whether there was a link."""
        wire = self._let_go(me, peer)
        if wire is not None:
            wire.from_(me).push(None)
        return wire is not None

    def vanish(self, me: PeerId, is_noticed: bool) -> None:
        """The device `me` crashed. `is_noticed`: its operating system still closes the connections."""
        for peer in self.linked_to(me):
            wire = self._let_go(me, peer)
            if wire is not None and is_noticed:
                wire.from_(me).push(None)

    def cut(self, one: PeerId, other: PeerId) -> None:
        """Break the link between two devices, if there is one."""
        for me, peer in ((one, other), (other, one)):
            self._lose(me, peer, "cut")

    # --- messages ---------------------------------------------------------------------------------------------------
    def send(self, me: PeerId, peer: PeerId, message: Message | bytes) -> None:
        wire = self._wire(me, peer)
        if wire is None:
            return
        if self.world.chance(self.weather.loss):
            self.world.tally.faults["loss"] += 1
            return
        lane = wire.from_(me)
        lane.push(message)
        if self.world.chance(self.weather.repeat):
            self.world.tally.faults["duplication"] += 1
            lane.push(message)

    def deliver(self, lane: Lane, message: Message | bytes | None) -> None:
        """Let `message` arrive at the end of `lane`."""
        if message is None:
            self._lose(lane.receiver, lane.sender, "closed")
        else:
            self.devices[lane.receiver].on_message(lane.sender, message)

    def delay_s(self) -> float:
        return self.world.between(0.0005, self.weather.delay_max_s)
