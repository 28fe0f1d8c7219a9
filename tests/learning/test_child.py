"""The real child process: frames, errors, SIGTERM, and kill -9 without a bit of difference."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from hdus_peer.workers.frames import receive
from hdus_peer.workers.job import Distillation, Schedule, TrainingJob
from tests.learning.conftest import MakeJob
from tests.learning.test_job import plaintext

pytestmark = pytest.mark.slow


@dataclass
class Ended:
    frames: list[dict[str, Any]]
    exit_code: int

    @property
    def last(self) -> dict[str, Any]:
        return self.frames[-1]


def frames_of(child: subprocess.Popen[bytes]) -> Iterator[dict[str, Any]]:
    assert child.stdout is not None
    while (frame := receive(child.stdout)) is not None:
        yield frame[0]


def child_of(
    job: TrainingJob, signal_in: str = "", number: int = 0, folder: Path | None = None, there: Path | None = None
) -> Ended:
    """Run the child in `folder`; once it has told of `signal_in` and `there` (a checkpoint) exists (or it was SIGTERM),
    send `number`."""
    job.directory.mkdir(parents=True, exist_ok=True)
    file = job.directory / "job.json"
    file.write_text(job.to_json())
    checkpoint = there or job.directory / "checkpoint.safetensors"
    command = [sys.executable, "-m", "hdus_peer.learning", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=folder) as child:
        frames = []
        for frame in frames_of(child):
            frames.append(frame)
            told = frame.get("progress", {}).get("stage") == signal_in
            if told and (checkpoint.exists() or number == signal.SIGTERM):
                child.send_signal(number)
    return Ended(frames, child.returncode)


def test_killed_and_interrupted_it_goes_on_to_the_same_bits(make_job: MakeJob, tmp_path: Path) -> None:
    schedule = Schedule(epochs_max=150, batch=16, learning_rate=0.01, weight_decay=1e-4, patience=150)
    job = make_job(main="mobilenet-s", seed="resnet8", schedule=schedule)
    whole = child_of(make_job(main="mobilenet-s", seed="resnet8", schedule=schedule, directory=tmp_path / "whole"))
    assert whole.exit_code == 0

    interrupted = child_of(job, "main", signal.SIGTERM)
    assert interrupted.exit_code == 128 + signal.SIGTERM
    assert "result" not in interrupted.last
    assert (job.directory / "checkpoint.safetensors").exists()
    assert child_of(job, "main", signal.SIGKILL).exit_code == -signal.SIGKILL
    assert child_of(job, "distil", signal.SIGKILL).exit_code == -signal.SIGKILL
    resumed = child_of(job)
    assert resumed.exit_code == 0

    one, other = whole.last["result"], resumed.last["result"]
    assert Path(one["main"]).read_bytes() == Path(other["main"]).read_bytes()
    assert plaintext(job, one) == plaintext(job, other)


def test_killed_between_two_slices_it_goes_on_to_the_same_bits(make_job: MakeJob, tmp_path: Path) -> None:
    schedule = Schedule(epochs_max=100, batch=16, learning_rate=0.01, weight_decay=1e-4, patience=100)
    job = make_job(schedule=schedule, shards=2, slices=2)
    whole = child_of(replace(job, directory=tmp_path / "whole"))
    state = job.directory / "slices" / "2x2" / "0-0.safetensors"
    assert child_of(job, "main", signal.SIGKILL, there=state).exit_code == -signal.SIGKILL
    assert not (job.directory / "result.json").exists()
    resumed = child_of(job)
    one, other = whole.last["result"], resumed.last["result"]
    assert Path(one["main"]).read_bytes() == Path(other["main"]).read_bytes()
    assert plaintext(job, one) == plaintext(job, other)
    assert len(list(state.parent.iterdir())) == 4


def test_a_refusal_is_the_last_frame(make_job: MakeJob) -> None:
    ended = child_of(make_job(data="npz:/nowhere.npz"))
    assert ended.exit_code == 2
    assert ended.last["error"]["kind"] == "DataError"
    assert "/nowhere.npz" in ended.last["error"]["message"]


def test_an_orphan_ends(make_job: MakeJob) -> None:
    """Where nobody reads any more, the first report that finds it out is the last."""
    plan = Distillation(temperature=4.0, steps=1_000_000, batch=64, learning_rate=0.01)
    job = make_job(distillation=plan)
    job.directory.mkdir(parents=True)
    (job.directory / "job.json").write_text(job.to_json())
    command = [sys.executable, "-m", "hdus_peer.learning", str(job.directory / "job.json")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        next(frames_of(child))
        child.stdout.close()
        assert child.wait(timeout=60) == 128 + signal.SIGTERM


OWN_CODE = """
import numpy as np
from torch import nn

print("a library that talks must not be heard between two frames")

def load(task):
    drawn = np.random.default_rng(0)
    y = drawn.integers(0, len(task.classes), 300)
    return drawn.normal(size=(300, *task.shape)) + y[:, None, None, None], y

def net(shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(64, classes))
"""


def test_code_of_ones_own_is_found_where_the_peer_was_started(make_job: MakeJob, tmp_path: Path) -> None:
    (tmp_path / "theirs.py").write_text(OWN_CODE)
    job = make_job(data="module:theirs:load", main="theirs:net", shard="all")
    done = child_of(job, folder=tmp_path)
    assert done.exit_code == 0, done.last
    assert done.last["result"]["summary"]["main"] == "theirs:net"
    assert done.last["result"]["summary"]["main_parameters"] == 650
    elsewhere = child_of(make_job(main="theirs:net", directory=tmp_path / "other"))
    assert elsewhere.exit_code == 2
    assert "there is no module 'theirs'" in elsewhere.last["error"]["message"]
