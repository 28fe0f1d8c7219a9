"""What the demo measured, as plain values: the checks and the report know nothing else."""

from dataclasses import dataclass, field

from hdus_peer.domain.identity import PeerId
from hdus_peer.workers.port import Evaluation


@dataclass(frozen=True, slots=True)
class PeerResult:
    """A peer at one moment. `owners`: whose seeds its ensemble uses; `held`: the payload hash (hex) of every seed it
    holds, by owner; `everywhere`: its evaluation over the global test set under each rule."""

    name: str
    peer: PeerId
    main: str
    parameters: int
    owners: tuple[PeerId, ...]
    held: dict[PeerId, str]
    local: Evaluation
    everywhere: dict[str, Evaluation]

    @property
    def logits(self) -> dict[str, str]:
        """SHA-256 (hex) of the raw logits over the global test set, by rule."""
        return {rule: found.logits_sha256 for rule, found in self.everywhere.items()}


@dataclass(frozen=True, slots=True)
class Erasure:
    """What one holder confirmed to the leaver, and `after_ms` its notice was durable there."""

    name: str
    confirmed: bool
    proof: str
    after_ms: int
    erased: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Certified:
    """What `hdus-peer certificate verify` said of the leaver's certificate, with the network's root alone."""

    exit_code: int
    holders: int
    confirmed: int


@dataclass(frozen=True, slots=True)
class Departed:
    """How the leave went: the command's exit code, its answer, the daemon's exit code (None: it still runs), and the
    certificate."""

    name: str
    peer: PeerId
    payload_sha256: str
    command_exit: int
    daemon_exit: int | None
    finished: bool
    erasures: tuple[Erasure, ...]
    certified: Certified
    command_s: float


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must hold. `detail` says what was compared, or what was found instead."""

    name: str
    held: bool
    detail: str


Results = tuple[PeerResult, ...]


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Everything; `seconds` since the start at which each part was done. `traces`: files of survivors in which
    something of the leaver was found after its leave."""

    before: Results
    departed: Departed
    after: Results
    traces: tuple[str, ...]
    counterfactual: Results
    checks: tuple[Check, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
