from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class IdentifyRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class IdentifyReply(_message.Message):
    __slots__ = ("peer_id",)
    PEER_ID_FIELD_NUMBER: _ClassVar[int]
    peer_id: str
    def __init__(self, peer_id: _Optional[str] = ...) -> None: ...

class LinkFrame(_message.Message):
    __slots__ = ("greeting", "notices", "merged", "heartbeat", "tombstone_digest", "tombstone_request", "announce", "announce_request", "key_request", "key", "key_refused", "renewal", "receipt", "receipt_ack", "release", "release_ack", "inventory", "equivocation", "goodbye", "manifest_request", "held_manifest", "fetch_request", "fetch_refused", "filling")
    GREETING_FIELD_NUMBER: _ClassVar[int]
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    MERGED_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    TOMBSTONE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    TOMBSTONE_REQUEST_FIELD_NUMBER: _ClassVar[int]
    ANNOUNCE_FIELD_NUMBER: _ClassVar[int]
    ANNOUNCE_REQUEST_FIELD_NUMBER: _ClassVar[int]
    KEY_REQUEST_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    KEY_REFUSED_FIELD_NUMBER: _ClassVar[int]
    RENEWAL_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_ACK_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    RELEASE_ACK_FIELD_NUMBER: _ClassVar[int]
    INVENTORY_FIELD_NUMBER: _ClassVar[int]
    EQUIVOCATION_FIELD_NUMBER: _ClassVar[int]
    GOODBYE_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_REQUEST_FIELD_NUMBER: _ClassVar[int]
    HELD_MANIFEST_FIELD_NUMBER: _ClassVar[int]
    FETCH_REQUEST_FIELD_NUMBER: _ClassVar[int]
    FETCH_REFUSED_FIELD_NUMBER: _ClassVar[int]
    FILLING_FIELD_NUMBER: _ClassVar[int]
    greeting: Greeting
    notices: Notices
    merged: Merged
    heartbeat: Heartbeat
    tombstone_digest: TombstoneDigest
    tombstone_request: TombstoneRequest
    announce: Announce
    announce_request: AnnounceRequest
    key_request: KeyRequest
    key: Key
    key_refused: KeyRefused
    renewal: Renewal
    receipt: Receipt
    receipt_ack: ReceiptAck
    release: Release
    release_ack: ReleaseAck
    inventory: Inventory
    equivocation: Equivocation
    goodbye: Goodbye
    manifest_request: ManifestRequest
    held_manifest: HeldManifest
    fetch_request: FetchRequest
    fetch_refused: FetchRefused
    filling: bytes
    def __init__(self, greeting: _Optional[_Union[Greeting, _Mapping]] = ..., notices: _Optional[_Union[Notices, _Mapping]] = ..., merged: _Optional[_Union[Merged, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., tombstone_digest: _Optional[_Union[TombstoneDigest, _Mapping]] = ..., tombstone_request: _Optional[_Union[TombstoneRequest, _Mapping]] = ..., announce: _Optional[_Union[Announce, _Mapping]] = ..., announce_request: _Optional[_Union[AnnounceRequest, _Mapping]] = ..., key_request: _Optional[_Union[KeyRequest, _Mapping]] = ..., key: _Optional[_Union[Key, _Mapping]] = ..., key_refused: _Optional[_Union[KeyRefused, _Mapping]] = ..., renewal: _Optional[_Union[Renewal, _Mapping]] = ..., receipt: _Optional[_Union[Receipt, _Mapping]] = ..., receipt_ack: _Optional[_Union[ReceiptAck, _Mapping]] = ..., release: _Optional[_Union[Release, _Mapping]] = ..., release_ack: _Optional[_Union[ReleaseAck, _Mapping]] = ..., inventory: _Optional[_Union[Inventory, _Mapping]] = ..., equivocation: _Optional[_Union[Equivocation, _Mapping]] = ..., goodbye: _Optional[_Union[Goodbye, _Mapping]] = ..., manifest_request: _Optional[_Union[ManifestRequest, _Mapping]] = ..., held_manifest: _Optional[_Union[HeldManifest, _Mapping]] = ..., fetch_request: _Optional[_Union[FetchRequest, _Mapping]] = ..., fetch_refused: _Optional[_Union[FetchRefused, _Mapping]] = ..., filling: _Optional[bytes] = ...) -> None: ...

class SignedEnvelope(_message.Message):
    __slots__ = ("payload_type", "payload", "public_key", "signature")
    PAYLOAD_TYPE_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    payload_type: str
    payload: bytes
    public_key: bytes
    signature: bytes
    def __init__(self, payload_type: _Optional[str] = ..., payload: _Optional[bytes] = ..., public_key: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Greeting(_message.Message):
    __slots__ = ("hello", "membership", "echo")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    MEMBERSHIP_FIELD_NUMBER: _ClassVar[int]
    ECHO_FIELD_NUMBER: _ClassVar[int]
    hello: SignedEnvelope
    membership: SignedEnvelope
    echo: SignedEnvelope
    def __init__(self, hello: _Optional[_Union[SignedEnvelope, _Mapping]] = ..., membership: _Optional[_Union[SignedEnvelope, _Mapping]] = ..., echo: _Optional[_Union[SignedEnvelope, _Mapping]] = ...) -> None: ...

class Notices(_message.Message):
    __slots__ = ("items", "last")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[NoticeItem]
    last: bool
    def __init__(self, items: _Optional[_Iterable[_Union[NoticeItem, _Mapping]]] = ..., last: _Optional[bool] = ...) -> None: ...

class NoticeItem(_message.Message):
    __slots__ = ("notice", "membership", "departure", "ledger")
    NOTICE_FIELD_NUMBER: _ClassVar[int]
    MEMBERSHIP_FIELD_NUMBER: _ClassVar[int]
    DEPARTURE_FIELD_NUMBER: _ClassVar[int]
    LEDGER_FIELD_NUMBER: _ClassVar[int]
    notice: SignedEnvelope
    membership: SignedEnvelope
    departure: SignedEnvelope
    ledger: _containers.RepeatedCompositeFieldContainer[LedgerEntry]
    def __init__(self, notice: _Optional[_Union[SignedEnvelope, _Mapping]] = ..., membership: _Optional[_Union[SignedEnvelope, _Mapping]] = ..., departure: _Optional[_Union[SignedEnvelope, _Mapping]] = ..., ledger: _Optional[_Iterable[_Union[LedgerEntry, _Mapping]]] = ...) -> None: ...

class LedgerEntry(_message.Message):
    __slots__ = ("holder", "generation", "grant")
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    GRANT_FIELD_NUMBER: _ClassVar[int]
    holder: str
    generation: int
    grant: int
    def __init__(self, holder: _Optional[str] = ..., generation: _Optional[int] = ..., grant: _Optional[int] = ...) -> None: ...

class Merged(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ("tombstone_root", "generation", "state_sequence", "keeps", "next_ms")
    TOMBSTONE_ROOT_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    STATE_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    KEEPS_FIELD_NUMBER: _ClassVar[int]
    NEXT_MS_FIELD_NUMBER: _ClassVar[int]
    tombstone_root: str
    generation: int
    state_sequence: int
    keeps: bool
    next_ms: int
    def __init__(self, tombstone_root: _Optional[str] = ..., generation: _Optional[int] = ..., state_sequence: _Optional[int] = ..., keeps: _Optional[bool] = ..., next_ms: _Optional[int] = ...) -> None: ...

class TombstoneDigest(_message.Message):
    __slots__ = ("hashes",)
    HASHES_FIELD_NUMBER: _ClassVar[int]
    hashes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, hashes: _Optional[_Iterable[str]] = ...) -> None: ...

class TombstoneRequest(_message.Message):
    __slots__ = ("buckets",)
    BUCKETS_FIELD_NUMBER: _ClassVar[int]
    buckets: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, buckets: _Optional[_Iterable[int]] = ...) -> None: ...

class Announce(_message.Message):
    __slots__ = ("manifest",)
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    manifest: SignedEnvelope
    def __init__(self, manifest: _Optional[_Union[SignedEnvelope, _Mapping]] = ...) -> None: ...

class AnnounceRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class KeyRequest(_message.Message):
    __slots__ = ("generation", "payload_sha256", "state_sequence", "run_nonce")
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_SHA256_FIELD_NUMBER: _ClassVar[int]
    STATE_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    RUN_NONCE_FIELD_NUMBER: _ClassVar[int]
    generation: int
    payload_sha256: str
    state_sequence: int
    run_nonce: str
    def __init__(self, generation: _Optional[int] = ..., payload_sha256: _Optional[str] = ..., state_sequence: _Optional[int] = ..., run_nonce: _Optional[str] = ...) -> None: ...

class Key(_message.Message):
    __slots__ = ("grant", "lease", "key")
    GRANT_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    grant: SignedEnvelope
    lease: SignedEnvelope
    key: bytes
    def __init__(self, grant: _Optional[_Union[SignedEnvelope, _Mapping]] = ..., lease: _Optional[_Union[SignedEnvelope, _Mapping]] = ..., key: _Optional[bytes] = ...) -> None: ...

class KeyRefused(_message.Message):
    __slots__ = ("payload_sha256", "reason")
    PAYLOAD_SHA256_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    payload_sha256: str
    reason: str
    def __init__(self, payload_sha256: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class Renewal(_message.Message):
    __slots__ = ("renewal",)
    RENEWAL_FIELD_NUMBER: _ClassVar[int]
    renewal: SignedEnvelope
    def __init__(self, renewal: _Optional[_Union[SignedEnvelope, _Mapping]] = ...) -> None: ...

class Receipt(_message.Message):
    __slots__ = ("receipt", "membership")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    MEMBERSHIP_FIELD_NUMBER: _ClassVar[int]
    receipt: SignedEnvelope
    membership: SignedEnvelope
    def __init__(self, receipt: _Optional[_Union[SignedEnvelope, _Mapping]] = ..., membership: _Optional[_Union[SignedEnvelope, _Mapping]] = ...) -> None: ...

class ReceiptAck(_message.Message):
    __slots__ = ("owner", "holder", "through")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    THROUGH_FIELD_NUMBER: _ClassVar[int]
    owner: str
    holder: str
    through: int
    def __init__(self, owner: _Optional[str] = ..., holder: _Optional[str] = ..., through: _Optional[int] = ...) -> None: ...

class Release(_message.Message):
    __slots__ = ("release",)
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    release: SignedEnvelope
    def __init__(self, release: _Optional[_Union[SignedEnvelope, _Mapping]] = ...) -> None: ...

class ReleaseAck(_message.Message):
    __slots__ = ("grant",)
    GRANT_FIELD_NUMBER: _ClassVar[int]
    grant: int
    def __init__(self, grant: _Optional[int] = ...) -> None: ...

class Inventory(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[InventoryItem]
    def __init__(self, items: _Optional[_Iterable[_Union[InventoryItem, _Mapping]]] = ...) -> None: ...

class InventoryItem(_message.Message):
    __slots__ = ("owner", "generation", "payload_sha256")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_SHA256_FIELD_NUMBER: _ClassVar[int]
    owner: str
    generation: int
    payload_sha256: str
    def __init__(self, owner: _Optional[str] = ..., generation: _Optional[int] = ..., payload_sha256: _Optional[str] = ...) -> None: ...

class ManifestRequest(_message.Message):
    __slots__ = ("owner", "generation")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    owner: str
    generation: int
    def __init__(self, owner: _Optional[str] = ..., generation: _Optional[int] = ...) -> None: ...

class HeldManifest(_message.Message):
    __slots__ = ("manifest",)
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    manifest: SignedEnvelope
    def __init__(self, manifest: _Optional[_Union[SignedEnvelope, _Mapping]] = ...) -> None: ...

class Equivocation(_message.Message):
    __slots__ = ("first", "second", "membership")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    SECOND_FIELD_NUMBER: _ClassVar[int]
    MEMBERSHIP_FIELD_NUMBER: _ClassVar[int]
    first: SignedEnvelope
    second: SignedEnvelope
    membership: SignedEnvelope
    def __init__(self, first: _Optional[_Union[SignedEnvelope, _Mapping]] = ..., second: _Optional[_Union[SignedEnvelope, _Mapping]] = ..., membership: _Optional[_Union[SignedEnvelope, _Mapping]] = ...) -> None: ...

class Goodbye(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class FetchRequest(_message.Message):
    __slots__ = ("payload_sha256", "offset", "ticket")
    PAYLOAD_SHA256_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    TICKET_FIELD_NUMBER: _ClassVar[int]
    payload_sha256: str
    offset: int
    ticket: int
    def __init__(self, payload_sha256: _Optional[str] = ..., offset: _Optional[int] = ..., ticket: _Optional[int] = ...) -> None: ...

class FetchRefused(_message.Message):
    __slots__ = ("ticket", "reason")
    TICKET_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ticket: int
    reason: str
    def __init__(self, ticket: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class Chunk(_message.Message):
    __slots__ = ("data", "ticket")
    DATA_FIELD_NUMBER: _ClassVar[int]
    TICKET_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    ticket: int
    def __init__(self, data: _Optional[bytes] = ..., ticket: _Optional[int] = ...) -> None: ...

class UploadReply(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
