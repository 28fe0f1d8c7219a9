"""The network between the devices: links with delay, one-way and full partitions, ends that do not notice each other.

Rules
1. A link is a reliable, ordered stream, as a transport promises; what is blocked waits and comes after the heal, unless
   the link was closed meanwhile. Across links everything is reordered. In a harsh run single messages are dropped,
   repeated and reordered as well, which no honest transport does.
2. At most one link per pair and end: of two dials that crossed, the lower PeerId's stays; of two from one side the
   newer. Every link reported up is reported down once, except by a device that crashed.
"""

from collections import deque
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
    """One direction of a link. None in the queue is the orderly end. `free_s`: when the next message may arrive."""

    queue: deque[Message | bytes | None] = field(default_factory=deque)
    is_moving: bool = False
    free_s: float = 0.0


@dataclass(eq=False, slots=True)
class Wire:
    """One link; each end holds it until it notices its end."""

    dialler: PeerId
    lanes: dict[PeerId, Lane]  # by sender


class Network:
    def __init__(self, world: World, weather: Weather) -> None:
        self.world, self.weather = world, weather
        self.devices: dict[PeerId, End] = {}
        self._ends: dict[tuple[PeerId, PeerId], Wire] = {}
        self.blocked: set[tuple[PeerId, PeerId]] = set()

    def at(self, me: PeerId, peer: PeerId) -> PeerId:
        """Where `peer` is, to `me`: everybody is at the place that has its name (but see `clones`)."""
        return peer

    def reaches(self, one: PeerId, other: PeerId) -> bool:
        return (one, other) not in self.blocked and self.devices[other].is_open

    def is_linked(self, one: PeerId, other: PeerId) -> bool:
        """Whether both ends hold the same link."""
        wire = self._ends.get((one, other))
        return wire is not None and wire is self._ends.get((other, one))

    def linked_to(self, me: PeerId) -> list[PeerId]:
        return [peer for owner, peer in self._ends if owner == me]

    # --- dialling ---------------------------------------------------------------------------------------------------
    def dial(self, me: PeerId, peer: PeerId, failed: Callable[[], None]) -> None:
        """Open a link, or call `failed` after a while."""
        self.world.after(self._delay_s(), lambda: self._arrive(me, peer, failed))

    def _arrive(self, me: PeerId, peer: PeerId, failed: Callable[[], None]) -> None:
        if not self.devices[me].is_open:
            return
        if not (self.reaches(me, peer) and self.reaches(peer, me)):
            self.world.after(DIAL_TIMEOUT_S, failed)
        elif not self._keeps_old(me, peer):
            self._connect(me, peer)

    def _keeps_old(self, me: PeerId, peer: PeerId) -> bool:
        old = self._ends.get((me, peer))
        is_whole = old is not None and self.is_linked(me, peer)
        return is_whole and old is not None and old.dialler != me and old.dialler < me

    def _connect(self, me: PeerId, peer: PeerId) -> None:
        for one, other in ((me, peer), (peer, me)):
            self._lose(one, other, "replaced")
        if not (self.devices[me].is_open and self.devices[peer].is_open):
            return
        wire = Wire(me, {me: Lane(), peer: Lane()})
        self._ends[me, peer] = self._ends[peer, me] = wire
        self.devices[me].on_link_up(peer, True)
        self.devices[peer].on_link_up(me, False)

    def _lose(self, me: PeerId, peer: PeerId, reason: str) -> None:
        if self._ends.pop((me, peer), None) is not None:
            self.devices[me].on_link_down(peer, reason)

    # --- closing ----------------------------------------------------------------------------------------------------
    def hang_up(self, me: PeerId, peer: PeerId) -> bool:
        """In order: what was sent before still arrives, then the other end learns of it. Whether there was a link."""
        wire = self._ends.pop((me, peer), None)
        if wire is not None:
            self._push(wire, me, peer, None)
        return wire is not None

    def vanish(self, me: PeerId, is_noticed: bool) -> None:
        """The device `me` crashed. `is_noticed`: its operating system still closes the connections."""
        for peer in self.linked_to(me):
            wire = self._ends.pop((me, peer))
            if is_noticed:
                self._push(wire, me, peer, None)

    def cut(self, one: PeerId, other: PeerId) -> None:
        """Break the link between two devices, if there is one."""
        for me, peer in ((one, other), (other, one)):
            self._lose(me, peer, "cut")

    # --- messages ---------------------------------------------------------------------------------------------------
    def send(self, me: PeerId, peer: PeerId, message: Message | bytes) -> None:
        wire = self._ends.get((me, peer))
        if wire is None:
            return
        if self.world.chance(self.weather.loss):
            self.world.tally.faults["loss"] += 1
            return
        self._push(wire, me, peer, message)
        if self.world.chance(self.weather.repeat):
            self.world.tally.faults["duplication"] += 1
            self._push(wire, me, peer, message)

    def _push(self, wire: Wire, me: PeerId, peer: PeerId, message: Message | bytes | None) -> None:
        lane = wire.lanes[me]
        lane.queue.append(message)
        if len(lane.queue) > 1 and message is not None and self.world.chance(self.weather.reorder):
            self.world.tally.faults["reorder"] += 1
            lane.queue.rotate(1)
        if not lane.is_moving:
            lane.is_moving = True
            delay_s = max(self._delay_s(), lane.free_s - self.world.now_s)
            self.world.after(delay_s, lambda: self._pump(wire, me, peer))

    def _delay_s(self) -> float:
        return self.world.between(0.0005, self.weather.delay_max_s)

    def _pump(self, wire: Wire, me: PeerId, peer: PeerId) -> None:
        lane = wire.lanes[me]
        if self._ends.get((peer, me)) is not wire:
            lane.queue.clear()
        if not lane.queue:
            lane.is_moving = False
            return
        if (me, peer) in self.blocked:
            self.world.after(STALL_S, lambda: self._pump(wire, me, peer))
            return
        message = lane.queue.popleft()
        if message is None:
            self._lose(peer, me, "closed")
        else:
            self.devices[peer].on_message(me, message)
        pause_s = self._delay_s() / 4
        if lane.queue:
            self.world.after(pause_s, lambda: self._pump(wire, me, peer))
        else:
            lane.is_moving, lane.free_s = False, self.world.now_s + pause_s
