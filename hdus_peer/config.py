"""Configuration of a peer: a TOML file < environment `HDUS_*` < flags, checked once, frozen, every number bounded.

Rules
1. A section is a frozen model; every number states its bounds, every name ends in its unit. What is not known is an
   error, in the file as in the environment: a misspelt limit must not silently be the default one.
2. An error names key, value, where the value came from and what is allowed.
3. In the environment `__` parts section and key (`HDUS_TIMING__HEARTBEAT_INTERVAL_S=2`); lists are written with commas.
4. Importing this costs about 0.1 s: commands that only talk to a daemon do without it.

Absent on purpose: the task (it travels in the credentials) and anything secret.
"""

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from hdus_peer.domain.address import split_address
from hdus_peer.errors import ConfigurationError
from hdus_peer.wrong_values import Path as KeyPath
from hdus_peer.wrong_values import sentences

ENVIRONMENT_PREFIX = "HDUS_"
OTHER_VARIABLES = frozenset({"HDUS_DATA_DIR"})
"""Variables of this prefix that are no configuration: where tests and studies find data sets."""
CONFIG_BYTES_MAX = 1 << 20
MIB = 1 << 20
_DELIMITER = "__"
_ENVIRONMENT = "from the environment"


def _split_commas(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _listen_address(text: str) -> str:
    split_address(text)
    return text


def _dialled_address(text: str) -> str:
    if split_address(text)[1] == 0:
        raise ValueError("host:port, with a port from 1 to 65535")
    return text


def _ip_address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as problem:
        raise ValueError("IPv4 or IPv6 addresses without a port, such as 192.0.2.7") from problem


ListenAddress = Annotated[str, AfterValidator(_listen_address)]
DialledAddress = Annotated[str, AfterValidator(_dialled_address)]
IpAddress = Annotated[str, AfterValidator(_ip_address)]
Architecture = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
FilePath = Annotated[Path, AfterValidator(lambda path: path.expanduser())]
Share = Annotated[float, Field(ge=0, le=1)]
Samples = Annotated[int, Field(ge=0, le=10_000_000)]
Steps = Annotated[int, Field(ge=1, le=1_000_000)]
Batch = Annotated[int, Field(ge=2, le=65_536)]
LearningRate = Annotated[float, Field(gt=0, le=10)]
Threads = Annotated[int, Field(ge=1, le=256)]
SHARD_PATTERN = r"^(all|(drop-class|iid):\d{1,5}/\d{1,5})$"


class Section(BaseModel):
    """A part of the configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)


class NetworkSection(Section):
    """Where this peer listens and how it finds others. `advertise`: the addresses told to others (by default those of
    the interfaces); `mdns_interfaces`: names or addresses of interfaces (by default all)."""

    listen: ListenAddress = "0.0.0.0:7433"
    advertise: Annotated[tuple[IpAddress, ...], BeforeValidator(_split_commas), Field(max_length=8)] = ()
    static_peers: Annotated[tuple[DialledAddress, ...], BeforeValidator(_split_commas), Field(max_length=1024)] = ()
    mdns: bool = True
    mdns_interfaces: Annotated[tuple[str, ...], BeforeValidator(_split_commas), Field(max_length=64)] = ()
    links_max: Annotated[int, Field(ge=1, le=4096)] = 256
    neighbours_max: Annotated[int, Field(ge=1, le=256)] = 16


class LimitsSection(Section):
    """What is never exceeded, whoever asks. `ballast_bytes` is disk space kept so that erasing never fails."""

    seed_bytes_max: Annotated[int, Field(ge=1024, le=1024 * MIB)] = 64 * MIB
    members_max: Annotated[int, Field(ge=2, le=100_000)] = 10_000
    ballast_bytes: Annotated[int, Field(ge=0, le=1024 * MIB)] = 4 * MIB


class TimingSection(Section):
    """How long is waited for whom. Silence makes a neighbour suspect, then gone."""

    heartbeat_interval_s: Annotated[float, Field(ge=0.05, le=60)] = 2.0
    suspect_after_s: Annotated[float, Field(ge=0.1, le=300)] = 4.5
    gone_after_s: Annotated[float, Field(ge=0.2, le=900)] = 12.0
    dial_timeout_s: Annotated[float, Field(ge=0.1, le=60)] = 5.0
    dial_retry_max_s: Annotated[float, Field(ge=0.5, le=600)] = 15.0
    fetch_idle_s: Annotated[float, Field(ge=0.5, le=600)] = 10.0

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not 2 * self.heartbeat_interval_s <= self.suspect_after_s < self.gone_after_s:
            raise ValueError("2 × heartbeat_interval_s ≤ suspect_after_s < gone_after_s")
        return self


class DataSection(Section):
    """What is learned from. `samples` and its like: at most so many (0: all). An empty `reference` or `test` means the
    source's own part."""

    source: Annotated[str, Field(min_length=1, max_length=4096)] = "digits"
    shard: Annotated[str, Field(pattern=SHARD_PATTERN, description="all, drop-class:i/n or iid:i/n")] = "all"
    samples: Samples = 0
    reference: Annotated[str, Field(max_length=4096)] = ""
    reference_samples: Samples = 0
    test: Annotated[str, Field(max_length=4096)] = ""
    test_samples: Samples = 0


class TrainSection(Section):
    """Training of the main model: Adam, cosine learning rate, early stopping. `auto`: train at start. Threads, device
    and random seed decide the bits of a model."""

    auto: bool = True
    main: Annotated[Architecture, Field(description="a registered architecture")] = "mobilenet-m"
    seed_model: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$", description="a registered architecture")] = (
        "mobilenet-s"
    )
    random_seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0
    threads: Threads = 1
    device: Literal["auto", "cpu", "cuda", "mps"] = "cpu"
    epochs_max: Annotated[int, Field(ge=1, le=100_000)] = 30
    batch: Batch = 16
    learning_rate: LearningRate = 0.005
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 1e-4
    patience: Annotated[int, Field(ge=1, le=100_000)] = 10


class DistilSection(Section):
    """Distilling the seed from the main model on the reference samples."""

    temperature: Annotated[float, Field(ge=0.1, le=100)] = 3.0
    steps: Steps = 800
    batch: Batch = 32
    learning_rate: LearningRate = 0.02


class PredictSection(Section):
    """How main model and seeds are combined: (1 - rho) × own + rho × mean of the seeds."""

    rule: Literal["logit-mean", "prob-mean"] = "logit-mean"
    rho: Share = 0.5
    threads: Threads = 1


class LogSection(Section):
    """What is logged, and for whom."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    form: Literal["human", "json"] = "human"


class Config(BaseSettings):
    """Everything that an operator may set. Made by `load_config`; `Config()` is the defaults alone."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        frozen=True, extra="forbid", validate_default=True, enable_decoding=False, allow_inf_nan=False
    )

    state_directory: FilePath = Path("~/.local/state/hdus-peer")
    credentials: FilePath | None = None
    network: NetworkSection = NetworkSection()
    limits: LimitsSection = LimitsSection()
    timing: TimingSection = TimingSection()
    data: DataSection = DataSection()
    train: TrainSection = TrainSection()
    distil: DistilSection = DistilSection()
    predict: PredictSection = PredictSection()
    log: LogSection = LogSection()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is handed over alone: `load_config` reads the sources, so that it can say where a value came from."""
        return (init_settings,)


def load_config(file: Path | None, overrides: Mapping[str, object]) -> Config:
    """The configuration from `file` (none: no file), the environment, and `overrides`: flags under dotted keys
    (`{"network.listen": "127.0.0.1:0"}`), where None means "not given". Raises ConfigurationError."""
    layers = (
        (f"in {file}", _from_file(file) if file else {}),
        (_ENVIRONMENT, _from_environment()),
        ("given as a flag", _from_flags(overrides)),
    )
    merged: dict[str, Any] = {}
    for _, layer in layers:
        merged = _merge(merged, layer)
    try:
        return Config(**merged)
    except ValidationError as problem:
        text = sentences(problem, Config, lambda path: _origin(path, layers))
        raise ConfigurationError(text) from problem


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


def _from_flags(overrides: Mapping[str, object]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in overrides.items():
        if value is not None:
            for part in reversed(key.split(".")):
                value = {part: value}
            nested = _merge(nested, value)  # type: ignore[arg-type]
    return nested


def _merge(lower: dict[str, Any], upper: dict[str, Any]) -> dict[str, Any]:
    merged = dict(lower)
    for key, value in upper.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _origin(path: KeyPath, layers: tuple[tuple[str, dict[str, Any]], ...]) -> str:
    """Where the value that won at `path` came from: the highest layer that has it."""
    where = next((where for where, layer in reversed(layers) if _has(layer, path)), "by default")
    if where != _ENVIRONMENT:
        return where
    names = [part.upper() for part in path if isinstance(part, str)]
    return f"{_ENVIRONMENT} variable {ENVIRONMENT_PREFIX}{_DELIMITER.join(names)}"


def _has(layer: Any, path: KeyPath) -> bool:
    for part in path:
        if not isinstance(layer, dict):
            return True
        if part not in layer:
            return False
        layer = layer[part]
    return True
