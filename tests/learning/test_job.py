"""A job from data to sealed seed, and what happens when it is asked for again."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from safetensors.numpy import load

from hdus_peer.domain.sealed import schema_digest, unseal
from hdus_peer.errors import ConfigurationError, DataError
from hdus_peer.learning.job import run
from hdus_peer.learning.progress import Interrupted, Progress
from hdus_peer.learning.sources import load as load_source
from hdus_peer.workers.job import TrainingJob
from tests.learning.conftest import DIGITS, MakeJob, SaveNpz


class Stages:
    """Which stages were told, in order."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, fields: dict[str, str | float]) -> None:
        if not self.names or self.names[-1] != fields["stage"]:
            self.names.append(str(fields["stage"]))


def done(job: TrainingJob) -> tuple[dict[str, Any], list[str]]:
    stages = Stages()
    return run(job, Progress(stages)), stages.names


def plaintext(job: TrainingJob, result: dict[str, Any]) -> bytes:
    sealed, key = Path(result["sealed"]).read_bytes(), Path(result["key"]).read_bytes()
    return unseal(sealed, key, job.owner, job.task.fingerprint)


def test_a_job_leaves_everything_that_its_result_names(make_job: MakeJob) -> None:
    job = make_job()
    result, stages = done(job)
    assert stages == ["data", "main", "distil", "export", "seal"]
    tensors = load(plaintext(job, result))
    described = [(name, "F32", value.shape) for name, value in tensors.items()]
    assert result["schema_sha256"] == schema_digest(described)
    assert all(value.dtype == np.float32 for value in tensors.values())
    assert set(result["templates"]) == set(DIGITS.seed_architectures)
    files = [result["main"], result["evaluation"], result["sealed"], result["key"], *result["templates"].values()]
    assert {oct(Path(file).stat().st_mode)[-3:] for file in files} == {"600"}
    assert all(Path(file).is_absolute() for file in files)
    assert not (job.directory / "checkpoint.safetensors").exists()
    assert result["summary"]["main_parameters"] == 17_226
    json.dumps(result)


def test_the_exported_main_model_predicts_the_evaluation_data(make_job: MakeJob) -> None:
    result, _ = done(make_job())
    data = np.load(result["evaluation"], allow_pickle=False)
    parts = {f"{axis}_{part}" for axis in "xy" for part in ("local", "global", "holdout")}
    assert set(data.files) == {*parts, "x_reference", "class_counts"}
    assert data["class_counts"].sum() == result["summary"]["train_samples"] + result["summary"]["holdout_samples"]
    assert np.isfinite(data["x_reference"]).all()
    assert {data[name].dtype.str for name in data.files} == {"<f4", "<i8"}
    session = onnxruntime.InferenceSession(result["main"], providers=["CPUExecutionProvider"])
    logits = session.run(["logits"], {"x": data["x_global"]})[0]
    assert (logits.argmax(1) == data["y_global"]).mean() > 0.6


def test_a_finished_job_is_answered_at_once(make_job: MakeJob) -> None:
    job = make_job()
    first, _ = done(job)
    key = Path(first["key"]).read_bytes()
    again, stages = done(job)
    assert again == first
    assert stages == ["seal"]
    assert Path(first["key"]).read_bytes() == key


@pytest.mark.parametrize("taken", [["sealed", "key"], ["sealed"], ["key"]])
def test_what_was_taken_away_is_sealed_again_under_a_new_key(make_job: MakeJob, taken: list[str]) -> None:
    job = make_job()
    first, _ = done(job)
    key, seed = Path(first["key"]).read_bytes(), plaintext(job, first)
    for name in taken:
        Path(first[name]).unlink()
    again, stages = done(job)
    assert stages == ["seal"]
    assert Path(again["key"]).read_bytes() != key
    assert plaintext(job, again) == seed


def test_nothing_is_sealed_that_nobody_wants(make_job: MakeJob) -> None:
    result, stages = done(make_job(seal=False))
    assert "seal" not in stages
    assert not Path(result["sealed"]).exists()


def test_two_runs_of_one_job_leave_the_same_bits(make_job: MakeJob, tmp_path: Path) -> None:
    first, _ = done(make_job())
    second, _ = done(make_job(directory=tmp_path / "elsewhere"))
    for name in ("main", "evaluation"):
        assert Path(first[name]).read_bytes() == Path(second[name]).read_bytes()
    assert plaintext(make_job(), first) == plaintext(make_job(), second)
    assert Path(first["sealed"]).read_bytes() != Path(second["sealed"]).read_bytes()


def test_without_its_note_a_job_runs_again_on_the_data_as_they_are(make_job: MakeJob, save_npz: SaveNpz) -> None:
    raw = load_source("digits", DIGITS).samples
    job = make_job(data=f"npz:{save_npz(x=raw.x, y=raw.y)}")
    before, _ = done(job)
    old = plaintext(job, before)
    save_npz(x=raw.x[:1500], y=raw.y[:1500])
    assert done(job)[1] == ["seal"]
    (job.directory / "result.json").unlink()
    after, stages = done(job)
    assert stages[0] == "data"
    assert plaintext(job, after) != old


@pytest.mark.parametrize("note", ["", "[]", "{}", '{"fingerprint": 1}'])
def test_a_note_that_makes_no_sense_is_as_good_as_none(make_job: MakeJob, note: str) -> None:
    job = make_job()
    job.directory.mkdir()
    (job.directory / "result.json").write_text(note)
    assert done(job)[1][0] == "data"


def test_a_result_with_a_file_lost_is_learned_again(make_job: MakeJob) -> None:
    job = make_job()
    first, _ = done(job)
    Path(first["main"]).unlink()
    again, stages = done(job)
    assert stages[0] == "data"
    assert Path(again["main"]).exists()


def test_what_a_crash_left_half_written_is_removed(make_job: MakeJob) -> None:
    job = make_job()
    done(job)
    for folder in (job.directory, job.directory / "outbox"):
        (folder / ".checkpoint.safetensors.a1b2").write_bytes(b"half")
    done(job)
    assert not list(job.directory.rglob(".*"))


def test_another_epoch_of_the_data_is_another_job(make_job: MakeJob) -> None:
    done(make_job())
    assert done(make_job(job_epoch=1))[1][0] == "data"


def test_interrupted_at_every_stage_it_ends_with_the_same_bits(make_job: MakeJob, tmp_path: Path) -> None:
    whole, _ = done(make_job(directory=tmp_path / "whole"))
    job = make_job()
    for stage in ("data", "main", "distil", "export", "seal"):
        progress = Progress(lambda fields, stage=stage: fields["stage"] == stage and progress.interrupt())  # noqa: B023
        try:
            run(job, progress)
        except Interrupted:
            continue
    result, _ = done(job)
    assert Path(result["main"]).read_bytes() == Path(whole["main"]).read_bytes()
    assert plaintext(job, result) == plaintext(make_job(), whole)


def test_a_seed_that_the_task_does_not_allow_is_refused(make_job: MakeJob) -> None:
    with pytest.raises(ConfigurationError, match="choose one of: mlp, resnet8"):
        done(make_job(seed="mobilenet-l"))


def test_data_that_cannot_be_used_leave_the_finished_result_alone(make_job: MakeJob) -> None:
    result, _ = done(make_job())
    with pytest.raises(DataError):
        done(make_job(data="npz:/nowhere"))
    assert done(make_job())[1] == ["seal"]
    assert Path(result["main"]).exists()


@pytest.mark.slow
def test_a_finished_job_and_bad_data_need_no_torch(make_job: MakeJob, tmp_path: Path) -> None:
    done(make_job())
    (tmp_path / "job.json").write_text(make_job().to_json())
    (tmp_path / "bad.json").write_text(make_job(data="npz:/nowhere").to_json())
    program = f"""
import sys
from pathlib import Path
from hdus_peer.errors import DataError
from hdus_peer.learning.job import run
from hdus_peer.learning.progress import Progress
from hdus_peer.workers.job import TrainingJob
run(TrainingJob.from_json(Path({str(tmp_path / "job.json")!r}).read_text()), Progress(lambda fields: None))
assert "numpy" not in sys.modules
try:
    run(TrainingJob.from_json(Path({str(tmp_path / "bad.json")!r}).read_text()), Progress(lambda fields: None))
except DataError:
    assert "torch" not in sys.modules
    print("neither")
"""
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        == "neither\n"
    )
