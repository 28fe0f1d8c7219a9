"""task.toml: what a network learns, written by people, checked and bounded before it becomes a `Task`.

Rule: a task is read from here or from a credentials file, never inferred from anybody's data.
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

from hdus_peer.domain.task import Task
from hdus_peer.errors import ConfigurationError
from hdus_peer.wrong_values import sentences

TASK_BYTES_MAX = 1 << 20
SAMPLE_VALUES_MAX = 1 << 24
_PRESETS = resources.files("hdus_peer.admission").joinpath("presets")

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}"

Name = Annotated[str, StringConstraints(pattern=f"^{_NAME}$")]
ClassName = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,80}$")]
Architecture = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,40}$")]
Axis = Annotated[int, Field(ge=1, le=4096)]
Mean = Annotated[float, Field(ge=-1e9, le=1e9)]
Deviation = Annotated[float, Field(gt=0, le=1e9)]


class TaskFile(BaseModel):
    """The keys of a task.toml, every one of them needed."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: Name = Field(description="1 to 40 letters, digits, '.', '_' or '-'")
    classes: tuple[ClassName, ...] = Field(
        min_length=2, max_length=10_000, description="2 to 10000 different names of at most 80 characters, in order"
    )
    shape: tuple[Axis, ...] = Field(
        min_length=1, max_length=3, description="1 to 3 sizes from 1 to 4096, channels first, such as [1, 28, 28]"
    )
    scale: float = Field(gt=0, le=1e9)
    mean: tuple[Mean, ...] = Field(description="one number per channel")
    std: tuple[Deviation, ...] = Field(description="one number above 0 per channel")
    seed_architectures: tuple[Architecture, ...] = Field(
        min_length=1, max_length=64, description="1 to 64 names of seed architectures, such as ['mobilenet-s']"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        channels = self.shape[0]
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("classes: every class once")
        if len(set(self.seed_architectures)) != len(self.seed_architectures):
            raise ValueError("seed_architectures: every architecture once")
        if math.prod(self.shape) > SAMPLE_VALUES_MAX:
            raise ValueError(f"shape: at most {SAMPLE_VALUES_MAX} values in one sample")
        if len(self.mean) != channels or len(self.std) != channels:
            raise ValueError(f"mean and std: {channels} numbers each, one per channel of shape")
        return self


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
    return Task(**{name: getattr(fields, name) for name in TaskFile.model_fields})


def preset_names() -> tuple[str, ...]:
    """The tasks that come with the product."""
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in _PRESETS.iterdir() if entry.name[-5:] == ".toml"))


def task_text(preset_or_file: str) -> str:
    """The text of a preset's or a user's task.toml, checked. Raises ConfigurationError."""
    if preset_or_file in preset_names():
        return _PRESETS.joinpath(f"{preset_or_file}.toml").read_text(encoding="utf-8")
    text = _read(Path(preset_or_file).expanduser())
    parse_task(text, preset_or_file)
    return text


def _read(path: Path) -> str:
    presets = ", ".join(preset_names())
    try:
        with path.open("rb") as stream:
            data = stream.read(TASK_BYTES_MAX + 1)
        if len(data) > TASK_BYTES_MAX:
            raise ConfigurationError(f"{path} is too big for a task: at most {TASK_BYTES_MAX} bytes are read.")
        return data.decode("utf-8")
    except OSError as problem:
        sentence = f"The task {str(path)!r} is neither a preset ({presets}) nor a file that can be read"
        raise ConfigurationError(f"{sentence}: {problem.strerror}.") from problem
    except UnicodeDecodeError as problem:
        raise ConfigurationError(f"{path} is no text in UTF-8. Save it as UTF-8.") from problem
