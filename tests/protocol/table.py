"""A table at which a few cores sit, connected by hand: the smallest thing in which they can talk.

`Seat` is one peer: its core, and what its Steps wrote, sent, asked for and told. `Table` carries messages, in order,
when `settle` is called, and answers effects as a faultless device would, except those of the kinds in `withheld`.
Time stands still until `wait`. After every timer the next deadline must lie in the future. `watched` is shown every
Step with what it answers, just before it is carried out.
"""

import hashlib
import random
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from hdus_peer.domain.clock import Instant
from hdus_peer.domain.identity import PeerId
from hdus_peer.protocol.limits import Limits
from hdus_peer.protocol.messages import Key, Message
from hdus_peer.protocol.peer import PeerCore
from hdus_peer.protocol.records import Row
from hdus_peer.protocol.step import (
    Admit,
    Admitted,
    Effect,
    Erase,
    Erased,
    Event,
    Fetched,
    HangUp,
    LinkDown,
    LinkUp,
    Publish,
    SendKey,
    StartFetch,
    Step,
)
from hdus_peer.repository.memory import MemoryRepository, MemoryState
from hdus_peer.simulation import cast

R = TypeVar("R", bound=Row)
M = TypeVar("M")

TASK = "the task"
KEY = b"k" * 32
WALL_S = 1_800_000_000.0


class Seat:
    def __init__(self, table: "Table", number: int, limits: Limits, task: str = TASK) -> None:
        self.table, self.person, self.limits, self.task = table, cast.person(number), limits, task
        self.disk = MemoryState()
        self.signatures = cast.Signatures(keeps_statements=False)
        self.run = 0
        self.wall_skew_s = 0.0
        self.restart()

    @property
    def peer(self) -> PeerId:
        return self.person.peer

    @property
    def now(self) -> Instant:
        return Instant(self.table.now_s, WALL_S + self.table.now_s + self.wall_skew_s)

    @property
    def phase(self) -> str:
        return self.core.state.row.phase

    def restart(self) -> Step:
        """Another run on what is durable; links are gone without a word."""
        self.run += 1
        rows = [row for rows in MemoryRepository(self.disk).load().rows.values() for row in rows.values()]
        self.me = cast.me(self.person, self.task, f"{self.person.number}-{self.run}", self.signatures)
        self.core = PeerCore(self.me, self.limits, rows, random.Random(1))
        self.sent: list[tuple[PeerId, Message]] = []
        self.effects: list[Effect] = []
        self.events: list[Event] = []
        return self.take(self.core.start(self.now), "start")

    def take(self, step: Step, cause: Any = None, sender: PeerId | None = None) -> Step:
        """Carry a Step out: commit, send, act, publish. `cause`: the input that it answers."""
        self.table.watched(self, cause, sender, step)
        MemoryRepository(self.disk).commit(step.writes)
        for send in step.sends:
            self.sent.append((send.to, send.message))
            self.table.messages.append((self.peer, send.to, send.message))
        for effect in step.effects:
            self.effects.append(effect)
            self.table.effects.append((self, effect))
        self.events += step.events
        return step

    def command(self, command: Any) -> Step:
        return self.take(self.core.command(command, self.now), command)

    def receive(self, sender: "Seat | PeerId", message: Message) -> Step:
        peer = sender.peer if isinstance(sender, Seat) else sender
        return self.take(self.core.receive(peer, message, self.now), message, peer)

    def done(self, done: Any) -> Step:
        return self.take(self.core.done(done, self.now), done)

    def hear(self, change: Any) -> Step:
        return self.take(self.core.neighbour(change, self.now), change)

    def publish(self, name: str, epoch: int | None = None) -> str:
        """Publish the payload called `name`; its hash."""
        payload = payload_of(self.peer, name)
        job_epoch = self.core.state.row.job_epoch if epoch is None else epoch
        self.command(Publish(job_epoch, cast.ARCHITECTURES[0], "", payload, 100, ""))
        return payload

    def rows(self, table: type[R]) -> list[R]:
        """The durable rows of a table."""
        return [row for row in self.disk.rows[table].values() if isinstance(row, table)]

    def messages(self, kind: type[M]) -> list[M]:
        """What was sent of that kind."""
        return [message for _, message in self.sent if isinstance(message, kind)]

    def asked(self, kind: type[M]) -> list[M]:
        """The effects of that kind."""
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def told(self, name: str) -> list[Event]:
        return [event for event in self.events if event.name == name]

    def refusals(self) -> list[str]:
        """Why something was refused, in order."""
        return [str(dict(event.details)["reason"]) for event in self.told("Refused")]

    def forget(self) -> None:
        """Begin a new page: what was sent, asked and told so far is of no interest."""
        self.sent, self.effects, self.events = [], [], []


class Table:
    def __init__(self, seats: int, limits: Limits | None = None) -> None:
        self.now_s = 1000.0
        self.messages: deque[tuple[PeerId, PeerId, Message]] = deque()
        self.effects: deque[tuple[Seat, Effect]] = deque()
        self.withheld: set[type] = set()
        self.lost: Callable[[PeerId, PeerId, Message], bool] = lambda sender, to, message: False
        self.watched: Callable[[Seat, Any, PeerId | None, Step], None] = lambda seat, cause, sender, step: None
        chosen = limits or Limits()
        self.seats = sorted((Seat(self, number, chosen) for number in range(seats)), key=lambda seat: seat.peer)
        self.links: set[frozenset[PeerId]] = set()

    def seat(self, peer: PeerId) -> Seat:
        return next(seat for seat in self.seats if seat.peer == peer)

    # --- links ------------------------------------------------------------------------------------------------------
    def link(self, one: Seat, other: Seat, settle: bool = True) -> None:
        self.links.add(frozenset((one.peer, other.peer)))
        one.hear(LinkUp(other.peer, True))
        other.hear(LinkUp(one.peer, False))
        if settle:
            self.settle()

    def link_all(self) -> None:
        for number, one in enumerate(self.seats):
            for other in self.seats[number + 1 :]:
                self.link(one, other, settle=False)
        self.settle()

    def unlink(self, one: Seat, other: Seat) -> None:
        self.links.discard(frozenset((one.peer, other.peer)))
        self.messages = deque(item for item in self.messages if {one.peer, other.peer} != set(item[:2]))
        for me, peer in ((one, other.peer), (other, one.peer)):
            me.hear(LinkDown(peer, "cut"))

    def restart(self, seat: Seat) -> None:
        """A crash: the others notice."""
        for other in self.seats:
            if frozenset((seat.peer, other.peer)) in self.links and other is not seat:
                self.links.discard(frozenset((seat.peer, other.peer)))
                other.hear(LinkDown(seat.peer, "closed"))
        self.messages = deque(item for item in self.messages if seat.peer not in item[:2])
        self.effects = deque(item for item in self.effects if item[0] is not seat)
        seat.restart()

    # --- letting things happen --------------------------------------------------------------------------------------
    def settle(self) -> None:
        """Carry messages and answer effects until nobody has anything to say."""
        while self.messages or self.effects:
            while self.messages:
                self._carry(*self.messages.popleft())
            for _ in range(len(self.effects)):
                seat, effect = self.effects.popleft()
                self._answer(seat, effect)

    def _carry(self, sender: PeerId, to: PeerId, message: Message) -> None:
        if frozenset((sender, to)) in self.links and not self.lost(sender, to, message):
            self.seat(to).receive(sender, message)

    def _answer(self, seat: Seat, effect: Effect) -> None:
        if type(effect) in self.withheld:
            return
        match effect:
            case StartFetch(owner=owner, payload_sha256=payload):
                seat.done(Fetched(owner, payload))
            case Admit(manifest=manifest):
                seat.done(Admitted(manifest.statement.owner, manifest.statement.payload_sha256))
            case Erase(erasure=erasure):
                seat.done(Erased(erasure))
            case SendKey(to=to, grant=grant, lease=lease):
                self.messages.append((seat.peer, to, Key(grant, lease, KEY)))
            case HangUp(peer=peer):
                if frozenset((seat.peer, peer)) in self.links:
                    self.unlink(seat, self.seat(peer))

    def wait(self, duration_s: float, *, beats: bool = True) -> None:
        """Let time pass, firing every timer that falls due; without `beats` no message arrives meanwhile."""
        until_s = self.now_s + duration_s
        while True:
            dues = [seat.core.next_deadline() for seat in self.seats]
            due_s = min((due_s for due_s in dues if due_s is not None), default=float("inf"))
            if due_s > until_s:
                break
            self.now_s = max(self.now_s, due_s)
            for seat in self.seats:
                fire(seat)
            if not beats:
                self.messages.clear()
            self.settle()
        self.now_s = until_s


def fire(seat: Seat) -> Step | None:
    """Call the timer if it is due; afterwards nothing may be due any more."""
    due_s = seat.core.next_deadline()
    if due_s is None or due_s > seat.table.now_s:
        return None
    step = seat.take(seat.core.timer(seat.now), "timer")
    again_s = seat.core.next_deadline()
    assert again_s is None or again_s > seat.table.now_s, "a timer that spins without progress"
    return step


def payload_of(owner: PeerId, name: str) -> str:
    return hashlib.sha256(f"{owner} {name}".encode()).hexdigest()


def sharing(seats: int, limits: Limits | None = None) -> Table:
    """A table whose seats have all published, and hold all of one another's seeds."""
    table = Table(seats, limits)
    for seat in table.seats:
        seat.publish("first")
    table.link_all()
    table.wait(0.1)
    for seat in table.seats:
        seat.forget()
    return table


def tight(**changes: Any) -> Limits:
    return replace(Limits(), **changes)
