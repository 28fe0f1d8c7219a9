"""What the control service asks of a running daemon, in frozen values: no gRPC, no sockets here.

Rules
1. Whoever reads a value needs no second call to understand it; a unit stands last in every name.
2. Nothing secret and nothing of a payload is ever in one of these values: hashes, names and numbers only.
3. A caller that goes away stops nothing: a leave or a training that was begun goes on.

`ControlledDaemon` is implemented by `hdus_peer.daemon`, and in memory by the tests. Errors are those of
`hdus_peer.errors`; the service carries them to the caller unchanged.
"""

import enum
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.task import Task
from hdus_peer.workers.port import EnsembleState, Evaluation, Prediction

DATASETS = ("local", "global", "holdout")
LEVELS = ("debug", "info", "warning", "error")


class TrainingState(enum.StrEnum):
    """What the trainer child is about. IDLE: nothing was asked of it since the start, and nothing is finished;
    DONE: the main model answers and its seed is published."""

    IDLE = "idle"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class TrainingStatus:
    """`stage` and `fraction` (0..1 of that stage) as the trainer child reports them; `detail`: one line for people,
    for FAILED the sentence of the error."""

    state: TrainingState
    stage: str
    fraction: float
    detail: str


@dataclass(frozen=True, slots=True)
class ModelView:
    """A model's architecture and its number of parameters (0 until it is trained)."""

    architecture: str
    parameters: int


@dataclass(frozen=True, slots=True)
class LinkCounts:
    """Other members known to this peer, by how lately each was heard."""

    alive: int
    suspect: int
    gone: int


@dataclass(frozen=True, slots=True)
class HolderErasure:
    """A holder of the leaver's seed. `confirmed`: its ledger entry is closed; `after_ms`: from the notice's commit to
    that moment (-1 while open, and where it was closed before the notice); `erased`: payload hashes (hex) that its
    receipt names; `hold_until_s`: when its lease ends (Unix s), so that it erases by itself, 0: no lease is known;
    `state`: "alive", "suspect" or "gone"; `cloned`: it runs on two devices, so that its answer does not count;
    `revoked`: the authority put it out, so that it answers nobody."""

    peer: PeerId
    name: str
    confirmed: bool
    closed_by: str
    after_ms: int
    erased: tuple[str, ...]
    hold_until_s: int = 0
    state: str = "gone"
    cloned: bool = False
    revoked: bool = False

    @property
    def is_counted(self) -> bool:
        return self.confirmed and not self.cloned


@dataclass(frozen=True, slots=True)
class PendingNotice:
    """My latest notice, while somebody has not answered it, or nobody else is known to have it yet. `holders`: of
    whom the notice asks an answer; those `pending` have not given one that counts."""

    kind: str
    through: int
    issued_at_s: int
    holders: tuple[HolderErasure, ...]

    @property
    def pending(self) -> tuple[HolderErasure, ...]:
        return tuple(holder for holder in self.holders if not holder.is_counted)


@dataclass(frozen=True, slots=True)
class OwedAnswers:
    """Answers that lie here for `owner`, until it says that it has them. `kind`: "receipt" or "release", which this
    peer owes as a holder, or "mail", receipts of other holders; `state`: of the owner, "alive", "suspect" or "gone";
    `oldest_s`: the date of the oldest (Unix s)."""

    kind: str
    owner: PeerId
    name: str
    state: str
    count: int
    oldest_s: int


@dataclass(frozen=True, slots=True)
class Offender:
    """A peer of whom something was dropped since the daemon started. `refusals`: how often, by reason. A few of
    "unreachable" or "gone" are ordinary life; thousands are not."""

    peer: PeerId
    name: str
    refusals: dict[str, int]


@dataclass(frozen=True, slots=True)
class PeerStatus:
    """A peer at one instant. `generation`: of the seed that it serves (0: none yet); `holders`: members that hold, or
    may hold, a seed of this peer; `notices`: my own that not everybody has answered; `owed`: answers to the notices of
    others that their owners do not have yet; `refusals`: what was dropped, counted by reason; `offenders`: from whom it
    came, the latest first, a few of them; `not_after_s`: until when (Unix seconds) its credentials are valid;
    `exports_outliving`: exported files that hold a seed which was unlearned since."""

    peer: PeerId
    name: str
    network: str
    task: str
    phase: str
    generation: int
    address: str
    pid: int
    uptime_s: float
    main: ModelView
    seed: ModelView
    training: TrainingStatus
    ensemble: EnsembleState
    seeds_held: int
    links: LinkCounts
    holders: int
    notices: tuple[PendingNotice, ...]
    owed: tuple[OwedAnswers, ...]
    refusals: dict[str, int]
    offenders: tuple[Offender, ...]
    not_after_s: int
    exports_outliving: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PeerView:
    """Another member. `state`: "alive", "suspect" or "gone"; `dialled`: this side opened the link; `generation`: of
    the seed that it announced (0: none); `held`: this peer holds its seed; `holds_mine`: it holds a seed of this
    peer; `cloned`: two devices run under its identity; `heard_ms`: since it was last heard, -1 for never;
    `equivocated`: the generation under which it was proved to have signed two payloads, 0 for never."""

    peer: PeerId
    name: str
    state: str
    address: str
    dialled: bool
    generation: int
    held: bool
    holds_mine: bool
    cloned: bool
    heard_ms: int
    equivocated: int = 0


@dataclass(frozen=True, slots=True)
class SeedView:
    """A seed that this peer holds. `payload_sha256`: hex, of the sealed payload, and the name of its file under
    `seeds/` and `keys/`; `confirmed`: its owner renewed it since this daemon started, and its lease is not over, so
    that it is in use; for how long it may still be used and held without hearing from its owner."""

    owner: PeerId
    name: str
    architecture: str
    generation: int
    payload_bytes: int
    payload_sha256: str
    confirmed: bool
    use_left_s: int
    hold_left_s: int


@dataclass(frozen=True, slots=True)
class HolderView:
    """A row of the holder ledger. `closed_by`: "" while open, else "receipt", "release" or "departure"."""

    peer: PeerId
    name: str
    generation: int
    state: str
    issued_at_s: int
    hold_until_s: int
    closed_by: str


@dataclass(frozen=True, slots=True)
class UnlearnProgress:
    """How far a leave is, or the erasure of what was learned from forgotten samples. `finished`: nothing more is waited
    for; after a leave the daemon then ends by itself. `certificate`: the file that proves it, as far as it is."""

    phase: str
    through: int
    holders: tuple[HolderErasure, ...]
    finished: bool
    certificate: str = ""

    @property
    def confirmed(self) -> int:
        return sum(holder.is_counted for holder in self.holders)

    @property
    def pending(self) -> tuple[HolderErasure, ...]:
        return tuple(holder for holder in self.holders if not holder.is_counted)


@dataclass(frozen=True, slots=True)
class ClassCount:
    """How many samples of a class."""

    name: str
    samples: int


@dataclass(frozen=True, slots=True)
class SelectionView:
    """Own samples that were chosen to be forgotten, and are not forgotten yet. `name`: of the list of them; `matched`
    of `own` samples that are learned from; `classes`: of the matched ones, in the task's order."""

    name: str
    matched: int
    own: int
    classes: tuple[ClassCount, ...]


@dataclass(frozen=True, slots=True)
class ExportWanted:
    """`file`: an absolute path, written by the daemon; `with_seeds`: the whole ensemble, not the main model alone;
    `force`: replace a file that is there."""

    file: str
    with_seeds: bool
    force: bool


@dataclass(frozen=True, slots=True)
class ExportView:
    """A file that was written: `size` in bytes; `owners`: whose seeds are inside; `rule` and `rho` combine them."""

    file: str
    size: int
    rule: str
    rho: float
    owners: tuple[PeerId, ...]


@dataclass(frozen=True, slots=True)
class LogsWanted:
    """Which entries of the log: the last `lines` of `level` (one of LEVELS) or above, and with `follow` those to come;
    `events_only`: what the peer did, without the log lines of its parts."""

    lines: int
    level: str
    follow: bool
    events_only: bool


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of the daemon's log. `time_s`: Unix seconds; `event`: the event's name, or the text of a line that is
    none; `fields`: a JSON object of names, numbers and hashes; `trace`: of an error that was not foreseen, else ""."""

    time_s: float
    level: str
    event: str
    fields: str
    trace: str


class ControlledDaemon(Protocol):
    """A running peer, as its owner commands it. Every call may raise an HdusError."""

    async def status(self) -> PeerStatus: ...

    def watch(self) -> AsyncGenerator[PeerStatus, None]:
        """The status now, then again at every change, at most ten times a second; ends when the daemon stops."""

    async def task(self) -> Task:
        """What this network learns: needed to bring a picture into the form that the models see."""

    async def peers(self) -> list[PeerView]:
        """Every other member known, by name."""

    async def seeds(self) -> list[SeedView]:
        """The seeds held, by owner."""

    async def holders(self) -> list[HolderView]:
        """The holder ledger: who was granted which generation of this peer's seed."""

    async def train(self) -> int:
        """Begin a retraining on the data as it is now; returns the job epoch once `status` says RUNNING.
        Raises StateError where a training runs already or the peer is not active."""

    async def predict(self, rows: bytes, samples: int) -> Prediction:
        """`rows`: normalised little-endian float32 samples, one after another."""

    async def evaluate(self, dataset: str, rule: str) -> Evaluation:
        """`dataset`: one of DATASETS; `rule`: "" for the configured one. Raises DataError for another."""

    async def export(self, wanted: ExportWanted) -> ExportView:
        """Write the model as one ONNX file. Raises ConfigurationError for a place that cannot be, WorkerError where
        seeds are wanted and none are in use, StorageError."""

    def leave(self) -> AsyncGenerator[UnlearnProgress, None]:
        """Unlearn me everywhere. The first value comes once the notice is durable; then one at every change, the last
        with `finished`. Called again while LEAVING it joins the leave under way. The daemon ends only after the
        last value was handed over."""

    async def select(self, samples: str, where: str) -> SelectionView:
        """Which own samples would be forgotten: those of the source `samples`, or those of which `where` is true (the
        other one is ""). Changes nothing. Raises DataError where none match or too few would be left,
        ConfigurationError for a source or an expression that is none."""

    def forget(self, name: str) -> AsyncGenerator[UnlearnProgress, None]:
        """Forget the samples of a selection of this run: every holder and this peer erase what was learned from them,
        and this peer then learns without. As `leave`, but the daemon stays. Raises StateError for a name that is
        none, or where this peer is not active."""

    def logs(self, wanted: LogsWanted) -> AsyncGenerator[LogEntry, None]:
        """Oldest first; with `follow` it ends when the daemon stops. A caller that cannot keep up loses entries, and is
        told how many by an entry of its own ("EntriesMissed"). Raises DataError for a level that is none."""

    async def tell(self, file: str) -> str:
        """Obey and pass on the authority's revocation in `file`, an absolute path; the PeerId of who is revoked. Raises
        AdmissionError for one that is not by this network's authority."""

    async def stop(self) -> None:
        """Ask for an orderly end, and return at once."""
