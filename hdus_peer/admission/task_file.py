"""task.toml: what a network learns, written by people, checked and bounded before it becomes a `Task`.

Rules
1. A task is read from here or from a credentials file, never inferred from anybody's data.
2. A task of rows lists its `[[features]]`, each with its own mean and standard deviation; shape, scale, mean and std
   follow from them, and are not given beside them: one way to say each thing.
Presets are files of the same form, shipped in `presets/`.
Absent on purpose: whether a seed architecture exists. Its registry belongs to `learning`.
"""

import math
import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from hdus_peer.domain.task import Encoding, Feature, FeatureType, Task
from hdus_peer.errors import ConfigurationError
from hdus_peer.written_text import read_written
from hdus_peer.wrong_values import sentences

SAMPLE_VALUES_MAX = 1 << 24
WIDTH_MAX = 4096
FEATURES_MAX = 4096
_OF_CHANNELS = ("shape", "scale", "mean", "std")
_PRESETS = resources.files("hdus_peer.admission").joinpath("presets")

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}"

Name = Annotated[str, StringConstraints(pattern=f"^{_NAME}$")]
ClassName = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,80}$")]
ColumnName = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,80}$")]
CellText = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,80}$")]
Architecture = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,40}$")]
Axis = Annotated[int, Field(ge=1, le=4096)]
Mean = Annotated[float, Field(ge=-1e9, le=1e9)]
Deviation = Annotated[float, Field(gt=0, le=1e9)]


class FeatureEntry(BaseModel):
    """One `[[features]]` of a task.toml. `values` and `encoding` are a category's; `mean` and `std` belong to what
    becomes one number, which a one-hot category does not."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: ColumnName = Field(description="the column's name, 1 to 80 characters")
    type: FeatureType
    values: tuple[CellText, ...] = Field(
        default=(), max_length=4096, description="the 2 to 4096 different values of a category, in order"
    )
    encoding: Encoding = Encoding.ONE_HOT
    mean: Mean = 0.0
    std: Deviation = 1.0

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        is_category = self.type is FeatureType.CATEGORY
        if not is_category and self.model_fields_set & {"values", "encoding"}:
            raise ValueError(f"values and encoding for the type 'category' only, and {self.name} is a {self.type}")
        if is_category and (len(self.values) < 2 or len(set(self.values)) != len(self.values)):
            raise ValueError(f"values of {self.name}: two or more, every value once")
        if is_category and self.encoding is Encoding.ONE_HOT and self.model_fields_set & {"mean", "std"}:
            raise ValueError(f"mean and std of {self.name}: only for numbers, booleans and encoding = 'index'")
        return self

    def feature(self) -> Feature:
        """As the task carries it."""
        encoding = self.encoding if self.type is FeatureType.CATEGORY else Encoding.INDEX
        return Feature(self.name, self.type, self.values, encoding)


class TaskFile(BaseModel):
    """The keys of a task.toml: either `features`, or shape, scale, mean and std."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: Name = Field(description="1 to 40 letters, digits, '.', '_' or '-'")
    classes: tuple[ClassName, ...] = Field(
        min_length=2, max_length=10_000, description="2 to 10000 different names of at most 80 characters, in order"
    )
    shape: tuple[Axis, ...] = Field(
        default=(),
        min_length=1,
        max_length=3,
        description="1 to 3 sizes from 1 to 4096, channels first, such as [1, 28, 28]",
    )
    scale: float = Field(default=1.0, gt=0, le=1e9)
    mean: tuple[Mean, ...] = Field(default=(), description="one number per channel")
    std: tuple[Deviation, ...] = Field(default=(), description="one number above 0 per channel")
    seed_architectures: tuple[Architecture, ...] = Field(
        min_length=1, max_length=64, description="1 to 64 names of seed architectures, such as ['mobilenet-s']"
    )
    features: tuple[FeatureEntry, ...] = Field(default=(), min_length=1, max_length=FEATURES_MAX)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("classes: every class once")
        if len(set(self.seed_architectures)) != len(self.seed_architectures):
            raise ValueError("seed_architectures: every architecture once")
        self._check_features() if self.features else self._check_channels()
        return self

    def _check_channels(self) -> None:
        for key in _OF_CHANNELS:
            if key not in self.model_fields_set:
                raise ValueError(f"{key} is missing (a task of rows has [[features]] instead)")
        channels = self.shape[0]
        if math.prod(self.shape) > SAMPLE_VALUES_MAX:
            raise ValueError(f"shape: at most {SAMPLE_VALUES_MAX} values in one sample")
        if len(self.mean) != channels or len(self.std) != channels:
            raise ValueError(f"mean and std: {channels} numbers each, one per channel of shape")

    def _check_features(self) -> None:
        given = [key for key in _OF_CHANNELS if key in self.model_fields_set]
        if given:
            raise ValueError(f"features without {given[0]}: shape, scale, mean and std follow from the features")
        names = [entry.name for entry in self.features]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"features: every column once, and {twice!r} is there twice")
        if sum(entry.feature().width for entry in self.features) > WIDTH_MAX:
            raise ValueError(f"features: at most {WIDTH_MAX} numbers in one sample")

    def task(self) -> Task:
        """The task that is meant; of features, every number of a sample is a channel."""
        columns = [(entry.feature(), entry) for entry in self.features]
        spread = [entry for feature, entry in columns for _ in range(feature.width)]
        return Task(
            name=self.name,
            classes=self.classes,
            shape=(len(spread),) if columns else self.shape,
            scale=self.scale,
            mean=tuple(entry.mean for entry in spread) if columns else self.mean,
            std=tuple(entry.std for entry in spread) if columns else self.std,
            seed_architectures=self.seed_architectures,
            features=tuple(feature for feature, _ in columns),
        )


def is_name(text: str) -> bool:
    """Whether `text` may name a network, a member or a task."""
    return re.fullmatch(_NAME, text, re.ASCII) is not None


def parse_task(text: str, where: str) -> Task:
    """The task in the text of a task.toml; `where` names it in errors. Raises ConfigurationError."""
    try:
        fields = TaskFile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as problem:
        raise ConfigurationError(f"{where} is no TOML: {problem}. Correct that line.") from problem
    except ValidationError as problem:
        raise ConfigurationError(sentences(problem, TaskFile, lambda _path: f"in {where}")) from problem
    return fields.task()


def preset_names() -> tuple[str, ...]:
    """The tasks that come with the product."""
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in _PRESETS.iterdir() if entry.name[-5:] == ".toml"))


def task_text(preset_or_file: str) -> str:
    """The text of a preset's or a user's task.toml, checked. Raises ConfigurationError."""
    if preset_or_file in preset_names():
        return _PRESETS.joinpath(f"{preset_or_file}.toml").read_text(encoding="utf-8")
    text = read_written(Path(preset_or_file).expanduser(), "task", preset_names())
    parse_task(text, preset_or_file)
    return text
