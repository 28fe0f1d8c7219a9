from pathlib import Path

import pytest

from hdus_peer.admission.task_file import parse_task, preset_names, task_text
from hdus_peer.cli.network import create
from hdus_peer.domain.task import Encoding, Feature, FeatureType
from hdus_peer.errors import ConfigurationError

GOOD = """
name = "pets"
classes = ["cat", "dog"]
shape = [3, 32, 32]
scale = 255.0
mean = [0.5, 0.5, 0.5]
std = [0.2, 0.2, 0.2]
seed_architectures = ["mobilenet-s"]
"""


def test_a_task_keeps_the_order_of_its_classes() -> None:
    task = parse_task(GOOD, "task.toml")
    assert task.classes == ("cat", "dog")
    assert (task.shape, task.scale, task.seed_architectures) == ((3, 32, 32), 255.0, ("mobilenet-s",))


def test_whole_numbers_and_decimals_give_one_fingerprint() -> None:
    assert parse_task(GOOD.replace("255.0", "255"), "x").fingerprint == parse_task(GOOD, "x").fingerprint


@pytest.mark.parametrize("name", preset_names())
def test_presets_are_tasks(name: str) -> None:
    task = parse_task(task_text(name), name)
    assert task.name == name
    assert len(task.mean) == len(task.std) == task.shape[0]


def test_the_presets_are_those_that_the_help_names() -> None:
    assert preset_names() == ("adult", "cifar10", "digits", "ecg5000", "fashion-mnist", "har", "mnist")
    assert all(name in create.help for name in preset_names())  # type: ignore[operator]
    assert parse_task(task_text("digits"), "digits").shape == (1, 8, 8)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('["cat", "dog"]', '["cat"]', r"classes = \['cat'\].*2 to 10000"),
        ('["cat", "dog"]', '["cat", "cat"]', "every class once"),
        ('["cat", "dog"]', '["cat", ""]', "2 to 10000"),
        ('["cat", "dog"]', "[1, 2]", "2 to 10000"),
        ("[3, 32, 32]", "[]", "1 to 3 sizes"),
        ("[3, 32, 32]", "[3, 32, 32, 1]", "1 to 3 sizes"),
        ("[3, 32, 32]", "[3, 0, 32]", r"shape\.1 = 0.*1 to 3 sizes"),
        ("[3, 32, 32]", "[3, 4097, 32]", r"shape\.1 = 4097.*1 to 3 sizes"),
        ("[3, 32, 32]", "[4, 4096, 4096]", "at most 16777216 values"),
        ("255.0", "0", "scale = 0 .*above 0 to 1000000000"),
        ("255.0", "nan", "scale = nan"),
        ("255.0", "'x'", "scale = 'x'"),
        ("[0.5, 0.5, 0.5]", "[0.5]", "3 numbers each"),
        ("[0.2, 0.2, 0.2]", "[0.2, 0.2]", "3 numbers each"),
        ("[0.2, 0.2, 0.2]", "[0.2, 0.0, 0.2]", r"std\.1 = 0\.0.*above 0"),
        ('["mobilenet-s"]', "[]", "1 to 64 names"),
        ('["mobilenet-s"]', '["Bad_Name"]', "1 to 64 names"),
        ('["mobilenet-s"]', '["a", "a"]', "every architecture once"),
        ('name = "pets"', 'name = "my pets"', "1 to 40 letters"),
        ('name = "pets"', "", "name is missing"),
        ("mean = [0.5, 0.5, 0.5]", "", "mean is missing"),
        ("shape = [3, 32, 32]", "", "shape is missing"),
        ("shape = [3, 32, 32]", "shape = [3, 32, 32]\nfeatures = []", "features = .*at least 1 item"),
        ('name = "pets"', 'name = "pets"\nscael = 1', "no key scael .*did you mean scale"),
        ('name = "pets"', "name = pets", "is no TOML"),
    ],
)
def test_a_wrong_task_names_key_value_and_what_is_allowed(old: str, new: str, sentence: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        parse_task(GOOD.replace(old, new), "pets.toml")
    assert "pets.toml" in str(caught.value)


ROWS = """
name = "loans"
classes = ["no", "yes"]
seed_architectures = ["mlp-s"]

[[features]]
name = "age"
type = "number"
mean = 40.0
std = 12.0

[[features]]
name = "work"
type = "category"
values = ["public", "private", "none"]

[[features]]
name = "member"
type = "boolean"

[[features]]
name = "grade"
type = "category"
values = ["low", "high"]
encoding = "index"
mean = 0.5
std = 0.5
"""


def test_a_table_has_features_from_which_the_rest_follows() -> None:
    task = parse_task(ROWS, "task.toml")
    assert (task.shape, task.scale) == ((6,), 1.0)
    assert task.mean == (40.0, 0.0, 0.0, 0.0, 0.0, 0.5)
    assert task.std == (12.0, 1.0, 1.0, 1.0, 1.0, 0.5)
    assert task.features == (
        Feature("age", FeatureType.NUMBER),
        Feature("work", FeatureType.CATEGORY, ("public", "private", "none"), Encoding.ONE_HOT),
        Feature("member", FeatureType.BOOLEAN),
        Feature("grade", FeatureType.CATEGORY, ("low", "high"), Encoding.INDEX),
    )


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('classes = ["no"', 'shape = [6]\nclasses = ["no"', "features without shape"),
        ('classes = ["no"', 'scale = 2.0\nclasses = ["no"', "features without scale"),
        ('"boolean"', '"bool"', r"features\.2\.type = 'bool'.*'number', 'boolean' or 'category'"),
        ('"boolean"', '"boolean"\nvalues = ["a", "b"]', "for the type 'category' only, and member is a boolean"),
        ('["public", "private", "none"]', '["public"]', "values of work: two or more"),
        ('["public", "private", "none"]', '["a", "a"]', "values of work: .*every value once"),
        ('["public", "private", "none"]', '["a", "b"]\nmean = 1.0', "mean and std of work"),
        ('values = ["public", "private", "none"]', "", "values of work: two or more"),
        ('name = "member"', 'name = "age"', "'age' is there twice"),
        ('name = "member"', 'name = ""', r"features\.2\.name = ''.*1 to 80 characters"),
        ("std = 12.0", "std = 0.0", r"features\.0\.std = 0\.0.*above 0"),
        ("std = 12.0", "sdt = 12.0", "no key features.0.sdt"),
        ('"index"', '"binary"', "'one-hot' or 'index'"),
    ],
)
def test_wrong_features_are_named(old: str, new: str, sentence: str) -> None:
    assert old in ROWS
    with pytest.raises(ConfigurationError, match=sentence):
        parse_task(ROWS.replace(old, new), "loans.toml")


def test_a_table_is_not_wider_than_a_model_takes() -> None:
    values = ", ".join(f'"{number}"' for number in range(4096))
    with pytest.raises(ConfigurationError, match="at most 4096 numbers"):
        parse_task(ROWS.replace('"public", "private", "none"', values), "loans.toml")


def test_a_file_is_read_and_checked(tmp_path: Path) -> None:
    file = tmp_path / "task.toml"
    file.write_text(GOOD)
    assert task_text(str(file)) == GOOD
    file.write_text(GOOD.replace("255.0", "-1"))
    with pytest.raises(ConfigurationError, match=r"scale = -1"):
        task_text(str(file))


def test_neither_preset_nor_file_names_the_presets() -> None:
    with pytest.raises(ConfigurationError, match=r"neither a preset \(adult, cifar10, digits.*nor a file"):
        task_text("digitz")


def test_unreadable_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b'name = "\xe4"')
    with pytest.raises(ConfigurationError, match="no text in UTF-8"):
        task_text(str(tmp_path / "latin"))
    (tmp_path / "big").write_bytes(b"#" * (2 << 20))
    with pytest.raises(ConfigurationError, match="too big"):
        task_text(str(tmp_path / "big"))
