"""Which sample belongs where: decided by a keyed hash of its content, never by its position.

Rules
1. Membership (shard, local test, held-out, reference) of one sample depends on that sample alone: forgetting another
   moves nothing, and neither does the order in a file.
2. Each question asks with its own role as the key, so that the answers are independent of one another.
3. Equal samples fall into the same place, so that none is trained on in one copy and tested in another.

Sources: contiguous chunks of the paper's `drop-class` partition are replaced by hashed ones for rule 1.
"""

import hashlib
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hdus_peer.errors import ConfigurationError

Digests = list[bytes]
PEERS_MAX = 100_000
_SPECIFICATION = re.compile(r"(drop-class|iid):(\d{1,6})/(\d{1,6})")


def digests_of(x: NDArray[np.generic]) -> Digests:
    """SHA-256 of each raw sample (type, shape and bytes)."""
    kind = f"{x.dtype.str} {x.shape[1:]} ".encode()
    return [hashlib.sha256(kind + sample.tobytes()).digest() for sample in x]


def ranks(digests: Digests, role: str) -> NDArray[np.uint64]:
    """One uniform 64-bit number a sample, under the key `role`."""
    key = role.encode() + b" "
    joined = b"".join(hashlib.sha256(key + digest).digest()[:8] for digest in digests)
    return np.frombuffer(joined, dtype="<u8")


def fractions(digests: Digests, role: str) -> NDArray[np.float64]:
    """`ranks` as numbers in [0, 1]."""
    return ranks(digests, role) / 2.0**64


@dataclass(frozen=True, slots=True)
class Shard:
    """Share `index` of `peers`; `drops_class`: without the class `index` mod the number of classes."""

    index: int
    peers: int
    drops_class: bool

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """`drop-class:i/n`, `iid:i/n` or `all`; raises ConfigurationError."""
        if text == "all":
            return cls(0, 1, drops_class=False)
        match = _SPECIFICATION.fullmatch(text)
        if match is None or not int(match[2]) < int(match[3]) <= PEERS_MAX:
            raise ConfigurationError(
                f"shard {text!r} is none of 'all', 'iid:i/n' and 'drop-class:i/n' with 0 <= i < n <= {PEERS_MAX}"
            )
        return cls(int(match[2]), int(match[3]), match[1] == "drop-class")

    def members(self, digests: Digests, labels: NDArray[np.int64], classes: int) -> NDArray[np.bool_]:
        """Which of the samples are this shard's."""
        mine: NDArray[np.bool_] = ranks(digests, "shard") % np.uint64(self.peers) == self.index
        return mine & (labels != self.index % classes) if self.drops_class else mine
