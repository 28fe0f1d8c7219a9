"""The sealed seed and its key, laid out for the daemon, which takes both away.

Rules
1. A key seals one payload: whenever one of the two files is missing, both are made again under a new key.
2. Both files are there only if they belong together: the old ones go first, then the key comes, then the payload.
"""

import os

from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.sealed import KEY_BYTES, seal
from hdus_peer.durable import remove_durably, write_durably
from hdus_peer.learning.places import Places


def fill(places: Places, owner: PeerId, task: str) -> None:
    """Seal the owner's plaintext seed under a new key, unless an outbox full already waits. Raises StorageError."""
    if places.sealed.exists() and places.key.exists():
        return
    empty(places)
    key = os.urandom(KEY_BYTES)
    write_durably(places.key, key)
    write_durably(places.sealed, seal(places.seed.read_bytes(), key, owner, task))


def empty(places: Places) -> None:
    """What waits is of another seed: remove it."""
    remove_durably(places.sealed)
    remove_durably(places.key)
