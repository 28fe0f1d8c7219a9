"""Where values come from: a file < the environment < flags, merged key by key, each value with its origin.

Rule: an origin is found in one way, for the sentence of an error as for `hdus-peer config show`.
"""

import enum
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource

from hdus_peer.config.sections import Config
from hdus_peer.errors import ConfigurationError
from hdus_peer.wrong_values import Path as KeyPath
from hdus_peer.wrong_values import sentences

ENVIRONMENT_PREFIX = "HDUS_"
OTHER_VARIABLES = frozenset({"HDUS_DATA_DIR"})
"""Variables of this prefix that are no configuration: where tests and studies find data sets."""
CONFIG_BYTES_MAX = 1 << 20
_DELIMITER = "__"


class Source(enum.StrEnum):
    """What a value can come from; the value is the phrase that names it inside a sentence."""

    DEFAULT = "by default"
    FILE = "in"
    ENVIRONMENT = "from the environment variable"
    FLAG = "given as a flag"
    ANSWER = "as typed"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from. `name`: the file or the variable, "" where there is none."""

    source: Source
    name: str = ""

    def __str__(self) -> str:
        return f"{self.source.value} {self.name}".rstrip()


@dataclass(frozen=True, slots=True)
class Layer:
    """The values of one source, nested by section."""

    origin: Origin
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Layers:
    """All sources, the lowest first."""

    layers: tuple[Layer, ...]

    def config(self) -> Config:
        """Merged and checked. Raises ConfigurationError."""
        merged: dict[str, Any] = {}
        for layer in self.layers:
            merged = _merge(merged, layer.values)
        try:
            return Config(**merged)
        except ValidationError as problem:
            raise ConfigurationError(sentences(problem, Config, lambda path: str(self.origin(path)))) from problem

    def origin(self, path: KeyPath) -> Origin:
        """Where the value that won at `path` came from: the highest layer that has it."""
        won = next((layer.origin for layer in reversed(self.layers) if _has(layer.values, path)), None)
        if won is None:
            return Origin(Source.DEFAULT)
        return Origin(Source.ENVIRONMENT, variable(path)) if won.source == Source.ENVIRONMENT else won


def load_config(file: Path | None, overrides: Mapping[str, object]) -> Config:
    """The configuration from `file` (none: no file), the environment, and `overrides`: flags under dotted keys
    (`{"network.listen": "127.0.0.1:0"}`), where None means "not given". Raises ConfigurationError."""
    return read_layers(file, overrides).config()


def read_layers(file: Path | None, overrides: Mapping[str, object]) -> Layers:
    """The sources of `load_config`, before they are merged and checked. Raises ConfigurationError."""
    return Layers(
        (
            Layer(Origin(Source.FILE, str(file)), _from_file(file) if file else {}),
            Layer(Origin(Source.ENVIRONMENT), _from_environment()),
            Layer(Origin(Source.FLAG), nested(overrides)),
        )
    )


def parse(key: str, text: object, source: Source) -> Any:
    """The value that `text` is under the dotted `key`, whatever else is configured. Raises ConfigurationError."""
    value: Any = Layers((Layer(Origin(source), nested({key: text})),)).config()
    for name in key.split("."):
        value = getattr(value, name)
    return value


def variable(path: KeyPath) -> str:
    """The environment variable of a key."""
    return ENVIRONMENT_PREFIX + _DELIMITER.join(part.upper() for part in path if isinstance(part, str))


def nested(dotted: Mapping[str, object]) -> dict[str, Any]:
    """`{"network.listen": x}` as `{"network": {"listen": x}}`, without what is None."""
    together: dict[str, Any] = {}
    for key, value in dotted.items():
        if value is not None:
            for part in reversed(key.split(".")):
                value = {part: value}
            together = _merge(together, value)  # type: ignore[arg-type]
    return together


def _from_file(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            data = stream.read(CONFIG_BYTES_MAX + 1)
        if len(data) > CONFIG_BYTES_MAX:
            raise ConfigurationError(
                f"{file} is too big for a configuration: at most {CONFIG_BYTES_MAX} bytes are read."
            )
        return tomllib.loads(data.decode("utf-8"))
    except OSError as problem:
        raise ConfigurationError(f"The configuration {file} cannot be read: {problem.strerror}.") from problem
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise ConfigurationError(f"{file} is no TOML: {problem}. Correct that line.") from problem


def _from_environment() -> dict[str, Any]:
    ours = [name for name in os.environ if name.upper().startswith(ENVIRONMENT_PREFIX)]
    names = [name for name in ours if name not in OTHER_VARIABLES]
    for name in names:
        first = name[len(ENVIRONMENT_PREFIX) :].lower().split(_DELIMITER)[0]
        if first not in Config.model_fields:
            known = ", ".join(sorted(Config.model_fields))
            raise ConfigurationError(
                f"There is no key {first} (from the environment variable {name}); known here: {known}. Unset it."
            )
    source = EnvSettingsSource(Config, env_prefix=ENVIRONMENT_PREFIX, env_nested_delimiter=_DELIMITER)
    found: dict[str, Any] = source()
    return found


def _merge(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(lower)
    for key, value in upper.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _has(layer: Any, path: KeyPath) -> bool:
    for part in path:
        if not isinstance(layer, Mapping):
            return True
        if part not in layer:
            return False
        layer = layer[part]
    return True
