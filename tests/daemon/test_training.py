"""A trainer's result becomes the main model and, once, the next seed."""

import asyncio

import pytest

from hdus_peer.admission.authority import create_network, issue_file
from hdus_peer.config import load_config
from hdus_peer.control.port import TrainingState
from hdus_peer.daemon.home import open_home
from hdus_peer.daemon.parts import make_core
from hdus_peer.daemon.training import Training, training_job
from hdus_peer.domain.clock import Instant
from hdus_peer.driver.effects import Effects
from hdus_peer.errors import DataError
from hdus_peer.protocol.records import Phase
from hdus_peer.protocol.state import Draft
from hdus_peer.protocol.step import Forget, Retrain
from hdus_peer.repository.durable import DurableRepository
from hdus_peer.workers.memory import MemoryPredictor, MemoryTrainer
from hdus_peer.workers.port import Selection


class World:
    def __init__(self, tmp_path):
        create_network(tmp_path / "home", "home", "digits")
        issue_file(tmp_path / "home", "mira", tmp_path / "mira")
        config = load_config(None, {"state_directory": tmp_path / "state", "credentials": tmp_path / "mira"})
        home = open_home(config)
        self.repository = DurableRepository(home.directory, ballast_bytes=0)
        self.core = make_core(config, home.credentials, self.repository.load())
        self.trainer = MemoryTrainer(tmp_path / "models", home.credentials.peer_id, home.credentials.task)
        self.predictor = MemoryPredictor()
        self.effects = Effects(
            self.repository, None, self.predictor, self._erase, lambda done: None, lambda event: None
        )
        self.events = []
        self.training = Training(
            training_job(config, home),
            home.published,
            self.core.state,
            self.repository,
            (self.trainer, self.predictor),
            self.effects.ensemble,
            self._publish,
            self.events.append,
        )

    async def _erase(self):
        await self.training.erase()

    async def _publish(self, seed):
        self.repository.commit(self.core.command(seed, Instant(1.0, 1e9)).writes)

    async def forget(self):
        """Choose samples, and have them forgotten; the name of their list."""
        found = await self.training.select(Selection(where="label = 3"), self.training.job.forgotten_in)
        self.core.command(Forget(found.name, found.matched), Instant(2.0, 1e9))
        return found.name

    @property
    def generation(self):
        own = self.core.state.own_seed()
        return own.manifest.statement.generation if own else 0


@pytest.fixture
async def world(tmp_path):
    world = World(tmp_path)
    yield world
    await world.effects.stop()
    world.repository.close()


async def test_a_result_is_served_and_published(world):
    await world.training.run()
    assert world.training.status.state == TrainingState.DONE
    assert world.effects.ensemble.ready.is_set()
    assert world.generation == 10**9
    assert world.repository.key(world.core.state.own_seed().manifest.statement.payload_sha256) is not None


async def test_a_finished_job_is_not_published_twice_and_a_new_epoch_is(world):
    await world.training.run()
    await world.training.run()
    assert world.generation == 10**9
    world.core.command(Retrain(), Instant(2.0, 1e9))
    await world.training.run()
    assert world.generation == 10**9 + 1


async def test_a_payload_that_went_missing_is_brought_again(world):
    await world.training.run()
    payload = world.core.state.own_seed().manifest.statement.payload_sha256
    world.repository.destroy([payload])
    await world.training.run()
    payload = world.core.state.own_seed().manifest.statement.payload_sha256
    assert world.repository.key(payload) is not None


async def test_a_failure_is_a_status_and_changes_nothing(world, monkeypatch):
    await world.training.run()

    async def fail(job, progress):
        raise DataError("a sample has no label; label it")

    monkeypatch.setattr(world.trainer, "run", fail)
    await world.training.run()
    assert world.training.status.state == TrainingState.FAILED
    assert world.training.status.detail == "a sample has no label; label it"
    assert world.generation == 10**9
    assert world.events[-1].name == "TrainingFailed"


async def test_erased_it_answers_no_more_and_learns_without_what_is_forgotten(world):
    await world.training.run()
    first = world.training.job
    chosen = await world.forget()
    await world.training.erase()
    assert not world.effects.ensemble.ready.is_set()
    assert world.training.main.parameters == 0
    assert world.training.job.forgotten == (chosen,)
    assert world.training.job.job_epoch == first.job_epoch + 1
    await world.training.run()
    assert world.effects.ensemble.ready.is_set()
    assert world.generation == 10**9 + 1


async def test_a_training_that_learns_from_what_is_forgotten_is_given_up(world, monkeypatch):
    began, ended = asyncio.Event(), asyncio.Event()

    async def endless(job, progress):
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    monkeypatch.setattr(world.trainer, "run", endless)
    running = asyncio.create_task(world.training.run())
    await began.wait()
    await world.forget()
    await world.training.erase()
    assert ended.is_set()
    await running
    assert world.training.status.state == TrainingState.IDLE


async def test_a_training_that_is_ended_from_outside_is_no_failure_of_its_own(world, monkeypatch):
    began = asyncio.Event()

    async def endless(job, progress):
        began.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(world.trainer, "run", endless)
    running = asyncio.create_task(world.training.run())
    await began.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_an_older_copy_erases_everything_because_it_knows_no_list(world, monkeypatch):
    await world.training.run()
    asked, erase = [], world.trainer.erase

    async def noting(job, *, everything=False):
        asked.append(everything)
        await erase(job, everything=everything)

    monkeypatch.setattr(world.trainer, "erase", noting)
    await world.training.erase()
    world.core.state.change_self(Draft(world.core.state), phase=Phase.HELD)
    await world.training.erase()
    assert asked == [False, True]
