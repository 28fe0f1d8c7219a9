"""A plan is checked before anything is computed, and what is wrong is said in one sentence."""

from pathlib import Path
from typing import Any

import pytest

from hdus_peer.errors import ConfigurationError
from hdus_peer.study.cautions import cautions
from hdus_peer.study.cells import Cell, cells, file_name, lessons
from hdus_peer.study.plan import Plan
from hdus_peer.study.plan_file import parse_plan, read_plan, ready_names
from tests.study.conftest import MakePlan

SMOKE = (Path(__file__).parents[2] / "hdus_peer" / "study" / "plans" / "smoke.toml").read_text()


@pytest.mark.parametrize("name", ready_names())
def test_every_ready_plan_is_read_under_its_own_name(name: str) -> None:
    plan = read_plan(name)
    assert plan.name == name
    assert cells(plan)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[systems.dsgd]", "[systems.dsdg]", "systems.dsdg"),
        ('rules = ["logit-mean"', 'rules = ["logit-meen"', "logit-mean"),
        ("peers = 4", "peers = 0", "peers"),
        ('"leave 3", "leave 2"', '"leave 3", "leave 3"', "leave 3 is not possible"),
        ('"leave 3", "leave 2"', '"leave 3", "leave 9"', "leave 9 is not possible"),
        ('partitions = ["drop-class"', 'partitions = ["drop-clas"', "drop-class, iid"),
        ("random_seeds = [0, 1, 2]", "random_seeds = [0, 0]", "every value once"),
        ("epochs = 12", "epochs = nan", "schedule.epochs"),
        ("peers = 4", "peers = ", "no TOML"),
        ('[systems.dsgd]\nmains = ["resnet8"]', '[systems.dsgd]\nmains = ["own"]', "share parameters"),
    ],
)
def test_what_is_wrong_is_said(old: str, new: str, said: str) -> None:
    assert old in SMOKE
    with pytest.raises(ConfigurationError, match=said):
        parse_plan(SMOKE.replace(old, new), "mine.toml", {})


def test_a_plan_that_is_nowhere_names_those_that_are_ready() -> None:
    with pytest.raises(ConfigurationError, match="smoke"):
        read_plan("no-such-plan")


def test_settings_go_before_the_file() -> None:
    plan = read_plan("smoke", {"data.source": "npz:mine.npz", "random_seeds": "[7]", "systems.dsgd.gamma": "0.5"})
    assert plan.data.source == "npz:mine.npz"
    assert plan.random_seeds == (7,)
    assert plan.systems.dsgd is not None
    assert plan.systems.dsgd.gamma == 0.5
    with pytest.raises(ConfigurationError, match=r"data\.sourse"):
        read_plan("smoke", {"data.sourse": "digits"})
    with pytest.raises(ConfigurationError, match="peers has no keys below it"):
        read_plan("smoke", {"peers.many": "1"})


def test_the_hash_is_of_everything_that_changes_a_result(make_plan: MakePlan) -> None:
    same, other = make_plan(), make_plan(peers=4)
    assert make_plan().sha256 == same.sha256 != other.sha256
    assert make_plan(scale=0.5).sha256 != same.sha256


def test_scale_shortens_epochs_steps_and_samples(make_plan: MakePlan) -> None:
    half = make_plan(scale=0.5, schedule={"epochs": 9, "batch": 16})
    assert half.schedule_of_main().epochs_max == 5
    assert half.distillation_at(3.0).steps == 5
    assert half.samples(120) == 60
    assert half.samples(0) == 0


def test_cells_are_every_system_under_every_partition_and_seed(make_plan: MakePlan) -> None:
    found = cells(make_plan(partitions=["drop-class", "iid"]))
    assert len(found) == len(set(found)) == 2 * 2 * 6
    assert len({file_name(cell) for cell in found}) == len(found)
    assert {cell.system for cell in found} == {"isgd", "hdus", "sisa_a", "fedunl", "dsgd"}


def test_lessons_are_shared_by_the_cells_that_need_them(make_plan: MakePlan) -> None:
    plan: Any = make_plan(random_seeds=[0])
    found = lessons(plan, cells(plan))
    assert {(each.peer, each.main, each.temperatures) for each in found} == {
        (0, "mlp", (3.0,)), (1, "mlp-s", (3.0,)), (2, "mlp", (3.0,)), (0, "mlp-s", ()), (2, "mlp-s", ()),
    }  # fmt: skip
    assert lessons(plan, (Cell("drop-class", 0, "dsgd", "mlp-s"),)) == ()


def test_a_seed_larger_than_its_main_model_is_a_caution(make_plan: MakePlan) -> None:
    assert cautions(make_plan()) == []
    (said,) = cautions(make_plan(seed_model="mlp"))
    assert "seed model mlp" in said
    assert "main model mlp-s" in said


@pytest.mark.parametrize("wrong", ["resnet9", "cnn1d-s"])
def test_an_architecture_that_cannot_be_is_said_before_anything_is_done(wrong: str, make_plan: MakePlan) -> None:
    with pytest.raises(ConfigurationError, match=wrong):
        cautions(make_plan(systems={"dsgd": {"mains": [wrong]}}))


def test_a_plan_survives_json(make_plan: MakePlan) -> None:
    plan = make_plan(scale=0.25)
    assert Plan.model_validate_json(plan.model_dump_json()).sha256 == plan.sha256
