"""The shell: order, shared transactions, the timer, a disk that refuses for a while, and a queue that is full."""

import asyncio

import pytest

from hdus_peer.domain.clock import Instant
from hdus_peer.domain.identity import Identity
from hdus_peer.driver import Driver, shell
from hdus_peer.driver.shell import Shell
from hdus_peer.errors import StorageError
from hdus_peer.protocol.records import SelfRow
from hdus_peer.protocol.step import Event, Put, Step

PEER = Identity(bytes(32)).peer_id


class Core:
    """A core that only has a timer, due once."""

    def __init__(self) -> None:
        self.due_s: float | None = None

    def next_deadline(self):
        return self.due_s

    def timer(self, now):
        self.due_s = None
        return Step(events=(Event("Timer"),))

    def neighbour(self, change, now):
        return Step(events=(Event(change.cause),))


class World:
    """Everything around a shell, with a clock that stands still unless the test moves it."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.core = Core()
        self.commits: list[int] = []
        self.refusals_left = 0
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        driver = Driver(self, self, self, self.events.put_nowait)
        self.shell = Shell(self.core, driver, lambda: Instant(self.now_s, 0.0), self.events.put_nowait)

    def commit(self, writes):
        if self.refusals_left:
            self.refusals_left -= 1
            raise StorageError("full")
        self.commits.append(len(writes))

    def step(self, name: str, writes: int = 1):
        rows = tuple(Put(SelfRow(PEER, state_sequence=number)) for number in range(writes))
        return lambda core, now: Step(writes=rows, events=(Event(name),))

    async def next_events(self, count: int) -> list[str]:
        return [(await self.events.get()).name for _ in range(count)]


@pytest.fixture
async def world(monkeypatch):
    monkeypatch.setattr(shell, "COMMIT_RETRY_S", 0.0)
    world = World()
    running = asyncio.create_task(world.shell.run())
    yield world
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_inputs_that_wait_together_are_answered_in_order_in_one_transaction(world):
    for name in ("a", "b", "c"):
        world.shell.submit(world.step(name))
    assert await world.next_events(3) == ["a", "b", "c"]
    assert world.commits == [3]


async def test_carry_out_returns_after_the_step_was_carried_out(world):
    await world.shell.carry_out(world.step("done"))
    assert world.commits == [1]
    assert world.events.get_nowait().name == "done"


async def test_the_timer_is_called_when_it_is_due(world):
    world.core.due_s = 99.0
    world.shell.submit(world.step("a", writes=0))
    assert sorted(await world.next_events(2)) == ["Timer", "a"]
    assert world.commits == []


async def test_a_device_that_slept_is_told_before_anything_else_that_happened(world):
    world.core.due_s = 103.0
    await world.shell.carry_out(world.step("asleep", writes=0))
    world.now_s += 7200.0
    world.shell.submit(world.step("a late message", writes=0))
    assert await world.next_events(4) == ["asleep", "awake after 7200 s", "a late message", "Timer"]


async def test_a_loop_that_is_late_by_a_little_did_not_sleep(world):
    await world.shell.carry_out(world.step("a", writes=0))
    world.now_s += shell.WAIT_MAX_S + shell.SLEEP_MIN_S
    await world.shell.carry_out(world.step("b", writes=0))
    assert await world.next_events(2) == ["a", "b"]


async def test_a_sleep_is_noticed_though_nothing_comes(world, monkeypatch):
    monkeypatch.setattr(shell, "WAIT_MAX_S", 0.05)
    await world.shell.carry_out(world.step("a", writes=0))
    world.now_s += 3600.0
    assert await world.next_events(2) == ["a", "awake after 3600 s"]


async def test_a_refused_commit_is_tried_again_and_nothing_is_said_before(world):
    world.refusals_left = 2
    world.shell.submit(world.step("a"))
    assert await world.next_events(3) == ["CommitRefused", "CommitRefused", "a"]
    assert world.commits == [1]


async def test_a_full_queue_drops_what_is_said_again_and_nothing_else(world):
    for _ in range(shell.INPUTS_MAX):
        world.shell.offer(world.step("a", writes=0), None)
    world.shell.offer(world.step("one too many", writes=0), PEER)
    world.shell.submit(world.step("never said twice", writes=0))
    names = await world.next_events(shell.INPUTS_MAX + 2)
    assert names[0] == "Refused"
    assert "one too many" not in names
    assert names[-1] == "never said twice"


async def test_a_bug_in_the_core_ends_the_shell_loudly(world):
    def bug(core, now):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await asyncio.gather(asyncio.wait_for(world.shell.run(), 5), _submit(world, bug))


async def _submit(world, given):
    world.shell.submit(given)
    world.shell.submit(given)
