"""The predictor as real processes: the contract, and what only processes can do (die, be killed, be left over)."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest
import uvloop

from hdus_peer.domain.combination import OBJECTIVES, Combination
from hdus_peer.errors import RefusedError, WorkerError
from hdus_peer.workers.port import EnsembleState
from hdus_peer.workers.predictor import ProcessPredictor
from tests.contracts.predictor import PredictorContract, World, payload_of, samples

pytestmark = pytest.mark.slow


@pytest.fixture
async def predictor() -> AsyncIterator[ProcessPredictor]:
    predictor = ProcessPredictor(Combination("logit-mean", 0.3))
    yield predictor
    await predictor.stop()
    assert not predictor.pids


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
async def started(predictor: ProcessPredictor, world: World) -> ProcessPredictor:
    await predictor.start(world.main, world.templates, world.evaluation)
    return predictor


async def until_rebuilt(predictor: ProcessPredictor) -> EnsembleState:
    """Wait, by asking again and again, until the ensemble answers."""
    while True:
        state = (await predictor.predict(samples(1).tobytes(), 1)).state
        if not state.pending:
            return state
        await asyncio.sleep(0)


async def until(holds: Callable[[], object]) -> None:
    """Give way to everything else until `holds`; the test's time limit bounds it."""
    while not holds():  # noqa: ASYNC110  what is waited for is inside, and has no event of its own
        await asyncio.sleep(0.001)


async def test_no_process_of_a_retired_main_model_is_left(started: ProcessPredictor, world: World) -> None:
    await started.use([world.seed(1)])
    pids = started.pids
    assert pids
    await started.retire()
    assert not started.pids & pids
    assert not any(psutil.pid_exists(pid) for pid in pids)


async def test_retired_in_the_middle_of_a_rebuild_it_comes_to_rest(started: ProcessPredictor, world: World) -> None:
    rebuilding = asyncio.create_task(started.use([world.seed(1), world.seed(2)]))
    await asyncio.sleep(0)
    before = started.pids
    await started.retire()
    assert not started.pids & before
    with pytest.raises(WorkerError, match="no model"):
        await rebuilding
    await started.start(world.main, world.templates, world.evaluation)
    assert (await started.use([world.seed(1)])).owners == (world.seed(1).manifest.owner,)


async def test_a_check_goes_on_in_another_process_after_a_retirement(started: ProcessPredictor, world: World) -> None:
    checking = asyncio.create_task(started.check(world.seed(1)))
    await asyncio.sleep(0)
    await started.retire()
    await checking


class TestProcessPredictor(PredictorContract):
    @pytest.fixture(params=OBJECTIVES)
    async def choosing(self, request: pytest.FixtureRequest) -> AsyncIterator[ProcessPredictor]:
        predictor = ProcessPredictor(Combination("prob-mean", "auto", request.param))
        yield predictor
        await predictor.stop()


async def test_a_chosen_rho_follows_the_seeds(world: World) -> None:
    """Seed 1 knows what the main model does not; without seeds there is nothing to weigh."""
    predictor = ProcessPredictor(Combination("logit-mean", "auto"))
    try:
        await predictor.start(world.main, world.templates, world.evaluation)
        assert predictor.state.rho == 0.0
        state = await predictor.use([world.seed(1), world.seed(3)])
        assert state.rho > 0.0
        held_out = await predictor.evaluate("holdout", "")
        assert (held_out.rho, held_out.accuracy_ensemble > held_out.accuracy_alone) == (state.rho, True)
        await predictor.evict(payload_of(world.seed(1)))
        gap = await predictor.predict(samples(1).tobytes(), 1)
        assert (gap.state.rho, gap.state.pending) == (0.0, True)
    finally:
        await predictor.stop()


async def test_held_out_samples_that_cannot_be_read_are_told_and_what_answers_goes_on(world: World) -> None:
    predictor = ProcessPredictor(Combination("prob-mean", "auto"))
    evaluation = world.evaluation
    evaluation.write_bytes(b"no arrays")
    try:
        await predictor.start(world.main, world.templates, evaluation)
        with pytest.raises(WorkerError, match=r"cannot be chosen.*hdus-peer train"):
            await predictor.use([world.seed(1)])
        assert (await predictor.predict(samples(1).tobytes(), 1)).state.owners == ()
    finally:
        await predictor.stop()


async def test_an_evicted_seed_takes_its_process_along(started: ProcessPredictor, world: World) -> None:
    await started.use([world.seed(1), world.seed(2)])
    (holder,) = (child.pid for child in started._pool.holding(payload_of(world.seed(2))))
    await started.evict(payload_of(world.seed(2)))
    assert not psutil.pid_exists(holder)
    assert not started._pool.holding(payload_of(world.seed(1), world.seed(2)))


async def test_a_superseded_set_takes_its_process_along(started: ProcessPredictor, world: World) -> None:
    await started.use([world.seed(1)])
    (holder,) = (child.pid for child in started._pool.holding(payload_of(world.seed(1))))
    await started.use([world.seed(2)])
    assert not psutil.pid_exists(holder)


async def test_a_checked_seed_that_is_evicted_unused_takes_the_spare_along(
    started: ProcessPredictor, world: World
) -> None:
    before = started.state
    await started.check(world.seed(1))
    (holder,) = (child.pid for child in started._pool.holding(payload_of(world.seed(1))))
    await started.evict(payload_of(world.seed(1)))
    assert not psutil.pid_exists(holder)
    assert started.state == before


async def test_an_eviction_of_what_the_answering_process_once_checked_goes_unnoticed(
    started: ProcessPredictor, world: World
) -> None:
    """A seed is checked, and a newer one before it was used: one process touched both, and answers with the newer."""
    await started.check(world.seed(1))
    await started.check(world.seed(2))
    used = await started.use([world.seed(2)])
    (holder,) = (child.pid for child in started._pool.holding(payload_of(world.seed(1))))
    await started.move_off(payload_of(world.seed(1)))
    moved = started.state
    await started.evict(payload_of(world.seed(1)))
    assert not psutil.pid_exists(holder)
    assert started.state == moved
    assert (moved.owners, moved.pending) == (used.owners, False)


async def test_there_is_nothing_to_move_off_where_another_process_answers(
    started: ProcessPredictor, world: World
) -> None:
    used = await started.use([world.seed(1)])
    await started.check(world.seed(2))
    await started.move_off(payload_of(world.seed(2)))
    assert started.state == used


async def test_a_process_killed_from_outside_is_replaced_and_the_seeds_are_loaded_again(
    started: ProcessPredictor, world: World
) -> None:
    before = await started.use([world.seed(1), world.seed(2)])
    bits = (await started.evaluate("local", "")).logits_sha256
    assert started._serving is not None
    os.kill(started._serving.child.pid, signal.SIGKILL)
    after = await until_rebuilt(started)
    assert after.owners == before.owners
    assert after.version > before.version
    assert (await started.evaluate("local", "")).logits_sha256 == bits


async def test_all_processes_killed_at_once_and_requests_go_on(started: ProcessPredictor, world: World) -> None:
    before = await started.use([world.seed(1)])
    await until(lambda: len(started.pids) == 2)
    asking = [asyncio.create_task(started.evaluate("local", "prob-mean")) for _ in range(5)]
    await asyncio.sleep(0)
    for pid in started.pids:
        os.kill(pid, signal.SIGKILL)
    await asyncio.gather(*asking)
    assert (await until_rebuilt(started)).owners == before.owners


async def test_an_eviction_in_the_middle_of_a_rebuild_wins(started: ProcessPredictor, world: World) -> None:
    using = asyncio.create_task(started.use([world.seed(1), world.seed(2)]))
    await until(lambda: started._pool.holding(payload_of(world.seed(2))))
    await started.evict(payload_of(world.seed(2)))
    state = await using
    assert state.owners == ()
    assert state.pending
    assert not started._pool.holding(payload_of(world.seed(2)))
    assert (await started.use([world.seed(1)])).owners == (world.seed(1).manifest.owner,)


async def test_an_eviction_in_the_middle_of_a_check_refuses_the_seed(started: ProcessPredictor, world: World) -> None:
    checking = asyncio.create_task(started.check(world.seed(1)))
    await until(lambda: started._pool.holding(payload_of(world.seed(1))))
    await started.evict(payload_of(world.seed(1)))
    with pytest.raises(RefusedError, match="evicted"):
        await checking


async def test_a_seed_that_crashes_its_process_is_refused(world: World, tmp_path: Path) -> None:
    """A child of the test's own stands in for a parser that a payload can crash."""
    predictor = ProcessPredictor(Combination("logit-mean", 0.3), module="tests.workers.crashing_child")
    try:
        await predictor.start(world.main, world.templates, world.evaluation)
        with pytest.raises(RefusedError, match=r"^crashed$"):
            await predictor.check(world.seed(1))
        assert (await predictor.predict(samples(1).tobytes(), 1)).alone == [[1.0]]
    finally:
        await predictor.stop()


async def test_seeds_that_cannot_be_loaded_leave_what_answers(started: ProcessPredictor, world: World) -> None:
    before = await started.use([world.seed(1)])
    gone = world.seed(2)
    gone.key.write_bytes(bytes(32))
    with pytest.raises(RefusedError, match="wrong-key"):
        await started.use([world.seed(1), gone])
    assert (await started.predict(samples(1).tobytes(), 1)).state == before


async def test_stop_in_the_middle_of_a_rebuild_leaves_no_process(started: ProcessPredictor, world: World) -> None:
    using = asyncio.create_task(started.use([world.seed(1)]))
    await asyncio.sleep(0)
    await started.stop()
    with pytest.raises(WorkerError):
        await using
    assert not psutil.Process().children()


async def test_stop_while_the_first_process_starts_leaves_no_process(world: World) -> None:
    predictor = ProcessPredictor(Combination("logit-mean", 0.3))
    starting = asyncio.create_task(predictor.start(world.main, world.templates, world.evaluation))
    await asyncio.sleep(0)
    await predictor.stop()
    with pytest.raises(WorkerError):
        await starting
    assert not psutil.Process().children()


async def test_a_cancelled_rebuild_leaves_the_old_ensemble(started: ProcessPredictor, world: World) -> None:
    before = await started.use([world.seed(1)])
    using = asyncio.create_task(started.use([world.seed(1), world.seed(2)]))
    await until(lambda: started._pool.holding(payload_of(world.seed(2))))
    using.cancel()
    with pytest.raises(asyncio.CancelledError):
        await using
    assert (await started.predict(samples(1).tobytes(), 1)).state == before


def test_the_loop_of_the_daemon_serves_as_well(world: World) -> None:
    async def play() -> None:
        predictor = ProcessPredictor(Combination("prob-mean", 0.5))
        await predictor.start(world.main, world.templates, world.evaluation)
        await predictor.check(world.seed(1))
        await predictor.use([world.seed(1), world.seed(2)])
        asking = asyncio.gather(*(predictor.predict(samples(300).tobytes(), 300) for _ in range(8)))
        await predictor.evict(payload_of(world.seed(2)))
        assert {len(prediction.ensemble) for prediction in await asking} == {300}
        await predictor.stop()
        assert not psutil.Process().children()

    uvloop.run(play())


def test_a_daemon_killed_outright_leaves_no_process(world: World) -> None:
    program = (
        "import asyncio, sys; from pathlib import Path; from hdus_peer.workers.predictor import ProcessPredictor\n"
        "from hdus_peer.domain.combination import OBJECTIVES, Combination\n"
        "async def main():\n"
        "    predictor = ProcessPredictor(Combination('logit-mean', 0.3))\n"
        "    await predictor.start(Path(sys.argv[1]), {}, Path(sys.argv[2]))\n"
        "    while len(predictor.pids) < 2: await asyncio.sleep(0.001)\n"
        "    print(*predictor.pids, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", program, str(world.main), str(world.evaluation)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None
        children = [psutil.Process(int(pid)) for pid in daemon.stdout.readline().split()]
        daemon.kill()
    assert len(children) == 2
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
