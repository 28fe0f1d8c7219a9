"""Each system against something that knows nothing of it: a bare loop of torch, a closed form, a conservation law."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from hdus_peer.domain.combination import Combination
from hdus_peer.learning.architectures import build
from hdus_peer.learning.data import Part, PeerData
from hdus_peer.learning.pipeline import examples
from hdus_peer.learning.trainer import Training, cosine, train
from hdus_peer.study.lessons import School
from hdus_peer.study.plan import DsgdSection, FedUnlSection
from hdus_peer.study.setting import Place
from hdus_peer.study.systems.dsgd import Dsgd, mix
from hdus_peer.study.systems.fedunl import FedUnl
from hdus_peer.study.systems.hdus import Hdus, Peers
from hdus_peer.study.systems.isgd import Isgd
from hdus_peer.study.systems.port import Forgetful, System, unwatched
from hdus_peer.study.systems.sisa import SisaA
from tests.study.conftest import MakeSchool

CPU = torch.device("cpu")
MAINS = ("mlp", "mlp-s", "mlp")
FEDUNL = FedUnlSection(mains=("mlp-s",), local_epochs=1, repair_steps=8)
DSGD = DsgdSection(mains=("mlp-s",))


def systems(school: School) -> dict[str, System]:
    return {
        "isgd": Isgd(school, MAINS),
        "hdus": Hdus(Peers(school, MAINS, 3.0), Combination("prob-mean", "auto")),
        "pool": Hdus(Peers(school, MAINS, 3.0), Combination("opinion-pool", "auto", "global")),
        "sisa": SisaA(school, MAINS),
        "sliced": SisaA(school, MAINS, slices=2),
        "fedunl": FedUnl(school, "mlp-s", FEDUNL),
        "dsgd": Dsgd(school, "mlp-s", DSGD),
    }


class WithoutTheLast(School):
    """The same shards, random seeds and models, but its last peer never comes."""

    @property
    def plan_peers(self) -> range:
        return range(super().plan_peers.stop - 1)


def predictions(system: System, school: School) -> dict[int, bytes]:
    x = school.data[0].global_test.x
    return {peer: system.predict(peer, x).tobytes() for peer in system.present}


@pytest.mark.parametrize("name", ["isgd", "hdus", "sisa", "sliced", "fedunl", "dsgd"])
def test_every_system_keeps_the_port(name: str, make_school: MakeSchool) -> None:
    school = make_school()
    system = systems(school)[name]
    assert isinstance(system, System)
    cost = system.fit()
    assert cost.seconds > 0
    assert system.present == (0, 1, 2)
    x = school.data[0].global_test.x
    assert system.predict(1, x).shape == (len(x), 10)
    assert np.isfinite(system.predict(1, x)).all()
    system.unlearn(2, unwatched)
    assert system.present == (0, 1)
    system.join(2)
    assert system.present == (0, 1, 2)
    assert np.isfinite(system.predict(2, x)).all()
    if isinstance(system, Forgetful):
        assert name in ("isgd", "hdus", "sisa", "sliced")
        assert system.forget(0, [0, 1]).seconds > 0


@pytest.mark.parametrize("name", ["hdus", "pool", "sisa"])
def test_after_an_eviction_all_is_as_if_the_leaver_had_never_been(name: str, make_school: MakeSchool) -> None:
    school = make_school()
    system, never = systems(school)[name], systems(WithoutTheLast(school.setting, school.place))[name]
    system.fit()
    before = predictions(system, school)
    system.unlearn(2, unwatched)
    never.fit()
    assert never.present == (0, 1)
    assert predictions(system, school) == predictions(never, school)
    assert {peer: before[peer] for peer in (0, 1)} != predictions(system, school)


def test_a_leave_and_a_return_lead_back_to_the_same_bits(make_school: MakeSchool) -> None:
    school = make_school()
    for name in ("hdus", "sisa"):
        system = systems(school)[name]
        system.fit()
        before = predictions(system, school)
        system.unlearn(1, unwatched)
        system.join(1)
        assert predictions(system, school) == before


def test_forgotten_samples_are_gone_from_the_training(make_school: MakeSchool, place: Place) -> None:
    """As if the peer had never had them: a school whose data lack them gives the same bits."""
    forgetting = make_school()
    lacking = School(forgetting.setting, replace(place, models=place.models / "elsewhere"))
    hdus = Hdus(Peers(forgetting, MAINS, 3.0), Combination("prob-mean", 0.5))
    hdus.fit()
    hdus.forget(0, [3, 5])
    lacking.forget(0, [3, 5])
    fresh = Hdus(Peers(lacking, MAINS, 3.0), Combination("prob-mean", 0.5))
    fresh.fit()
    assert predictions(hdus, forgetting) == predictions(fresh, lacking)
    assert len(forgetting.data[0].train) == len(make_school().data[0].train) - 2


def test_hdus_with_rho_0_is_isgd(make_school: MakeSchool) -> None:
    school = make_school()
    alone, hdus = Isgd(school, MAINS), Hdus(Peers(school, MAINS, 3.0), Combination("logit-mean", 0.0))
    alone.fit()
    hdus.fit()
    assert predictions(alone, school) == predictions(hdus, school)


def test_sisa_with_one_slice_is_plain_training(make_school: MakeSchool) -> None:
    """A bare loop over the product's steps, that knows nothing of shards and slices."""
    school = make_school()
    job, data = school.job(0, "mlp"), school.data[0]
    torch.manual_seed(job.random_seed)
    training = Training.begin(build("mlp", job.task.shape, 10), job.schedule, job.random_seed)
    train(training, examples(data.train, CPU), examples(data.holdout, CPU), job.schedule, lambda: None)
    shared = SisaA(school, MAINS, slices=1)
    shared.fit()
    plain = training.model.state_dict()
    sliced = shared._shared[0].member.model.state_dict()
    assert all(torch.equal(plain[name], sliced[name]) for name in plain)


def test_slices_forget_as_if_they_had_never_had_the_samples(make_school: MakeSchool, place: Place) -> None:
    forgetting = make_school()
    system = SisaA(forgetting, MAINS, slices=3)
    system.fit()
    system.forget(0, [4])
    elsewhere = School(forgetting.setting, replace(place, models=place.models / "elsewhere"))
    elsewhere.forget(0, [4])
    never = SisaA(elsewhere, MAINS, slices=3)
    never.fit()
    assert predictions(system, forgetting) == predictions(never, elsewhere)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_fedavg_with_one_peer_is_plain_training(optimizer: str, make_school: MakeSchool) -> None:
    """A bare loop of torch, over the same batches and rates."""
    school = make_school(peers=1, sequence=[], schedule={"epochs": 3, "batch": 16})
    fed = FedUnl(school, "mlp-s", FEDUNL.model_copy(update={"optimizer": optimizer}))
    model = copy.deepcopy(fed.model)
    fed.fit()
    data, job = school.data[0].train, school.job(0, "mlp-s")
    x, y = torch.tensor(data.x), torch.tensor(data.y)
    kinds = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}
    bare_optimizer = kinds[optimizer](model.parameters(), lr=0.01)
    for epoch in range(3):
        order = np.random.default_rng((job.random_seed, 1, epoch)).permutation(len(y))
        batches = np.array_split(order, -(-len(y) // 16))
        for step, batch in enumerate(batches):
            bare_optimizer.param_groups[0]["lr"] = cosine(0.01, (epoch + step / len(batches)) / 3)
            bare_optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            bare_optimizer.step()
    for ours, bare in zip(fed.model.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(ours, bare, rtol=1e-4, atol=1e-5)


def test_the_global_model_is_the_start_and_all_recorded_updates(make_school: MakeSchool) -> None:
    school = make_school()
    fed = FedUnl(school, "mlp-s", FEDUNL)
    start = copy.deepcopy(fed.model)
    fed.fit()
    moved = zip(start.named_parameters(), fed.model.named_parameters(), strict=True)
    for (name, before), (_, after) in moved:
        total = before + sum(fed.recorded[peer][name] for peer in fed.present)
        torch.testing.assert_close(after, total)


def test_subtraction_removes_exactly_the_recorded_updates_and_no_statistics(make_school: MakeSchool) -> None:
    school = make_school(mains=["resnet8"], seed_model="resnet8")
    fed = FedUnl(school, "resnet8", FEDUNL)
    fed.fit()
    before, recorded = copy.deepcopy(fed.model.state_dict()), copy.deepcopy(fed.recorded[1])
    assert any(value.abs().max() > 0 for value in recorded.values())
    fed.subtract(1)
    for name, value in fed.model.state_dict().items():
        expected = before[name] - recorded[name] if name in recorded else before[name]
        assert torch.equal(value, expected), name
    assert any("running_var" in name for name in before)
    assert not any("running" in name for name in recorded)


def test_mixing_conserves_the_mean_and_ends_in_consensus() -> None:
    torch.manual_seed(0)
    models = [build("resnet8", (1, 8, 8), 10) for _ in range(4)]
    means = {
        name: torch.stack([m.state_dict()[name] for m in models]).mean(0) for name, _ in models[0].named_parameters()
    }
    for _ in range(40):
        mix(models, gamma=0.9)
        for name, mean in means.items():
            now = torch.stack([model.state_dict()[name] for model in models]).mean(0)
            torch.testing.assert_close(now, mean, rtol=1e-4, atol=1e-6)
    for name, mean in means.items():
        torch.testing.assert_close(models[3].state_dict()[name], mean, rtol=1e-4, atol=1e-5)


def test_dsgd_reaches_the_known_optimum_of_a_convex_problem(make_school: MakeSchool) -> None:
    """Every sample is the same, so the best that a linear model can answer is how frequent each class is among all
    peers, although each of them knows only some."""
    school = make_school(schedule={"epochs": 60, "batch": 32})
    counts = [[30, 30], [60, 0], [15, 45]]
    school.data = [_constant(data, *each) for data, each in zip(school.data, counts, strict=True)]
    system = Dsgd(
        school, "tests.study.linear:linear", DSGD.model_copy(update={"optimizer": "sgd", "learning_rate": 0.5})
    )
    system.fit()
    x = school.data[0].train.x[:1]
    for peer in system.present:
        logits = system.predict(peer, x)[0]
        found = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
        assert found[:2] == pytest.approx([105 / 180, 75 / 180], abs=0.02)


def _constant(data: PeerData, zeros: int, ones: int) -> PeerData:
    x = np.ones((zeros + ones, *data.train.x.shape[1:]), dtype=np.float32) / 8
    labels = np.repeat(np.array([0, 1], dtype=np.int64), [zeros, ones])
    return replace(data, train=Part(x, labels))
