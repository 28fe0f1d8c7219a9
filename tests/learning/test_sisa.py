"""Forgetting gives, to the bit, what learning without the samples would have given, however the training is divided."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from hdus_peer.durable import write_durably
from hdus_peer.errors import ConfigurationError
from hdus_peer.inference.graph import ALONE, ENSEMBLE, Template, joined, parse
from hdus_peer.inference.rules import weights_of
from hdus_peer.inference.session import Session, softmax, stacked
from hdus_peer.learning.data import assemble
from hdus_peer.learning.erasure import erase
from hdus_peer.learning.export import export
from hdus_peer.learning.job import run
from hdus_peer.learning.pipeline import train_portion
from hdus_peer.learning.places import Places
from hdus_peer.learning.progress import Interrupted, Progress
from hdus_peer.learning.selection import select
from hdus_peer.learning.sisa import MeanOfModels
from hdus_peer.learning.slices import shards_of, slices_of, state_file
from hdus_peer.learning.sources import load
from hdus_peer.workers.job import Distillation, Schedule, TrainingJob
from hdus_peer.workers.port import Selection
from tests.formats.conftest import LOANS
from tests.inference.conftest import member
from tests.learning.conftest import DIGITS, MakeJob, SaveNpz
from tests.learning.test_job import plaintext

SHORT = Schedule(epochs_max=2, batch=16, learning_rate=0.01, weight_decay=1e-4, patience=2)
QUICK = Distillation(temperature=4.0, steps=10, batch=64, learning_rate=0.01)
DIVISIONS = [(1, 1), (3, 1), (3, 2), (1, 3)]
RAW = load("digits", DIGITS).samples


@dataclass(frozen=True)
class Story:
    """A job over a source, samples of it to forget, and the job over a source that never held them."""

    job: TrainingJob
    selection: Selection
    never: TrainingJob


Tell = Callable[..., Story]


@pytest.fixture
def pictures(make_job: MakeJob, save_npz: SaveNpz, tmp_path: Path) -> Tell:
    """Of the digits, the first `count` own samples are forgotten."""

    def tell(shards: int, slices: int, count: int = 1, main: str = "mlp") -> Story:
        job = make_job(
            data=f"npz:{save_npz('all.npz', x=RAW.x, y=RAW.y)}", shard="all", schedule=SHORT, distillation=QUICK,
            shards=shards, slices=slices, forgotten_in=tmp_path / "forgotten", samples=300, main=main,
        )  # fmt: skip
        chosen = set(assemble(job).train.digests[:count])
        gone = np.array([digest in chosen for digest in RAW.digests])
        forgotten = f"npz:{save_npz('forgotten.npz', x=RAW.x[gone])}"
        rest = f"npz:{save_npz('rest.npz', x=RAW.x[~gone], y=RAW.y[~gone])}"
        return Story(job, Selection(samples=forgotten), replace(job, data=rest, directory=tmp_path / "never"))

    return tell


@pytest.fixture
def rows(make_job: MakeJob, tmp_path: Path) -> Tell:
    """Of a table, the rows of one age and work are forgotten."""
    drawn = np.random.default_rng(0)
    lines = [
        f"{drawn.choice(['high', 'low'])},{age % 60},{age % 2 == 0},{drawn.choice(['public', 'private'])},{paid}"
        for age in range(200)
        for paid in (("yes", "no")[age % 3 == 0],)
    ]
    heading = "grade,age,member,work,paid"

    def save(name: str, kept: list[str]) -> str:
        (tmp_path / name).write_text("\n".join([heading, *kept]))
        return f"csv:{tmp_path / name}#label=paid"

    def tell(shards: int, slices: int) -> Story:
        job = make_job(
            task=LOANS, data=save("all.csv", lines), shard="all", schedule=SHORT, distillation=QUICK, shards=shards,
            slices=slices, forgotten_in=tmp_path / "forgotten", seed=LOANS.seed_architectures[0],
            reference=save("reference.csv", lines[:20]), test=save("test.csv", lines[20:40]),
        )  # fmt: skip
        rest = [line for line in lines if line.split(",")[1] != "7"]
        never = replace(job, data=save("rest.csv", rest), directory=tmp_path / "never")
        return Story(job, Selection(where="age = 7"), never)

    return tell


def learned(job: TrainingJob) -> dict[str, bytes]:
    """What a run leaves that predicts, is shown or is shared."""
    result = run(job, Progress(lambda fields: None))
    files = {name: Path(result[name]).read_bytes() for name in ("main", "evaluation")}
    return {**files, "seed": plaintext(job, result)}


def forgotten(story: Story) -> TrainingJob:
    """The job after its samples were forgotten: nothing is left of them yet, nothing new learned."""
    selected = select(story.job, story.selection, story.job.forgotten_in)
    job = replace(story.job, forgotten=(selected.name,), job_epoch=1)
    erase(job)
    return job


@pytest.mark.parametrize("source", ["pictures", "rows"])
@pytest.mark.parametrize(("shards", "slices"), DIVISIONS)
def test_forgetting_equals_never_having_seen(
    source: str, shards: int, slices: int, request: pytest.FixtureRequest
) -> None:
    story: Story = request.getfixturevalue(source)(shards, slices)
    before = learned(story.job)
    after = learned(forgotten(story))
    assert after == learned(story.never)
    assert after["main"] != before["main"]
    assert after["seed"] != before["seed"]


class Interrupting(Progress):
    """Asks for an end at the step `last` of this run."""

    def __init__(self, last: int) -> None:
        super().__init__(lambda fields: None)
        self._steps, self._last = 0, last

    def advance(self, fraction: float, describe: Callable[[], str]) -> None:
        self._steps += 1
        if self._steps == self._last:
            self.interrupt()


@pytest.mark.parametrize(("shards", "slices"), DIVISIONS)
def test_interrupted_wherever_it_stands_it_ends_with_the_same_bits(pictures: Tell, shards: int, slices: int) -> None:
    """Each time a little later, and with half a file left behind."""
    story = pictures(shards, slices)
    learned(story.job)
    job = forgotten(story)
    interrupted = 0
    while True:
        try:
            run(job, Interrupting(3 + 4 * interrupted))
        except Interrupted:
            interrupted += 1
            write_durably(state_file(job, Places(job.directory), 0, 0).with_name(".0-0.safetensors.half"), b"half")
            continue
        break
    assert interrupted > 1
    assert learned(job) == learned(story.never)


def trained_portions(job: TrainingJob, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of those that are learned in a run."""
    names: list[str] = []

    def noted(job: TrainingJob, portion: Any, *others: Any) -> Any:
        names.append(portion.name)
        return train_portion(job, portion, *others)

    monkeypatch.setattr("hdus_peer.learning.sisa.train_portion", noted)
    learned(job)
    return names


def test_only_what_a_sample_reached_is_learned_again(pictures: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    story = replace(pictures(3, 2), job=replace(pictures(3, 2).job, samples=0))
    assert len(trained_portions(story.job, monkeypatch)) == 6
    digest = [assemble(story.job).train.digests[0]]
    shard, number = int(shards_of(story.job, digest)[0]), int(slices_of(story.job, digest)[0])
    job = forgotten(story)
    reached = [f"shard {shard + 1}, slice {k + 1}" for k in range(number, 2)]
    assert len(list((job.directory / "slices").rglob("*.safetensors"))) == 6 - len(reached)
    assert trained_portions(job, monkeypatch) == reached


def test_nothing_depends_on_a_sample_that_was_tested_only(pictures: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    story = pictures(3, 2)
    job = replace(story.job, samples=0)
    learned(job)
    tested = assemble(job).local_test.digests[0]
    write = [sample for sample, digest in zip(RAW.x, RAW.digests, strict=True) if digest == tested]
    np.savez(story.job.directory.parent / "tested.npz", x=np.array(write))
    selection = Selection(samples=f"npz:{story.job.directory.parent / 'tested.npz'}")
    assert trained_portions(forgotten(Story(job, selection, job)), monkeypatch) == []


def test_states_of_another_division_or_schedule_are_not_used(pictures: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    job = pictures(2, 1).job
    assert len(trained_portions(job, monkeypatch)) == 2
    assert trained_portions(replace(job, job_epoch=1), monkeypatch) == []
    assert len(trained_portions(replace(job, schedule=replace(SHORT, batch=8)), monkeypatch)) == 2
    assert len(trained_portions(replace(job, slices=2), monkeypatch)) == 4
    assert {path.parent.name for path in (job.directory / "slices").rglob("*.safetensors")} == {"2x2"}
    learned(replace(job, shards=1))
    assert not list((job.directory / "slices").rglob("*.safetensors"))


def test_slices_and_shards_without_samples_are_passed_over(pictures: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    job = replace(pictures(1, 1).job, samples=40, shards=12, slices=5)
    names = trained_portions(job, monkeypatch)
    assert 0 < len(names) < 60
    train = assemble(job).train
    counts = np.bincount(shards_of(job, train.digests).astype(int), minlength=12)
    assert {int(name.split(",")[0].removeprefix("shard ")) - 1 for name in names} == set(np.flatnonzero(counts > 1))


def test_more_shards_than_samples_are_refused(pictures: Tell) -> None:
    job = replace(pictures(1, 1).job, samples=40, shards=100)
    with pytest.raises(ConfigurationError, match=r"train\.shards = 100 .* set fewer shards"):
        learned(job)


@pytest.mark.parametrize("factor", [1.0, 1e3])
def test_the_mean_of_models_is_one_graph_that_never_overflows(factor: float) -> None:
    """Also where every model is sure, and all of another class."""
    torch.manual_seed(0)
    members = [nn.Sequential(nn.Flatten(), nn.Linear(64, 10)) for _ in range(3)]
    with torch.no_grad():
        for parameter in nn.ModuleList(members).parameters():
            parameter.mul_(factor)
    x = torch.randn(7, 1, 8, 8)
    model = MeanOfModels(members)
    (found,) = onnxruntime.InferenceSession(export(model, (1, 8, 8)), providers=["CPUExecutionProvider"]).run(
        ["logits"], {"x": x.numpy()}
    )
    with torch.no_grad():
        wanted = torch.stack([member(x).double().softmax(1) for member in members]).mean(0)
    assert np.isfinite(found).all()
    assert np.allclose(np.exp(found), wanted.numpy(), atol=1e-5)


@pytest.mark.slow
def test_the_mean_of_models_joins_an_ensemble() -> None:
    """Beside a seed of the members' own architecture, whose tensors have the same names."""
    members = [member("resnet8", number) for number in range(3)]
    model = MeanOfModels([each.module for each in members]).eval()
    x = np.random.default_rng(1).standard_normal((9, 1, 8, 8), dtype=np.float32)
    seed = Template(member("resnet8", 4711).onnx).filled(member("resnet8", 7).tensors)
    graph = joined(parse(export(model, (1, 8, 8))), [seed], "prob-mean", weights_of(0.5))
    session = Session(graph.model.SerializeToString(), threads=1)
    alone, ensemble = stacked(list(session.run(x, (ALONE, ENSEMBLE))))
    own = np.stack([softmax(each.logits(x)) for each in members]).mean(axis=0)
    seeds = softmax(member("resnet8", 7).logits(x))
    assert np.allclose(softmax(alone), own, atol=1e-5)
    assert np.allclose(softmax(ensemble), (own + seeds) / 2, atol=1e-5)
