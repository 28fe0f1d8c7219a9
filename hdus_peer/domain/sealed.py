"""The sealed form of a seed's payload: AES-256-GCM under a key that is used for this one payload.

Layout: 8 bytes magic, 12 bytes nonce, ciphertext with its 16-byte tag. The owner's PeerId and the task's fingerprint
are authenticated with it, so that a payload cannot be passed off under another owner or task. The nonce is derived from
key and plaintext (HMAC-SHA-256, truncated), so that even a key that was used twice by mistake repeats no nonce.
Sealing happens in the trainer child, opening in the predictor child; the daemon holds ciphertext only.
"""

import hashlib
import hmac
from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hdus_peer.domain.identity import PeerId
from hdus_peer.errors import ForgedError, MalformedError

MAGIC = b"HDUSEAL1"
KEY_BYTES = 32
NONCE_BYTES = 12
OVERHEAD_BYTES = len(MAGIC) + NONCE_BYTES + 16


def seal(plaintext: bytes, key: bytes, owner: PeerId, task: str) -> bytes:
    """Seal `plaintext` under the 32-byte `key`, which must never be used for a second payload."""
    nonce = hmac.digest(key, plaintext, "sha256")[:NONCE_BYTES]
    return MAGIC + nonce + AESGCM(key).encrypt(nonce, plaintext, _bound(owner, task))


def unseal(sealed: bytes, key: bytes, owner: PeerId, task: str) -> bytes:
    """The plaintext; raises MalformedError or ForgedError."""
    if not sealed.startswith(MAGIC) or len(sealed) < OVERHEAD_BYTES:
        raise MalformedError("not a sealed seed payload")
    nonce = sealed[len(MAGIC) : len(MAGIC) + NONCE_BYTES]
    try:
        return AESGCM(key).decrypt(nonce, memoryview(sealed)[len(MAGIC) + NONCE_BYTES :], _bound(owner, task))
    except InvalidTag as problem:
        raise ForgedError("the payload was not sealed under this key for this owner and task") from problem


def schema_digest(tensors: Iterable[tuple[str, str, tuple[int, ...]]]) -> str:
    """SHA-256 (hex) of the tensors' (name, safetensors dtype, shape), sorted by name, one line each."""
    lines = sorted(f"{name} {dtype} {','.join(map(str, shape))}\n" for name, dtype, shape in tensors)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _bound(owner: PeerId, task: str) -> bytes:
    return f"{owner} {task}".encode("ascii")
