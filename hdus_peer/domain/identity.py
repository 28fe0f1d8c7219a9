"""Who a peer is: an Ed25519 key, and the PeerId that is the hash of its public half.

Rule: a PeerId is never taken from a message without the key or the certificate that proves it.
Absent on purpose: files, TLS keys, networks (see `admission`).
"""

import base64
import functools
import hashlib
from typing import NewType

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PeerId = NewType("PeerId", str)

PEER_ID_LENGTH = 52
SHORT_LENGTH = 8
PEER_IDS_KEPT = 4096
_ALPHABET = frozenset("abcdefghijklmnopqrstuvwxyz234567")


@functools.lru_cache(PEER_IDS_KEPT)
def peer_id_of(public_key: bytes) -> PeerId:
    """The PeerId of a raw 32-byte Ed25519 public key: base32(SHA-256(key)), lower case, unpadded, 52 characters."""
    return PeerId(base64.b32encode(hashlib.sha256(public_key).digest()).decode().rstrip("=").lower())


def is_peer_id(text: str) -> bool:
    """Whether `text` has the form of a PeerId (it may still belong to nobody)."""
    return len(text) == PEER_ID_LENGTH and _ALPHABET.issuperset(text)


def short(peer: str) -> str:
    """The first 8 characters, for people; never used to compare."""
    return peer[:SHORT_LENGTH]


class Identity:
    """A peer's own signing key. Its representation never shows the key."""

    __slots__ = ("_key", "peer_id", "public_key")

    def __init__(self, private_key: bytes) -> None:
        """`private_key`: the raw 32 bytes of an Ed25519 private key."""
        self._key = Ed25519PrivateKey.from_private_bytes(private_key)
        self.public_key = self._key.public_key().public_bytes_raw()
        self.peer_id = peer_id_of(self.public_key)

    @classmethod
    def generate(cls) -> "Identity":
        return cls(Ed25519PrivateKey.generate().private_bytes_raw())

    def private_bytes(self) -> bytes:
        """The raw private key, for the credentials file alone."""
        return self._key.private_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)

    def __repr__(self) -> str:
        return f"Identity({short(self.peer_id)})"


def is_signed_by(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether `signature` over `message` was made with the private half of the raw `public_key`."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
