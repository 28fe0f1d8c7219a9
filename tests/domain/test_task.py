"""A task's fingerprint: stable over versions of the program, and different for every difference that matters."""

import dataclasses

from hdus_peer.domain.seed import Parameter
from hdus_peer.domain.task import Encoding, Feature, FeatureType, Task

DIGITS = Task("digits", tuple("0123456789"), (1, 8, 8), 16.0, (0.3,), (0.4,), ("mlp",))


def test_the_fingerprint_never_changes() -> None:
    """Peers of different versions compare it: this value is part of the protocol."""
    assert DIGITS.fingerprint == "4ad467df5ef0be9a1aaab1d933a76a3b62cace18f4f2898883ffd3bddb6b539d"


def test_every_field_is_part_of_it() -> None:
    changes = {
        "name": "other",
        "classes": tuple("1023456789"),  # the order counts
        "shape": (8, 8, 1),
        "scale": 255.0,
        "mean": (0.30000000000000004,),
        "std": (0.5,),
        "seed_architectures": ("mlp", "cnn"),
        "features": (Feature("age", FeatureType.NUMBER),),
    }
    assert set(changes) == {field.name for field in dataclasses.fields(Task)}
    prints = {dataclasses.replace(DIGITS, **{name: value}).fingerprint for name, value in changes.items()}  # type: ignore[arg-type]
    assert len(prints | {DIGITS.fingerprint}) == len(changes) + 1


def test_every_part_of_a_feature_counts_and_so_does_the_order() -> None:
    category = Feature("work", FeatureType.CATEGORY, ("a", "b"), Encoding.ONE_HOT)
    number = Feature("age", FeatureType.NUMBER)
    rows = [
        (number, category),
        (category, number),
        (number, dataclasses.replace(category, values=("b", "a"))),
        (number, dataclasses.replace(category, encoding=Encoding.INDEX)),
        (dataclasses.replace(number, type=FeatureType.BOOLEAN), category),
    ]
    assert len({dataclasses.replace(DIGITS, features=features).fingerprint for features in rows}) == len(rows)
    assert [feature.width for feature in rows[0]] == [1, 2]
    assert rows[3][1].width == 1


def test_the_parameters_that_a_manifest_carries() -> None:
    names = ("channels", "height", "width", "classes")
    assert DIGITS.parameters == tuple(map(Parameter, names, (1, 8, 8, 10)))
    row = dataclasses.replace(DIGITS, shape=(4,))
    assert row.parameters == (Parameter("channels", 4), Parameter("classes", 10))
