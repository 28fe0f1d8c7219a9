"""The driver: carries out what the core decides.

`Driver` is synchronous, so that the simulation runs the very code that the daemon runs; `shell` adds a queue, one
commit thread and one timer; `effects` does what takes time."""

from collections.abc import Callable, Sequence
from typing import Protocol

from hdus_peer.domain.identity import PeerId
from hdus_peer.protocol.messages import Message
from hdus_peer.protocol.step import Effect, Event, Step, Write


class Committer(Protocol):
    """The part of a repository that the driver needs."""

    def commit(self, writes: Sequence[Write]) -> None: ...


class Outbox(Protocol):
    """The part of a transport that the driver needs."""

    def send(self, peer: PeerId, message: Message) -> None: ...


class Actor(Protocol):
    """Carries out effects and reports what came of them as inputs of the core."""

    def act(self, effect: Effect) -> None: ...


class Driver:
    """Commit, send, act, publish; never in another order. `commit` and `finish` are the two halves of a Step: between
    them it is durable. A Step whose commit raised has not happened outside: it is committed again or never finished."""

    def __init__(self, committer: Committer, outbox: Outbox, actor: Actor, publish: Callable[[Event], None]) -> None:
        self._committer, self._outbox, self._actor, self._publish = committer, outbox, actor, publish

    def execute(self, step: Step) -> None:
        if step.writes:
            self.commit([step])
        self.finish(step)

    def commit(self, steps: Sequence[Step]) -> None:
        """Make the writes of these Steps durable in one transaction, in their order."""
        writes = [write for step in steps for write in step.writes]
        if writes:
            self._committer.commit(writes)

    def finish(self, step: Step) -> None:
        """What may only follow once the Step is durable."""
        for send in step.sends:
            self._outbox.send(send.to, send.message)
        for effect in step.effects:
            self._actor.act(effect)
        for event in step.events:
            self._publish(event)
