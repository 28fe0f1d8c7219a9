"""Frames of a link as bytes, and back: the one door through which another peer's bytes become values.

Rules
1. The size is checked before anything is parsed, counts before anything in a list is opened.
2. Every signature is verified, and every accompanying membership belongs to the peer that it accompanies.
3. Whatever bytes come, decoding gives a message or raises MalformedError or ForgedError: nothing else.
4. The table below is the whole format: one line a message, the bound of every field in sight. It and the .proto name
   the same fields (a test compares them with `protocol.messages`).
5. Zeros go behind a key: the receiver's RPC library keeps the last 8 KiB that it decrypted of a connection until as
   many came after them, and on a quiet link that takes minutes.

Absent on purpose: whether a message is *acceptable* (that is the protocol's), and who sent it (TLS says).
"""

from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError

from hdus_peer.domain.membership import Hello, Membership
from hdus_peer.domain.sealed import KEY_BYTES
from hdus_peer.domain.seed import KeyGrant, LeaseRenewal, SeedManifest
from hdus_peer.domain.unlearning import Departure, ErasureReceipt, LedgerEntry, SeedRelease, UnlearnNotice
from hdus_peer.errors import MalformedError
from hdus_peer.protocol import messages as m
from hdus_peer.transport.envelopes import EnvelopeOpener
from hdus_peer.transport.fields import FLAG, PEER, SHA256, Field, Record, data, each, integer, optional, signed, text
from hdus_peer.wire.v1 import wire_pb2 as wire

FRAME_BYTES_MAX = 1024 * 1024
LEDGER_ENTRIES_MAX = 4096
INVENTORY_ITEMS_MAX = 1024
FILLING_BYTES = 16 * 1024
_FILLING = wire.LinkFrame(filling=bytes(FILLING_BYTES)).SerializeToString()


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """Of the transport: send me this payload from `offset` on. `ticket` names the Upload that answers, 0 in a Fetch."""

    payload_sha256: str
    offset: int
    ticket: int


@dataclass(frozen=True, slots=True)
class FetchRefused:
    """Of the transport: there will be no Upload for `ticket`; `reason` is "gone", or a word for not now."""

    ticket: int
    reason: str


Frame = m.Message | FetchRequest | FetchRefused

NUMBER = integer()
UINT32 = integer(2**32 - 1)
REASON = text(200)
NONCE = text(64)
MEMBERSHIP = signed(Membership)

_LEDGER_ENTRY = Record(LedgerEntry, wire.LedgerEntry, {"holder": PEER, "generation": NUMBER, "grant": NUMBER})
_INVENTORY_ITEM = Record(
    m.InventoryItem, wire.InventoryItem, {"owner": PEER, "generation": NUMBER, "payload_sha256": SHA256}
)


def _notice_item_fits(item: m.NoticeItem) -> bool:
    owner = item.notice.statement.owner
    departed = item.departure is None or item.departure.signer == owner
    return item.membership.statement.peer == owner and departed


_NOTICE_ITEM = Record(
    m.NoticeItem,
    wire.NoticeItem,
    {
        "notice": signed(UnlearnNotice),
        "membership": MEMBERSHIP,
        "departure": optional(signed(Departure)),
        "ledger": each(_LEDGER_ENTRY, LEDGER_ENTRIES_MAX),
    },
    _notice_item_fits,
)


def _greeting_fits(greeting: m.Greeting) -> bool:
    return greeting.membership.statement.peer == greeting.hello.signer


def _receipt_fits(receipt: m.Receipt) -> bool:
    return receipt.membership.statement.peer == receipt.receipt.signer


def _equivocation_fits(proof: m.Equivocation) -> bool:
    return proof.first.signer == proof.second.signer == proof.membership.statement.peer


def _record(value: type[Any], check: Any = None, **fields: Field) -> Record:
    return Record(value, getattr(wire, value.__name__), fields, check)


FRAMES: dict[str, Record] = {
    "greeting": _record(
        m.Greeting, _greeting_fits, hello=signed(Hello), membership=MEMBERSHIP, echo=optional(signed(Hello))
    ),
    "notices": _record(m.Notices, items=each(_NOTICE_ITEM, m.NOTICES_PER_MESSAGE_MAX), last=FLAG),
    "merged": _record(m.Merged),
    "heartbeat": _record(
        m.Heartbeat, tombstone_root=text(64), generation=NUMBER, state_sequence=NUMBER, keeps=FLAG, next_ms=UINT32
    ),
    "tombstone_digest": _record(m.TombstoneDigest, hashes=each(text(64), m.BUCKETS, m.BUCKETS)),
    "tombstone_request": _record(m.TombstoneRequest, buckets=each(integer(m.BUCKETS - 1), m.BUCKETS)),
    "announce": _record(m.Announce, manifest=signed(SeedManifest)),
    "announce_request": _record(m.AnnounceRequest),
    "key_request": _record(
        m.KeyRequest, generation=NUMBER, payload_sha256=SHA256, state_sequence=NUMBER, run_nonce=NONCE
    ),
    "key": _record(m.Key, grant=signed(KeyGrant), lease=optional(signed(LeaseRenewal)), key=data(KEY_BYTES)),
    "key_refused": _record(m.KeyRefused, payload_sha256=SHA256, reason=REASON),
    "renewal": _record(m.Renewal, renewal=signed(LeaseRenewal)),
    "receipt": _record(m.Receipt, _receipt_fits, receipt=signed(ErasureReceipt), membership=MEMBERSHIP),
    "receipt_ack": _record(m.ReceiptAck, owner=PEER, holder=PEER, through=NUMBER),
    "release": _record(m.Release, release=signed(SeedRelease)),
    "release_ack": _record(m.ReleaseAck, grant=NUMBER),
    "inventory": _record(m.Inventory, items=each(_INVENTORY_ITEM, INVENTORY_ITEMS_MAX)),
    "manifest_request": _record(m.ManifestRequest, owner=PEER, generation=NUMBER),
    "held_manifest": _record(m.HeldManifest, manifest=signed(SeedManifest)),
    "equivocation": _record(
        m.Equivocation,
        _equivocation_fits,
        first=signed(SeedManifest),
        second=signed(SeedManifest),
        membership=MEMBERSHIP,
    ),
    "goodbye": _record(m.Goodbye, reason=REASON),
    "fetch_request": _record(FetchRequest, payload_sha256=SHA256, offset=NUMBER, ticket=NUMBER),
    "fetch_refused": _record(FetchRefused, ticket=NUMBER, reason=REASON),
}
_KIND_OF: dict[type[Any], str] = {record.value: kind for kind, record in FRAMES.items()}


def encode_frame(frame: Frame) -> bytes:
    """`frame` as the bytes of a LinkFrame. The size is the caller's to check against `FRAME_BYTES_MAX`."""
    kind = _KIND_OF[type(frame)]
    encoded = wire.LinkFrame(**{kind: FRAMES[kind].to_wire(frame)}).SerializeToString()  # type: ignore[arg-type]
    return encoded + _FILLING if isinstance(frame, m.Key) else encoded


class Codec:
    """Decodes frames as a member of one network."""

    def __init__(self, network: str, root_public_key: bytes) -> None:
        self._opener = EnvelopeOpener(network, root_public_key)

    def decode_frame(self, frame: bytes) -> Frame:
        """Raises MalformedError or ForgedError, whatever the bytes are."""
        if len(frame) > FRAME_BYTES_MAX:
            raise MalformedError(f"a frame of {len(frame)} bytes; at most {FRAME_BYTES_MAX} are read")
        message = _parse(wire.LinkFrame, frame)
        kind = message.WhichOneof("kind")
        if kind is None:
            raise MalformedError("a frame of no kind that this version knows")
        decoded: Frame = FRAMES[kind].from_wire(getattr(message, kind), self._opener)
        return decoded

    def decode_fetch(self, request: bytes) -> FetchRequest:
        """The request of a Fetch. Raises MalformedError."""
        decoded: FetchRequest = FRAMES["fetch_request"].from_wire(_parse(wire.FetchRequest, request), self._opener)
        return decoded


def encode_fetch(request: FetchRequest) -> bytes:
    return FRAMES["fetch_request"].to_wire(request).SerializeToString()


def _parse(kind: Any, message: bytes) -> Any:
    try:
        return kind.FromString(message)
    except DecodeError as problem:
        raise MalformedError(f"bytes that are no {kind.DESCRIPTOR.name}") from problem
