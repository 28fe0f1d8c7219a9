from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DescribeTaskRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PeersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SeedsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HoldersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class TrainRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class LeaveRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StopRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StopReply(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class TellRequest(_message.Message):
    __slots__ = ("file",)
    FILE_FIELD_NUMBER: _ClassVar[int]
    file: str
    def __init__(self, file: _Optional[str] = ...) -> None: ...

class TellReply(_message.Message):
    __slots__ = ("peer",)
    PEER_FIELD_NUMBER: _ClassVar[int]
    peer: str
    def __init__(self, peer: _Optional[str] = ...) -> None: ...

class TrainingStatus(_message.Message):
    __slots__ = ("state", "stage", "fraction", "detail")
    STATE_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    FRACTION_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    state: str
    stage: str
    fraction: float
    detail: str
    def __init__(self, state: _Optional[str] = ..., stage: _Optional[str] = ..., fraction: _Optional[float] = ..., detail: _Optional[str] = ...) -> None: ...

class ModelView(_message.Message):
    __slots__ = ("architecture", "parameters")
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    architecture: str
    parameters: int
    def __init__(self, architecture: _Optional[str] = ..., parameters: _Optional[int] = ...) -> None: ...

class LinkCounts(_message.Message):
    __slots__ = ("alive", "suspect", "gone")
    ALIVE_FIELD_NUMBER: _ClassVar[int]
    SUSPECT_FIELD_NUMBER: _ClassVar[int]
    GONE_FIELD_NUMBER: _ClassVar[int]
    alive: int
    suspect: int
    gone: int
    def __init__(self, alive: _Optional[int] = ..., suspect: _Optional[int] = ..., gone: _Optional[int] = ...) -> None: ...

class EnsembleState(_message.Message):
    __slots__ = ("version", "owners", "rule", "rho", "pending", "rho_auto", "objective")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    OWNERS_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    RHO_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    RHO_AUTO_FIELD_NUMBER: _ClassVar[int]
    OBJECTIVE_FIELD_NUMBER: _ClassVar[int]
    version: int
    owners: _containers.RepeatedScalarFieldContainer[str]
    rule: str
    rho: float
    pending: bool
    rho_auto: bool
    objective: str
    def __init__(self, version: _Optional[int] = ..., owners: _Optional[_Iterable[str]] = ..., rule: _Optional[str] = ..., rho: _Optional[float] = ..., pending: _Optional[bool] = ..., rho_auto: _Optional[bool] = ..., objective: _Optional[str] = ...) -> None: ...

class PendingNotice(_message.Message):
    __slots__ = ("kind", "through", "issued_at_s", "holders")
    KIND_FIELD_NUMBER: _ClassVar[int]
    THROUGH_FIELD_NUMBER: _ClassVar[int]
    ISSUED_AT_S_FIELD_NUMBER: _ClassVar[int]
    HOLDERS_FIELD_NUMBER: _ClassVar[int]
    kind: str
    through: int
    issued_at_s: int
    holders: _containers.RepeatedCompositeFieldContainer[HolderErasure]
    def __init__(self, kind: _Optional[str] = ..., through: _Optional[int] = ..., issued_at_s: _Optional[int] = ..., holders: _Optional[_Iterable[_Union[HolderErasure, _Mapping]]] = ...) -> None: ...

class OwedAnswers(_message.Message):
    __slots__ = ("kind", "owner", "name", "state", "count", "oldest_s")
    KIND_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    OLDEST_S_FIELD_NUMBER: _ClassVar[int]
    kind: str
    owner: str
    name: str
    state: str
    count: int
    oldest_s: int
    def __init__(self, kind: _Optional[str] = ..., owner: _Optional[str] = ..., name: _Optional[str] = ..., state: _Optional[str] = ..., count: _Optional[int] = ..., oldest_s: _Optional[int] = ...) -> None: ...

class Offender(_message.Message):
    __slots__ = ("peer", "name", "refusals")
    class RefusalsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    PEER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REFUSALS_FIELD_NUMBER: _ClassVar[int]
    peer: str
    name: str
    refusals: _containers.ScalarMap[str, int]
    def __init__(self, peer: _Optional[str] = ..., name: _Optional[str] = ..., refusals: _Optional[_Mapping[str, int]] = ...) -> None: ...

class PeerStatus(_message.Message):
    __slots__ = ("peer", "name", "network", "task", "phase", "generation", "address", "pid", "uptime_s", "main", "seed", "training", "ensemble", "seeds_held", "links", "holders", "notices", "owed", "refusals", "offenders", "not_after_s", "exports_outliving")
    class RefusalsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    PEER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    UPTIME_S_FIELD_NUMBER: _ClassVar[int]
    MAIN_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    TRAINING_FIELD_NUMBER: _ClassVar[int]
    ENSEMBLE_FIELD_NUMBER: _ClassVar[int]
    SEEDS_HELD_FIELD_NUMBER: _ClassVar[int]
    LINKS_FIELD_NUMBER: _ClassVar[int]
    HOLDERS_FIELD_NUMBER: _ClassVar[int]
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    OWED_FIELD_NUMBER: _ClassVar[int]
    REFUSALS_FIELD_NUMBER: _ClassVar[int]
    OFFENDERS_FIELD_NUMBER: _ClassVar[int]
    NOT_AFTER_S_FIELD_NUMBER: _ClassVar[int]
    EXPORTS_OUTLIVING_FIELD_NUMBER: _ClassVar[int]
    peer: str
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
    notices: _containers.RepeatedCompositeFieldContainer[PendingNotice]
    owed: _containers.RepeatedCompositeFieldContainer[OwedAnswers]
    refusals: _containers.ScalarMap[str, int]
    offenders: _containers.RepeatedCompositeFieldContainer[Offender]
    not_after_s: int
    exports_outliving: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, peer: _Optional[str] = ..., name: _Optional[str] = ..., network: _Optional[str] = ..., task: _Optional[str] = ..., phase: _Optional[str] = ..., generation: _Optional[int] = ..., address: _Optional[str] = ..., pid: _Optional[int] = ..., uptime_s: _Optional[float] = ..., main: _Optional[_Union[ModelView, _Mapping]] = ..., seed: _Optional[_Union[ModelView, _Mapping]] = ..., training: _Optional[_Union[TrainingStatus, _Mapping]] = ..., ensemble: _Optional[_Union[EnsembleState, _Mapping]] = ..., seeds_held: _Optional[int] = ..., links: _Optional[_Union[LinkCounts, _Mapping]] = ..., holders: _Optional[int] = ..., notices: _Optional[_Iterable[_Union[PendingNotice, _Mapping]]] = ..., owed: _Optional[_Iterable[_Union[OwedAnswers, _Mapping]]] = ..., refusals: _Optional[_Mapping[str, int]] = ..., offenders: _Optional[_Iterable[_Union[Offender, _Mapping]]] = ..., not_after_s: _Optional[int] = ..., exports_outliving: _Optional[_Iterable[str]] = ...) -> None: ...

class Task(_message.Message):
    __slots__ = ("name", "classes", "shape", "scale", "mean", "std", "seed_architectures", "features")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    STD_FIELD_NUMBER: _ClassVar[int]
    SEED_ARCHITECTURES_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    name: str
    classes: _containers.RepeatedScalarFieldContainer[str]
    shape: _containers.RepeatedScalarFieldContainer[int]
    scale: float
    mean: _containers.RepeatedScalarFieldContainer[float]
    std: _containers.RepeatedScalarFieldContainer[float]
    seed_architectures: _containers.RepeatedScalarFieldContainer[str]
    features: _containers.RepeatedCompositeFieldContainer[Feature]
    def __init__(self, name: _Optional[str] = ..., classes: _Optional[_Iterable[str]] = ..., shape: _Optional[_Iterable[int]] = ..., scale: _Optional[float] = ..., mean: _Optional[_Iterable[float]] = ..., std: _Optional[_Iterable[float]] = ..., seed_architectures: _Optional[_Iterable[str]] = ..., features: _Optional[_Iterable[_Union[Feature, _Mapping]]] = ...) -> None: ...

class Feature(_message.Message):
    __slots__ = ("name", "type", "values", "encoding")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: str
    values: _containers.RepeatedScalarFieldContainer[str]
    encoding: str
    def __init__(self, name: _Optional[str] = ..., type: _Optional[str] = ..., values: _Optional[_Iterable[str]] = ..., encoding: _Optional[str] = ...) -> None: ...

class PeerView(_message.Message):
    __slots__ = ("peer", "name", "state", "address", "dialled", "generation", "held", "holds_mine", "cloned", "heard_ms", "equivocated")
    PEER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    DIALLED_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    HOLDS_MINE_FIELD_NUMBER: _ClassVar[int]
    CLONED_FIELD_NUMBER: _ClassVar[int]
    HEARD_MS_FIELD_NUMBER: _ClassVar[int]
    EQUIVOCATED_FIELD_NUMBER: _ClassVar[int]
    peer: str
    name: str
    state: str
    address: str
    dialled: bool
    generation: int
    held: bool
    holds_mine: bool
    cloned: bool
    heard_ms: int
    equivocated: int
    def __init__(self, peer: _Optional[str] = ..., name: _Optional[str] = ..., state: _Optional[str] = ..., address: _Optional[str] = ..., dialled: _Optional[bool] = ..., generation: _Optional[int] = ..., held: _Optional[bool] = ..., holds_mine: _Optional[bool] = ..., cloned: _Optional[bool] = ..., heard_ms: _Optional[int] = ..., equivocated: _Optional[int] = ...) -> None: ...

class PeerList(_message.Message):
    __slots__ = ("peers",)
    PEERS_FIELD_NUMBER: _ClassVar[int]
    peers: _containers.RepeatedCompositeFieldContainer[PeerView]
    def __init__(self, peers: _Optional[_Iterable[_Union[PeerView, _Mapping]]] = ...) -> None: ...

class SeedView(_message.Message):
    __slots__ = ("owner", "name", "architecture", "generation", "payload_bytes", "payload_sha256", "confirmed", "use_left_s", "hold_left_s")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_BYTES_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_SHA256_FIELD_NUMBER: _ClassVar[int]
    CONFIRMED_FIELD_NUMBER: _ClassVar[int]
    USE_LEFT_S_FIELD_NUMBER: _ClassVar[int]
    HOLD_LEFT_S_FIELD_NUMBER: _ClassVar[int]
    owner: str
    name: str
    architecture: str
    generation: int
    payload_bytes: int
    payload_sha256: str
    confirmed: bool
    use_left_s: int
    hold_left_s: int
    def __init__(self, owner: _Optional[str] = ..., name: _Optional[str] = ..., architecture: _Optional[str] = ..., generation: _Optional[int] = ..., payload_bytes: _Optional[int] = ..., payload_sha256: _Optional[str] = ..., confirmed: _Optional[bool] = ..., use_left_s: _Optional[int] = ..., hold_left_s: _Optional[int] = ...) -> None: ...

class SeedList(_message.Message):
    __slots__ = ("seeds",)
    SEEDS_FIELD_NUMBER: _ClassVar[int]
    seeds: _containers.RepeatedCompositeFieldContainer[SeedView]
    def __init__(self, seeds: _Optional[_Iterable[_Union[SeedView, _Mapping]]] = ...) -> None: ...

class HolderView(_message.Message):
    __slots__ = ("peer", "name", "generation", "state", "issued_at_s", "hold_until_s", "closed_by")
    PEER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ISSUED_AT_S_FIELD_NUMBER: _ClassVar[int]
    HOLD_UNTIL_S_FIELD_NUMBER: _ClassVar[int]
    CLOSED_BY_FIELD_NUMBER: _ClassVar[int]
    peer: str
    name: str
    generation: int
    state: str
    issued_at_s: int
    hold_until_s: int
    closed_by: str
    def __init__(self, peer: _Optional[str] = ..., name: _Optional[str] = ..., generation: _Optional[int] = ..., state: _Optional[str] = ..., issued_at_s: _Optional[int] = ..., hold_until_s: _Optional[int] = ..., closed_by: _Optional[str] = ...) -> None: ...

class HolderList(_message.Message):
    __slots__ = ("holders",)
    HOLDERS_FIELD_NUMBER: _ClassVar[int]
    holders: _containers.RepeatedCompositeFieldContainer[HolderView]
    def __init__(self, holders: _Optional[_Iterable[_Union[HolderView, _Mapping]]] = ...) -> None: ...

class TrainReply(_message.Message):
    __slots__ = ("job_epoch",)
    JOB_EPOCH_FIELD_NUMBER: _ClassVar[int]
    job_epoch: int
    def __init__(self, job_epoch: _Optional[int] = ...) -> None: ...

class PredictRequest(_message.Message):
    __slots__ = ("rows", "samples")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    rows: bytes
    samples: int
    def __init__(self, rows: _Optional[bytes] = ..., samples: _Optional[int] = ...) -> None: ...

class Row(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, values: _Optional[_Iterable[float]] = ...) -> None: ...

class Prediction(_message.Message):
    __slots__ = ("alone", "ensemble", "state")
    ALONE_FIELD_NUMBER: _ClassVar[int]
    ENSEMBLE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    alone: _containers.RepeatedCompositeFieldContainer[Row]
    ensemble: _containers.RepeatedCompositeFieldContainer[Row]
    state: EnsembleState
    def __init__(self, alone: _Optional[_Iterable[_Union[Row, _Mapping]]] = ..., ensemble: _Optional[_Iterable[_Union[Row, _Mapping]]] = ..., state: _Optional[_Union[EnsembleState, _Mapping]] = ...) -> None: ...

class EvaluateRequest(_message.Message):
    __slots__ = ("dataset", "rule")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    rule: str
    def __init__(self, dataset: _Optional[str] = ..., rule: _Optional[str] = ...) -> None: ...

class Evaluation(_message.Message):
    __slots__ = ("dataset", "rule", "rho", "samples", "accuracy_alone", "accuracy_ensemble", "logits_sha256", "state")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    RHO_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_ALONE_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_ENSEMBLE_FIELD_NUMBER: _ClassVar[int]
    LOGITS_SHA256_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    rule: str
    rho: float
    samples: int
    accuracy_alone: float
    accuracy_ensemble: float
    logits_sha256: str
    state: EnsembleState
    def __init__(self, dataset: _Optional[str] = ..., rule: _Optional[str] = ..., rho: _Optional[float] = ..., samples: _Optional[int] = ..., accuracy_alone: _Optional[float] = ..., accuracy_ensemble: _Optional[float] = ..., logits_sha256: _Optional[str] = ..., state: _Optional[_Union[EnsembleState, _Mapping]] = ...) -> None: ...

class ExportRequest(_message.Message):
    __slots__ = ("file", "with_seeds", "force")
    FILE_FIELD_NUMBER: _ClassVar[int]
    WITH_SEEDS_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    file: str
    with_seeds: bool
    force: bool
    def __init__(self, file: _Optional[str] = ..., with_seeds: _Optional[bool] = ..., force: _Optional[bool] = ...) -> None: ...

class ExportView(_message.Message):
    __slots__ = ("file", "size", "rule", "rho", "owners")
    FILE_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    RHO_FIELD_NUMBER: _ClassVar[int]
    OWNERS_FIELD_NUMBER: _ClassVar[int]
    file: str
    size: int
    rule: str
    rho: float
    owners: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, file: _Optional[str] = ..., size: _Optional[int] = ..., rule: _Optional[str] = ..., rho: _Optional[float] = ..., owners: _Optional[_Iterable[str]] = ...) -> None: ...

class HolderErasure(_message.Message):
    __slots__ = ("peer", "name", "confirmed", "closed_by", "after_ms", "erased", "hold_until_s", "state", "cloned", "revoked")
    PEER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONFIRMED_FIELD_NUMBER: _ClassVar[int]
    CLOSED_BY_FIELD_NUMBER: _ClassVar[int]
    AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    ERASED_FIELD_NUMBER: _ClassVar[int]
    HOLD_UNTIL_S_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CLONED_FIELD_NUMBER: _ClassVar[int]
    REVOKED_FIELD_NUMBER: _ClassVar[int]
    peer: str
    name: str
    confirmed: bool
    closed_by: str
    after_ms: int
    erased: _containers.RepeatedScalarFieldContainer[str]
    hold_until_s: int
    state: str
    cloned: bool
    revoked: bool
    def __init__(self, peer: _Optional[str] = ..., name: _Optional[str] = ..., confirmed: _Optional[bool] = ..., closed_by: _Optional[str] = ..., after_ms: _Optional[int] = ..., erased: _Optional[_Iterable[str]] = ..., hold_until_s: _Optional[int] = ..., state: _Optional[str] = ..., cloned: _Optional[bool] = ..., revoked: _Optional[bool] = ...) -> None: ...

class UnlearnProgress(_message.Message):
    __slots__ = ("phase", "through", "holders", "finished", "certificate")
    PHASE_FIELD_NUMBER: _ClassVar[int]
    THROUGH_FIELD_NUMBER: _ClassVar[int]
    HOLDERS_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    phase: str
    through: int
    holders: _containers.RepeatedCompositeFieldContainer[HolderErasure]
    finished: bool
    certificate: str
    def __init__(self, phase: _Optional[str] = ..., through: _Optional[int] = ..., holders: _Optional[_Iterable[_Union[HolderErasure, _Mapping]]] = ..., finished: _Optional[bool] = ..., certificate: _Optional[str] = ...) -> None: ...

class SelectRequest(_message.Message):
    __slots__ = ("samples", "where")
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    WHERE_FIELD_NUMBER: _ClassVar[int]
    samples: str
    where: str
    def __init__(self, samples: _Optional[str] = ..., where: _Optional[str] = ...) -> None: ...

class ClassCount(_message.Message):
    __slots__ = ("name", "samples")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    name: str
    samples: int
    def __init__(self, name: _Optional[str] = ..., samples: _Optional[int] = ...) -> None: ...

class SelectionView(_message.Message):
    __slots__ = ("name", "matched", "own", "classes")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MATCHED_FIELD_NUMBER: _ClassVar[int]
    OWN_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    name: str
    matched: int
    own: int
    classes: _containers.RepeatedCompositeFieldContainer[ClassCount]
    def __init__(self, name: _Optional[str] = ..., matched: _Optional[int] = ..., own: _Optional[int] = ..., classes: _Optional[_Iterable[_Union[ClassCount, _Mapping]]] = ...) -> None: ...

class ForgetRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class LogsRequest(_message.Message):
    __slots__ = ("lines", "level", "follow", "events_only")
    LINES_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    EVENTS_ONLY_FIELD_NUMBER: _ClassVar[int]
    lines: int
    level: str
    follow: bool
    events_only: bool
    def __init__(self, lines: _Optional[int] = ..., level: _Optional[str] = ..., follow: _Optional[bool] = ..., events_only: _Optional[bool] = ...) -> None: ...

class LogEntry(_message.Message):
    __slots__ = ("time_s", "level", "event", "fields", "trace")
    TIME_S_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    time_s: float
    level: str
    event: str
    fields: str
    trace: str
    def __init__(self, time_s: _Optional[float] = ..., level: _Optional[str] = ..., event: _Optional[str] = ..., fields: _Optional[str] = ..., trace: _Optional[str] = ...) -> None: ...
