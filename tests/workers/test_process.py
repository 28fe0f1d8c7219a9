"""One child process: its environment, its last words, its nonsense, its end."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from hdus_peer.errors import ConfigurationError, DataError, RefusedError, WorkerError
from hdus_peer.workers.process import LOG_LINE_BYTES_MAX, Child, ChildGoneError, Program, raised, start_child

pytestmark = pytest.mark.slow

PROGRAM = Program("tests.workers.odd_child", environment={"GREETING": "hello"})


@pytest.fixture
async def child() -> AsyncIterator[Child]:
    child = await start_child(PROGRAM, "odd")
    yield child
    child.kill()
    await child.wait_ended()
    assert not psutil.pid_exists(child.pid)


async def test_requests_are_answered_in_any_order(child: Child) -> None:
    first = child.post({"do": "hold"})
    second = child.post({"do": "echo"}, b"body")
    assert await child.answer(second) == ({"held": 1}, b"body")
    assert await child.answer(first) == ({"held": 0}, b"")


async def test_an_answer_may_be_large(child: Child) -> None:
    body = os.urandom(5 << 20)
    assert (await child.ask({"do": "echo"}, body))[1] == body


async def test_variables_of_the_daemon_stay_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HDUS_SECRET", "1")
    child = await start_child(PROGRAM, "odd")
    header, _ = await child.ask({"do": "environment"})
    assert "HDUS_SECRET" not in header["names"]
    assert {"GREETING", "PYTHONHASHSEED", "OPENBLAS_NUM_THREADS", "PATH"} <= set(header["names"])
    await child.terminate()


async def test_what_it_prints_is_cut_and_goes_to_the_log(child: Child, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(ChildGoneError):
        await child.ask({"do": "shout"})
    await child.wait_ended()
    lines = [record.getMessage() for record in caplog.records]
    assert max(map(len, lines)) <= LOG_LINE_BYTES_MAX + len(child.name) + 2
    assert any("last words" in line for line in lines)
    assert child.describe_end().endswith("status 3: last words")


@pytest.mark.parametrize("nonsense", ["garbage", "unasked", "huge"])
async def test_a_child_that_talks_nonsense_is_ended(child: Child, nonsense: str) -> None:
    with pytest.raises(ChildGoneError):
        await child.ask({"do": nonsense})
    await child.wait_ended()


async def test_a_killed_child_answers_nothing_even_if_its_answer_is_there(child: Child) -> None:
    posted = child.post({"do": "echo"})
    await asyncio.wait([posted])
    child.kill()
    with pytest.raises(ChildGoneError):
        await child.answer(posted)
    with pytest.raises(ChildGoneError):
        await child.ask({"do": "echo"})


async def test_nobody_waits_for_a_child_that_died(child: Child) -> None:
    asking = [asyncio.create_task(child.ask({"do": "hold"})) for _ in range(3)]
    await asyncio.sleep(0)
    psutil.Process(child.pid).kill()
    results = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(result) for result in results] == [ChildGoneError] * 3


async def test_a_module_that_does_not_exist_ends_with_its_reason() -> None:
    child = await start_child(Program("tests.workers.no_such_module"), "odd")
    await child.wait_ended()
    assert "no_such_module" in child.describe_end()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("RefusedError", RefusedError),
        ("DataError", DataError),
        ("ConfigurationError", ConfigurationError),
        ("ValueError", WorkerError),
        ("annotations", WorkerError),
        ("__doc__", WorkerError),
    ],
)
def test_errors_come_back_as_what_they_were(kind: str, expected: type[Exception]) -> None:
    error = raised({"kind": kind, "message": "because"})
    assert type(error) is expected
    assert str(error) == "because"


def test_workers_import_nothing_heavy() -> None:
    folder = Path(__file__).parents[2] / "hdus_peer" / "workers"
    for module in folder.glob("*.py"):
        text = module.read_text()
        for heavy in ("numpy", "onnx", "onnxruntime", "torch"):
            assert f"import {heavy}" not in text, module.name
            assert f"from {heavy}" not in text, module.name


async def test_a_pipe_that_broke_is_seen_before_the_end_is(child: Child) -> None:
    """A killed child's pipe may close a moment before anybody hears of its death: whoever asks then is told so."""
    pipe = child._process.stdin
    assert pipe is not None
    pipe.transport.abort()
    assert child.gone
    with pytest.raises(ChildGoneError):
        await child.ask({"do": "echo"}, b"body")
