"""What forgetting destroys, also after a crash in the middle of it, and what stays."""

from dataclasses import replace
from pathlib import Path

import pytest

from hdus_peer import durable
from hdus_peer.errors import StorageError
from hdus_peer.learning import erasure
from hdus_peer.learning.data import assemble
from hdus_peer.learning.erasure import erase
from hdus_peer.learning.forgotten import write_list
from hdus_peer.learning.job import run
from hdus_peer.learning.progress import Progress
from hdus_peer.learning.slices import shards_of, slices_of
from hdus_peer.workers.job import Distillation, Schedule, TrainingJob
from tests.learning.conftest import MakeJob

SHORT = Schedule(epochs_max=1, batch=16, learning_rate=0.01, weight_decay=1e-4, patience=1)
QUICK = Distillation(temperature=4.0, steps=3, batch=64, learning_rate=0.01)


@pytest.fixture
def forgetting(make_job: MakeJob, tmp_path: Path) -> TrainingJob:
    """A finished job of 3 shards of 2 slices, that is to forget a sample of the second slice of its shard."""
    job = make_job(shards=3, slices=2, schedule=SHORT, distillation=QUICK, forgotten_in=tmp_path / "forgotten")
    run(job, Progress(lambda fields: None))
    digests = list(assemble(job).train.digests)
    chosen = next(digest for digest, number in zip(digests, slices_of(job, digests), strict=True) if number == 1)
    return replace(job, forgotten=(write_list([chosen], job.forgotten_in),), job_epoch=1)


def names(job: TrainingJob) -> set[str]:
    """What is there beside the templates."""
    files = (path for path in job.directory.rglob("*") if path.is_file() and path.parent.name != "templates")
    return {str(path.relative_to(job.directory)) for path in files}


def untouched(job: TrainingJob) -> set[str]:
    digest = bytes.fromhex((job.forgotten_in / job.forgotten[0]).read_text())
    shard = int(shards_of(job, [digest])[0])
    return {f"slices/3x2/{each}-{k}.safetensors" for each in range(3) for k in range(2)} - {
        f"slices/3x2/{shard}-1.safetensors"
    }


def test_all_goes_but_what_the_sample_never_reached(forgetting: TrainingJob) -> None:
    left = forgetting.directory
    for name in (".seed.safetensors.x1y2", "teacher.npz", "slices/2x1/0-0.safetensors", "checkpoint.safetensors"):
        (left / name).parent.mkdir(exist_ok=True)
        (left / name).write_bytes(b"learned from it")
    erase(forgetting)
    assert names(forgetting) == untouched(forgetting)
    assert list((left / "templates").iterdir())


def test_where_it_is_not_known_what_is_forgotten_nothing_stays(forgetting: TrainingJob) -> None:
    erase(replace(forgetting, forgotten=()), everything=True)
    assert names(forgetting) == set()


def test_a_crash_anywhere_is_mended_by_doing_it_again(forgetting: TrainingJob, monkeypatch: pytest.MonkeyPatch) -> None:
    class PowerCut(Exception):
        pass

    def destroy_once(path: Path) -> None:
        if path.exists():
            durable.destroy_durably(path)
            raise PowerCut

    before = names(forgetting)
    with monkeypatch.context() as patch:
        patch.setattr(erasure, "destroy_durably", destroy_once)
        with pytest.raises(PowerCut):
            erase(forgetting)
        assert before - names(forgetting) == {"result.json"}
        with pytest.raises(PowerCut):
            erase(forgetting)
    erase(forgetting)
    assert names(forgetting) == untouched(forgetting)


def test_a_file_is_overwritten_before_it_is_unlinked(tmp_path: Path) -> None:
    path, other = tmp_path / "secret", tmp_path / "other name"
    path.write_bytes(b"learned" * 300_000)
    other.hardlink_to(path)
    durable.destroy_durably(path)
    durable.destroy_durably(path)
    assert not path.exists()
    assert other.read_bytes() == bytes(2_100_000)


def test_what_a_link_leads_to_is_left_alone(forgetting: TrainingJob, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (forgetting.directory / "link").symlink_to(tmp_path / "mine")
    (forgetting.directory / "lost").symlink_to(tmp_path / "nothing")
    erase(forgetting)
    assert (tmp_path / "mine").read_text() == "mine"
    assert not (forgetting.directory / "lost").is_symlink()
    assert not (forgetting.directory / "link").is_symlink()


def test_without_the_list_nothing_is_destroyed(forgetting: TrainingJob) -> None:
    before = names(forgetting)
    (forgetting.forgotten_in / forgetting.forgotten[0]).unlink()
    with pytest.raises(StorageError, match="is missing; choose the same samples again"):
        erase(forgetting)
    assert names(forgetting) == before


def test_before_the_first_training_there_is_nothing_to_destroy(make_job: MakeJob, tmp_path: Path) -> None:
    erase(make_job(directory=tmp_path / "none", forgotten_in=tmp_path, forgotten=(write_list([bytes(32)], tmp_path),)))
    assert not (tmp_path / "none").exists()
