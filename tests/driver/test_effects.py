"""Effects over the repository and the predictor in memory, and a transport that is told what to answer."""

import asyncio
import hashlib
import threading

import pytest

from hdus_peer.domain.envelope import sign
from hdus_peer.domain.identity import Identity
from hdus_peer.domain.seed import KeyGrant, SeedManifest
from hdus_peer.driver import effects as effects_module
from hdus_peer.driver.effects import Effects
from hdus_peer.errors import AdmissionError, RefusedError, StorageError, UnreachableError, WorkerError
from hdus_peer.protocol.messages import Key
from hdus_peer.protocol.records import HeldSeedRow
from hdus_peer.protocol.step import (
    Admit,
    AdmitRefused,
    Admitted,
    Dial,
    DialFailed,
    Erase,
    Erased,
    Event,
    Fetched,
    FetchFailed,
    Identified,
    Identify,
    SendKey,
    StartFetch,
    UseSeeds,
)
from hdus_peer.repository.memory import MemoryRepository

OWNER = Identity(bytes([7]) * 32)
PEER = OWNER.peer_id
PAYLOAD = b"ciphertext" * 1000
SHA = hashlib.sha256(PAYLOAD).hexdigest()
KEY = bytes(range(32))


class Transport:
    """`chunks`: what a fetch gives; an exception among them is raised; None waits for ever."""

    def __init__(self) -> None:
        self.chunks: list = [PAYLOAD]
        self.sent: list = []
        self.offsets: list[int] = []
        self.cancelled: list[str] = []
        self.began = asyncio.Event()

    async def fetch(self, peer, payload_sha256, offset, payload_bytes):
        self.offsets.append(offset)
        for chunk in self.chunks:
            self.began.set()
            if chunk is None:
                await asyncio.Event().wait()
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    async def identify(self, address):
        if address == "nobody:1":
            raise UnreachableError("nobody answers")
        if address == "stranger:1":
            raise AdmissionError("no member of this network")
        return PEER

    async def dial(self, peer, address):
        raise UnreachableError("nobody answers")

    def send(self, peer, message):
        self.sent.append((peer, message))

    def cancel_serve(self, payload_sha256):
        self.cancelled.append(payload_sha256)


class Predictor:
    """Notes what it is asked, in order; `problem` is raised by the next check."""

    def __init__(self) -> None:
        self.asked: list = []
        self.problems: list[Exception] = []
        self.slow = False
        self.building = asyncio.Event()

    async def check(self, seed):
        self.asked.append("check")
        if self.problems:
            raise self.problems.pop(0)

    async def use(self, seeds):
        self.building.set()
        if self.slow:
            self.slow = False
            await asyncio.Event().wait()
        self.asked.append(tuple(seed.manifest.payload_sha256 for seed in seeds))

    async def move_off(self, payloads):
        if self.problems:
            raise self.problems.pop(0)

    async def evict(self, payloads):
        self.asked.append(("evict", *payloads))

    async def retire(self):
        self.asked.append("retire")


class World:
    def __init__(self) -> None:
        self.repository, self.transport, self.predictor = MemoryRepository(), Transport(), Predictor()
        self.results: asyncio.Queue = asyncio.Queue()
        self.events: list[Event] = []
        self.told = asyncio.Event()
        self.problems: list[Exception] = []
        self.effects = Effects(
            self.repository, self.transport, self.predictor, self.unlearn, self.results.put_nowait, self.publish
        )
        self.effects.ensemble.ready.set()

    async def unlearn(self):
        if self.problems:
            raise self.problems.pop(0)
        self.predictor.asked.append("unlearned")

    def publish(self, event):
        self.events.append(event)
        self.told.set()

    async def act(self, effect):
        self.effects.act(effect)
        return await asyncio.wait_for(self.results.get(), 10)

    def hold(self, payload: bytes = PAYLOAD) -> str:
        sha = hashlib.sha256(payload).hexdigest()
        partial = self.repository.begin(sha, len(payload))
        partial.write(payload)
        partial.finish()
        self.repository.put_key(sha, KEY)
        return sha


@pytest.fixture
async def world(monkeypatch):
    monkeypatch.setattr(effects_module, "RETRY_S", 0.0)
    world = World()
    yield world
    await world.effects.stop()


def _manifest(sha: str = SHA, generation: int = 1):
    return sign(OWNER, SeedManifest(PEER, generation, "t", "mlp", (), "s", sha, len(PAYLOAD), "r"))


def _row(sha: str) -> HeldSeedRow:
    grant = sign(OWNER, KeyGrant(PEER, 1, sha, PEER, 1, "n", 1, 1))
    return HeldSeedRow(PEER, 1, sha, _manifest(sha), grant, None)


async def test_a_payload_is_fetched_and_complete(world):
    assert await world.act(StartFetch(PEER, SHA, len(PAYLOAD))) == Fetched(PEER, SHA)
    assert world.repository.open_payload(SHA).read(0, len(PAYLOAD)) == PAYLOAD


async def test_a_broken_fetch_goes_on_where_it_stopped(world):
    world.transport.chunks = [PAYLOAD[:3000], UnreachableError("gone silent")]
    assert await world.act(StartFetch(PEER, SHA, len(PAYLOAD))) == FetchFailed(PEER, SHA, False, "unreachable")
    world.transport.chunks = [PAYLOAD[3000:]]
    assert await world.act(StartFetch(PEER, SHA, len(PAYLOAD))) == Fetched(PEER, SHA)
    assert world.transport.offsets == [0, 3000]


@pytest.mark.parametrize(
    ("chunks", "gone"),
    [
        ([b"x" * len(PAYLOAD)], False),
        ([PAYLOAD, b"more"], False),
        ([RefusedError("gone")], True),
        ([PAYLOAD[:9]], False),
    ],
)
async def test_a_wrong_payload_is_refused_with_a_word_and_nothing_of_it_counts(world, chunks, gone):
    world.transport.chunks = chunks
    result = await world.act(StartFetch(PEER, SHA, len(PAYLOAD)))
    assert isinstance(result, FetchFailed)
    assert (result.gone, result.reason != "") == (gone, True)
    assert world.repository.open_payload(SHA) is None


async def test_a_seed_that_passes_is_admitted_with_its_key(world):
    world.hold()
    assert await world.act(Admit(_manifest(), KEY)) == Admitted(PEER, SHA)
    assert world.repository.key(SHA) == KEY


async def test_a_seed_that_fails_is_destroyed_before_it_is_reported(world):
    world.hold()
    world.predictor.problems = [RefusedError("not-finite")]
    assert await world.act(Admit(_manifest(), KEY)) == AdmitRefused(PEER, SHA, "not-finite")
    assert world.repository.key(SHA) is None
    assert world.repository.open_payload(SHA) is None


async def test_a_check_that_dies_is_tried_again_and_then_given_up(world):
    world.hold()
    world.predictor.problems = [WorkerError("died")]
    assert await world.act(Admit(_manifest(), KEY)) == Admitted(PEER, SHA)
    world.predictor.problems = [WorkerError("died")] * 3
    assert await world.act(Admit(_manifest(), KEY)) == AdmitRefused(PEER, SHA, "unchecked")


async def test_erase_ends_what_is_under_way_for_its_payload(world):
    world.transport.chunks = [PAYLOAD[:100], None]
    world.effects.act(StartFetch(PEER, SHA, len(PAYLOAD)))
    await world.transport.began.wait()
    assert await world.act(Erase(1, (SHA,), True)) == Erased(1)
    assert world.results.empty()
    assert world.repository.begin(SHA, len(PAYLOAD)).offset == 0
    assert world.transport.cancelled == [SHA]


async def test_what_was_learned_is_erased_with_the_processes_that_hold_it(world):
    own = world.hold(b"my own seed")
    world.problems = [WorkerError("busy"), StorageError("full")]
    assert await world.act(Erase(1, (own,), True, learned=True)) == Erased(1)
    assert world.predictor.asked == ["retire", "unlearned"]
    assert [event.name for event in world.events].count("ErasureDelayed") == 2
    assert world.repository.key(own) is None
    assert not world.effects.ensemble.ready.is_set()


async def test_seeds_are_used_and_checked_again_only_around_the_next_main_model(world):
    world.hold()
    assert await world.act(Erase(1, (), True, learned=True)) == Erased(1)
    world.effects.act(Admit(_manifest(), KEY))
    world.effects.act(UseSeeds((_row(SHA),)))
    world.effects.act(Identify("somebody:1"))
    assert await world.results.get() == Identified("somebody:1", PEER)
    assert world.predictor.asked == ["retire", "unlearned"]
    world.effects.ensemble.serve_main()
    assert await asyncio.wait_for(world.results.get(), 10) == Admitted(PEER, SHA)
    await asyncio.wait_for(world.predictor.building.wait(), 10)


async def test_erase_waits_for_a_thread_that_writes_the_key_and_leaves_nothing_behind_it(world, monkeypatch):
    world.hold()
    may_write, began, put_key = threading.Event(), threading.Event(), world.repository.put_key

    def slow(payload, key):
        began.set()
        may_write.wait(10)
        put_key(payload, key)

    monkeypatch.setattr(world.repository, "put_key", slow)
    world.effects.act(Admit(_manifest(), KEY))
    await asyncio.to_thread(began.wait, 10)
    world.effects.act(Erase(1, (SHA,), True))
    world.effects.act(Identify("somebody:1"))
    assert await world.results.get() == Identified("somebody:1", PEER)
    assert world.results.empty()
    may_write.set()
    assert await world.results.get() == Erased(1)
    assert world.repository.key(SHA) is None


async def test_erase_evicts_before_it_destroys_and_says_so_only_after(world, monkeypatch):
    world.hold()
    refusals = [StorageError("busy"), StorageError("busy")]
    destroy = world.repository.destroy

    def reluctant(payloads):
        world.predictor.asked.append("destroy")
        if refusals:
            raise refusals.pop()
        destroy(payloads)

    monkeypatch.setattr(world.repository, "destroy", reluctant)
    assert await world.act(Erase(1, (SHA,), True)) == Erased(1)
    asked = [what for what in world.predictor.asked if what != ()]
    assert asked == [("evict", SHA), "destroy", "destroy", "destroy"]
    assert world.repository.key(SHA) is None


async def test_an_eviction_at_once_ends_a_rebuild_and_the_rest_is_built_after_it(world):
    rest, gone = world.hold(b"a" * 100), world.hold(b"b" * 100)
    world.predictor.slow = True
    world.effects.act(UseSeeds((_row(rest), _row(gone))))
    await world.predictor.building.wait()
    world.effects.act(Erase(1, (gone,), True))
    world.effects.act(UseSeeds((_row(rest),)))
    assert await world.results.get() == Erased(1)
    await world.effects.ensemble._calm.wait()
    await world.effects.ensemble._until_followed()
    assert world.predictor.asked == [("evict", gone), (rest,)]


async def test_an_eviction_at_once_does_not_wait_for_one_that_waits_for_a_rebuild(world):
    """The seed was superseded, the ensemble is not rebuilt yet, and now its owner leaves."""
    old, new = world.hold(b"a" * 100), world.hold(b"b" * 100)
    world.predictor.slow = True
    world.effects.act(UseSeeds((_row(new),)))
    await world.predictor.building.wait()
    world.effects.act(Erase(1, (old,), False))
    world.effects.act(Identify("somebody:1"))
    assert await world.results.get() == Identified("somebody:1", PEER)
    world.effects.act(Erase(2, (old, new), True))
    assert [await asyncio.wait_for(world.results.get(), 10) for _ in range(2)] == [Erased(1), Erased(2)]


async def test_an_erasure_that_can_wait_does_not_bring_a_retired_model_back(world):
    old = world.hold(b"a" * 100)
    assert await world.act(Erase(1, (), True, learned=True)) == Erased(1)
    world.predictor.problems = [WorkerError("there is no model yet")]
    assert await world.act(Erase(2, (old,), False)) == Erased(2)
    assert not world.effects.ensemble.ready.is_set()


async def test_an_erasure_that_can_wait_comes_after_the_rebuild(world):
    old, new = world.hold(b"a" * 100), world.hold(b"b" * 100)
    world.effects.act(UseSeeds((_row(new),)))
    assert await world.act(Erase(1, (old,), False)) == Erased(1)
    assert world.predictor.asked == [(new,), ("evict", old)]


async def test_an_erasure_that_cannot_go_unnoticed_is_not_put_off(world):
    """No other process can be had; the ensemble is built again after the eviction."""
    old, new = world.hold(b"a" * 100), world.hold(b"b" * 100)
    world.effects.act(UseSeeds((_row(new),)))
    await world.effects.ensemble._until_followed()
    world.predictor.problems = [WorkerError("no memory")]
    assert await world.act(Erase(1, (old,), False)) == Erased(1)
    await world.effects.ensemble._until_followed()
    assert world.predictor.asked == [(new,), ("evict", old), (new,)]


async def test_the_key_goes_out_with_its_grant(world):
    sha = world.hold()
    grant = sign(OWNER, KeyGrant(PEER, 1, sha, PEER, 1, "n", 1, 1))
    world.effects.act(SendKey(PEER, grant, None, sha))
    assert world.transport.sent == [(PEER, Key(grant, None, KEY))]
    world.effects.act(SendKey(PEER, grant, None, "0" * 64))
    assert len(world.transport.sent) == 1


async def test_who_answers_and_who_does_not(world):
    assert await world.act(Identify("somebody:1")) == Identified("somebody:1", PEER)
    assert await world.act(Identify("nobody:1")) == DialFailed(None, "nobody:1")
    assert await world.act(Dial(PEER, "nobody:1")) == DialFailed(PEER, "nobody:1")


async def test_a_stranger_is_counted_and_nobody_else(world):
    assert await world.act(Identify("nobody:1")) == DialFailed(None, "nobody:1")
    assert not [event for event in world.events if event.name == "Refused"]
    assert await world.act(Identify("stranger:1")) == DialFailed(None, "stranger:1")
    (refused,) = [event for event in world.events if event.name == "Refused"]
    assert refused.details == (("reason", "not-of-this-network"),)


async def test_an_error_that_no_effect_foresaw_is_published_and_ends_that_effect_alone(world):
    world.predictor.problems = [ZeroDivisionError("a bug")]
    world.hold()
    world.effects.act(Admit(_manifest(), KEY))
    assert await world.act(Identify("somebody:1")) == Identified("somebody:1", PEER)
    await asyncio.wait_for(world.told.wait(), 10)
    assert [event.name for event in world.events] == ["EffectFailed"]
