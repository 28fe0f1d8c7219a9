"""Frames and payloads that are small on the wire and would be large in memory, or deep: none is within what a member of
good faith ever says, all are within what is read."""

from hdus_peer.domain.envelope import PAYLOAD_BYTES_MAX
from hdus_peer.transport.codec import FRAME_BYTES_MAX
from hdus_peer.wire.v1 import wire_pb2 as wire

_LENGTH_DELIMITED, _GROUP_START, _VARINT = 2, 3, 0
_UNKNOWN_FIELD = 103


def _varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])


def _tag(number: int, kind: int) -> bytes:
    return _varint(number << 3 | kind)


def _field(number: int, content: bytes) -> bytes:
    return _tag(number, _LENGTH_DELIMITED) + _varint(len(content)) + content


def _nested(depth: int) -> bytes:
    content = b""
    for _ in range(depth):
        content = _field(wire.LinkFrame.NOTICES_FIELD_NUMBER, content)
    return content


_EMPTIES = _field(1, b"") * ((FRAME_BYTES_MAX - 64) // 2)
_EMPTY_ENTRIES = _field(wire.NoticeItem.LEDGER_FIELD_NUMBER, b"") * ((FRAME_BYTES_MAX - 64) // 2)

FRAMES: dict[str, bytes] = {
    "half a million notices": _field(wire.LinkFrame.NOTICES_FIELD_NUMBER, _EMPTIES),
    "a ledger of half a million": _field(wire.LinkFrame.NOTICES_FIELD_NUMBER, _field(1, _EMPTY_ENTRIES)),
    "an inventory of half a million": _field(wire.LinkFrame.INVENTORY_FIELD_NUMBER, _EMPTIES),
    "half a million hashes": _field(wire.LinkFrame.TOMBSTONE_DIGEST_FIELD_NUMBER, _EMPTIES),
    "a million buckets": _field(
        wire.LinkFrame.TOMBSTONE_REQUEST_FIELD_NUMBER, _field(1, b"\1" * (FRAME_BYTES_MAX - 64))
    ),
    "groups in groups": _tag(_UNKNOWN_FIELD, _GROUP_START) * (FRAME_BYTES_MAX // 2),
    "messages in messages": _nested(5_000),
    "a third of a million unknown fields": (_tag(_UNKNOWN_FIELD, _VARINT) + b"\1") * (FRAME_BYTES_MAX // 3),
}
"""By what it is: the bytes of a frame."""


def _filled(start: bytes, piece: bytes, end: bytes) -> bytes:
    return start + piece * ((PAYLOAD_BYTES_MAX - len(start) - len(end)) // len(piece)) + end


PAYLOADS: dict[str, bytes] = {
    "lists in lists": _filled(b"", b"[", b""),
    "objects in objects": _filled(b"", b'{"a":', b""),
    "numbers": _filled(b"[", b"1,", b"1]"),
    "parameters": _filled(b'{"parameters":[', b"{},", b"{}]}"),
    "one long number": _filled(b'{"generation":', b"9", b"}"),
    "many keys": b"{" + b",".join(b'"%x":0' % number for number in range(24_000)) + b"}",
    "texts": _filled(b"[", b'"",', b'""]'),
    "escapes": _filled(b'"', b"\\ud800", b'"'),
}
"""By what it is: the JSON under a right signature."""
