"""A checkpoint is used for its own run only, written now and then, and holds no code."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from hdus_peer.errors import StorageError
from hdus_peer.learning.checkpoints import Checkpoints
from hdus_peer.learning.trainer import Training
from tests.learning.test_trainer import begin, bits, run


def trained() -> Training:
    return run(begin("mlp"))


def test_it_holds_everything_as_plain_tensors_and_json(tmp_path: Path) -> None:
    Checkpoints(tmp_path / "checkpoint", "key").save(trained())
    with safe_open(str(tmp_path / "checkpoint"), framework="np") as file:
        names = set(file.keys())
        assert file.metadata()["key"] == "key"
    assert {"rng", "model.layers.1.weight", "best.layers.1.weight", "adam.layers.1.weight.exp_avg_sq"} < names
    assert oct((tmp_path / "checkpoint").stat().st_mode)[-3:] == "600"


def test_one_of_another_job_or_data_is_not_used(tmp_path: Path) -> None:
    Checkpoints(tmp_path / "checkpoint", "key").save(trained())
    fresh = begin("mlp")
    before = bits(fresh)
    assert not Checkpoints(tmp_path / "checkpoint", "other").restore(fresh)
    assert bits(fresh) == before


@pytest.mark.parametrize("content", [None, b"", b"no tensors", b"\x80\x04pickle"])
def test_one_that_cannot_be_read_is_not_used(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "checkpoint").write_bytes(content)
    assert not Checkpoints(tmp_path / "checkpoint", "key").restore(begin("mlp"))


def test_torchs_generator_goes_on_where_it_was(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "checkpoint", "key")
    checkpoints.save(trained())
    expected = torch.rand(3)
    torch.manual_seed(999)
    fresh = begin("mlp")
    assert checkpoints.restore(fresh)
    assert torch.equal(torch.rand(3), expected)


def test_it_is_written_when_due(tmp_path: Path) -> None:
    training = trained()
    Checkpoints(tmp_path / "later", "key", pause_min_s=3600.0).save_if_due(training)
    assert not (tmp_path / "later").exists()
    now = Checkpoints(tmp_path / "now", "key", pause_min_s=0.0)
    now.save_if_due(training)
    assert (tmp_path / "now").exists()


def test_a_place_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be written"):
        Checkpoints(tmp_path / "file" / "checkpoint", "key").save(trained())
