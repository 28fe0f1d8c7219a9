"""A study of seconds: three peers, perceptrons, a few epochs on the digits."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hdus_peer.study.lessons import School
from hdus_peer.study.plan import Plan
from hdus_peer.study.setting import Place, Setting

TINY: dict[str, Any] = {
    "name": "tiny",
    "partitions": ["drop-class"],
    "peers": 3,
    "mains": ["mlp", "mlp-s"],
    "seed_model": "mlp-s",
    "random_seeds": [0, 1],
    "sequence": ["leave 2", "join 2", "forget 0"],
    "data": {"task": "digits", "source": "digits", "samples": 120, "reference_samples": 100, "test_samples": 80},
    "schedule": {"epochs": 2, "batch": 16},
    "distillation": {"steps": 10, "batch": 32},
    "systems": {
        "isgd": {"mains": ["own", "mlp-s"]},
        "hdus": {"rules": ["logit-mean", "prob-mean"], "rho": ["auto", 0.0, 0.5]},
        "sisa_a": {},
        "fedunl": {"mains": ["mlp-s"], "local_epochs": 1, "repair_steps": 8},
        "dsgd": {"mains": ["mlp-s"]},
    },
}

MakePlan = Callable[..., Plan]
MakeSchool = Callable[..., School]


@pytest.fixture
def make_plan() -> MakePlan:
    """The tiny plan with any section or key replaced."""
    return lambda **fields: Plan.model_validate({**TINY, **fields})


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(data=tmp_path, models=tmp_path / "models", device="cpu")


@pytest.fixture
def make_school(make_plan: MakePlan, place: Place) -> MakeSchool:
    """The school of the tiny plan's first setting."""

    def make(random_seed: int = 0, **fields: Any) -> School:
        plan = make_plan(**fields)
        return School(Setting(plan, plan.partitions[0], random_seed), place)

    return make
