"""The keys of a configuration: frozen models, every number bounded, every name ending in its unit.

Rule: under each key stands what it means, in one or two sentences for whoever writes a configuration. They are printed
into the files that `hdus-peer init` writes (`meanings`), and so are the bounds; a test holds that no key is without.
The `description` of a field is something else: what is allowed, where its type does not say it.
"""

import ipaddress
import math
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from hdus_peer.domain.address import split_address
from hdus_peer.domain.combination import Objective, Rho, RuleName

MIB = 1 << 20


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


def _number_or_auto(value: object) -> object:
    """`auto`, or a number from 0 to 1, which the environment brings as text."""
    if value == "auto":
        return value
    try:
        number = float(value)  # type: ignore[arg-type]  # whatever is no number raises
    except (TypeError, ValueError):
        number = math.nan
    if not 0.0 <= number <= 1.0:
        raise ValueError("a number from 0 to 1, or auto")
    return number


ListenAddress = Annotated[str, AfterValidator(_listen_address), Field(description="host:port, with 0 for any free one")]
DialledAddress = Annotated[str, AfterValidator(_dialled_address)]
IpAddress = Annotated[str, AfterValidator(_ip_address)]
FilePath = Annotated[Path, AfterValidator(lambda path: path.expanduser())]
Samples = Annotated[int, Field(ge=0, le=10_000_000)]
Steps = Annotated[int, Field(ge=1, le=1_000_000)]
Batch = Annotated[int, Field(ge=2, le=65_536)]
LearningRate = Annotated[float, Field(gt=0, le=10)]
Threads = Annotated[int, Field(ge=1, le=256)]
SHARD_PATTERN = (
    r"^(all|(drop-class|iid|dirichlet:[0-9]{1,6}(\.[0-9]{1,9})?|by:[^=]+):[0-9]{1,5}/[0-9]{1,5}|by:[^=]+=.+)$"
)
SHARD_FORMS = "all, iid:i/n, drop-class:i/n, dirichlet:ALPHA:i/n, by:COLUMN=VALUE or by:COLUMN:i/n"
MAIN_PATTERN = r"^([a-z0-9-]{1,40}|[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*)$"


class Section(BaseModel):
    """A part of the configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)


class NetworkSection(Section):
    """Where this peer listens and how it finds others."""

    listen: ListenAddress = "[::]:7433"
    """Where other peers reach this one: address and TCP port; port 0 takes any free one. [::] is every address, of IPv4
    too; 0.0.0.0 is the same, without telling others of the IPv6 ones."""
    advertise: Annotated[tuple[IpAddress, ...], BeforeValidator(_split_commas), Field(max_length=8)] = ()
    """The addresses told to others; empty: those of the interfaces."""
    static_peers: Annotated[tuple[DialledAddress, ...], BeforeValidator(_split_commas), Field(max_length=1024)] = ()
    """Other peers to dial, beside those that mDNS finds; one direction is enough."""
    mdns: bool = True
    """Whether other peers are looked for, and told of this one, by multicast DNS."""
    mdns_interfaces: Annotated[tuple[str, ...], BeforeValidator(_split_commas), Field(max_length=64)] = ()
    """Names or addresses of the interfaces for mDNS; empty: all."""
    links_max: Annotated[int, Field(ge=1, le=4096)] = 256
    """Connections to other peers at one time, whoever dialled."""
    neighbours_max: Annotated[int, Field(ge=1, le=256)] = 16
    """How many other peers' seeds this one wants to hold."""


class LimitsSection(Section):
    """What is never exceeded, whoever asks."""

    seed_bytes_max: Annotated[int, Field(ge=1024, le=1024 * MIB)] = 64 * MIB
    """The biggest seed that is fetched from another peer."""
    members_max: Annotated[int, Field(ge=2, le=100_000)] = 256
    """How many other peers' addresses are remembered: those that this peer has most to do with."""
    ballast_bytes: Annotated[int, Field(ge=0, le=1024 * MIB)] = 4 * MIB
    """Disk space kept in reserve, so that an erasure is possible on a full disk."""


class TimingSection(Section):
    """How long is waited for whom. Silence makes a neighbour suspect, then gone."""

    heartbeat_interval_s: Annotated[float, Field(ge=0.05, le=60)] = 2.0
    """How often a link says that it is alive; of many links each less often, 8 times a second in all."""
    suspect_after_s: Annotated[float, Field(ge=0.1, le=300)] = 4.5
    """After so long a silence a neighbour is suspect; at least twice the heartbeat interval."""
    gone_after_s: Annotated[float, Field(ge=0.2, le=900)] = 12.0
    """After so long a silence a neighbour counts as gone; more than suspect_after_s."""
    dial_timeout_s: Annotated[float, Field(ge=0.1, le=60)] = 5.0
    """How long an address has to answer when it is dialled."""
    dial_retry_max_s: Annotated[float, Field(ge=0.5, le=600)] = 15.0
    """The longest pause before an address that did not answer is dialled again."""
    fetch_idle_s: Annotated[float, Field(ge=0.5, le=600)] = 10.0
    """A transfer without a byte for so long is broken off, and resumed later."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not 2 * self.heartbeat_interval_s <= self.suspect_after_s < self.gone_after_s:
            raise ValueError("2 × heartbeat_interval_s ≤ suspect_after_s < gone_after_s")
        return self


class LeaseSection(Section):
    """For how long others may use and hold this peer's seed without hearing from it. Leases are renewed while both are
    in reach; who is cut off for ever forgets by itself."""

    use_s: Annotated[int, Field(ge=60, le=31 * 86_400)] = 7 * 86_400
    """So long after this peer was last in reach, a holder uses its seed no more."""
    hold_s: Annotated[int, Field(ge=60, le=92 * 86_400)] = 14 * 86_400
    """So long after this peer was last in reach, a holder erases its seed; at least use_s."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.use_s > self.hold_s:
            raise ValueError("use_s ≤ hold_s")
        return self


class DataSection(Section):
    """What is learned from."""

    source: Annotated[str, Field(min_length=1, max_length=4096)] = "digits"
    """Where the samples come from: digits, npz:FILE, images:DIR, csv:FILE, parquet:FILE, or a function of your own as
    module:PACKAGE.MODULE:FUNCTION. Behind a table's file: #label=COLUMN; behind an npz: #x=NAME,y=NAME."""
    shard: Annotated[str, Field(pattern=SHARD_PATTERN, max_length=400, description=SHARD_FORMS)] = "all"
    """Which part of the source is this peer's own: all, iid:i/n, drop-class:i/n, dirichlet:ALPHA:i/n, by:COLUMN=VALUE
    or by:COLUMN:i/n."""
    samples: Samples = 0
    """At most so many training samples; 0: all."""
    reference: Annotated[str, Field(max_length=4096)] = ""
    """The unlabelled samples that the seed is distilled on, in the forms of source; empty: the source's own part."""
    reference_samples: Samples = 0
    """At most so many reference samples; 0: all."""
    test: Annotated[str, Field(max_length=4096)] = ""
    """The samples that accuracy is measured on, in the forms of source; empty: the source's own part."""
    test_samples: Samples = 0
    """At most so many test samples; 0: all."""


class TrainSection(Section):
    """Training of the main model: Adam, cosine learning rate, early stopping. Threads, device and random seed decide
    the bits of a model."""

    auto: bool = True
    """Whether a model that is not trained yet is trained at start."""
    main: Annotated[
        str,
        Field(pattern=MAIN_PATTERN, max_length=200, description="a registered architecture, or package.module:factory"),
    ] = "mobilenet-m"
    """The architecture of the main model, which stays on this device; or package.module:factory, code of your own."""
    seed_model: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$", description="a registered architecture")] = (
        "mobilenet-s"
    )
    """The architecture of the seed, which is shared; one that the task of the network allows."""
    random_seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0
    """Decides the first weights and the order of the samples."""
    threads: Threads = 1
    """Threads that training uses; another number gives other bits."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "cpu"
    """Where training runs; auto: the fastest that is there."""
    epochs_max: Annotated[int, Field(ge=1, le=100_000)] = 30
    """At most so many passes over the samples; training stops earlier when nothing is gained."""
    batch: Batch = 16
    """Samples in one step."""
    learning_rate: LearningRate = 0.005
    """The learning rate at its highest; it falls along a cosine."""
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 1e-4
    """The weight decay of the optimiser (Adam)."""
    shards: Annotated[int, Field(ge=1, le=100)] = 1
    """The samples are divided into so many parts by their content, each learned by a model of its own, and the mean of
    the models predicts: to forget some repeats the models of their parts only. Another number gives other bits."""
    slices: Annotated[int, Field(ge=1, le=100)] = 1
    """In so many steps each shard is learned, so that forgetting repeats only what came after the first sample that is
    forgotten. Another number gives other bits."""
    patience: Annotated[int, Field(ge=1, le=100_000)] = 10
    """Training stops after so many epochs without a gain on held-out samples."""


class DistilSection(Section):
    """Distilling the seed from the main model on the reference samples."""

    temperature: Annotated[float, Field(ge=0.1, le=100)] = 3.0
    """Softens the main model's answers, from which the seed learns."""
    steps: Steps = 800
    """Steps of the distillation."""
    batch: Batch = 32
    """Reference samples in one step."""
    learning_rate: LearningRate = 0.02
    """The learning rate of the distillation."""
    shift_pixels: Annotated[int, Field(ge=0, le=4)] = 1
    """So far pictures are moved while the seed learns from them; 0: not at all, as in the paper. Pictures with a side
    of fewer than 16 pixels, and other samples, never are."""


class PredictSection(Section):
    """How main model and seeds are combined: (1 - rho) × own + rho × the seeds, as the rule has it."""

    rule: RuleName = "opinion-pool"
    """How main model and seeds are combined: opinion-pool learns whom to believe about which class, logit-mean is the
    paper's, prob-mean takes the mean of probabilities, entropy weighs members by their confidence, median and
    trimmed-mean bound what a few bad seeds can do."""
    objective: Objective = "local"
    """What opinion-pool and rho = auto aim at: data like this peer's own (local), or all classes of the task alike
    (global)."""
    rho: Annotated[Rho, BeforeValidator(_number_or_auto), Field(description="a number from 0 to 1, or auto")] = "auto"
    """The weight of the seeds: 0 is the main model alone, 1 the seeds alone or, of opinion-pool, everybody together;
    auto: chosen for the objective on this peer's own held-out samples, anew whenever the seeds change."""
    threads: Threads = 1
    """Threads that predictions use; another number may give other bits."""


class LogSection(Section):
    """What is logged, and for whom."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important lines that are logged."""
    form: Literal["human", "json"] = "human"
    """Lines for people, or JSON, one object a line."""


class Config(BaseSettings):
    """Everything that an operator may set. Made by `load_config`; `Config()` is the defaults alone."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        frozen=True, extra="forbid", validate_default=True, enable_decoding=False, allow_inf_nan=False
    )

    state_directory: FilePath = Path("~/.local/state/hdus-peer")
    """This peer's state: identity, ledger, models, seeds. One directory per peer, on a disk of its own device."""
    credentials: FilePath | None = None
    """The credentials file of this peer; needed at the first start only, when it is copied into the state directory."""
    network: NetworkSection = NetworkSection()
    limits: LimitsSection = LimitsSection()
    timing: TimingSection = TimingSection()
    lease: LeaseSection = LeaseSection()
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
