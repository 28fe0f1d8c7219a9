"""A task of rows with a column of every type."""

import pytest

from hdus_peer.domain.task import Encoding, Feature, FeatureType, Task

LOANS = Task(
    name="loans",
    classes=("no", "yes"),
    shape=(6,),
    scale=1.0,
    mean=(40.0, 0.0, 0.0, 0.0, 0.0, 0.5),
    std=(10.0, 1.0, 1.0, 1.0, 1.0, 0.5),
    seed_architectures=("mlp-s",),
    features=(
        Feature("age", FeatureType.NUMBER),
        Feature("work", FeatureType.CATEGORY, ("public", "private", "none, yet"), Encoding.ONE_HOT),
        Feature("member", FeatureType.BOOLEAN),
        Feature("grade", FeatureType.CATEGORY, ("low", "high"), Encoding.INDEX),
    ),
)


@pytest.fixture
def loans() -> Task:
    return LOANS
