"""Which sample belongs where: decided by a keyed hash of its content, never by its position.

    all                 everything
    iid:i/n             share i of n equal ones
    drop-class:i/n      the same, without the class i mod the number of classes
    dirichlet:A:i/n     share i of n, whose mix of classes is drawn with the concentration A (see `dirichlet`)
    by:COLUMN=VALUE     the samples whose column or array COLUMN says VALUE
    by:COLUMN:i/n       share i of n of the values of COLUMN: what has the same value stays together

Rules
1. Membership (shard, local test, held-out, reference) of one sample depends on that sample alone: forgetting another
   moves nothing, and neither does the order in a file. The shards of all i of n share out everything, without overlap
   (but for what drop-class leaves out).
2. Each question asks with its own role as the key, so that the answers are independent of one another.
3. Equal samples fall into the same place, so that none is trained on in one copy and tested in another.

Sources: contiguous chunks of the paper's `drop-class` partition are replaced by hashed ones for rule 1.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hdus_peer.errors import ConfigurationError, DataError
from hdus_peer.learning.dirichlet import bounds

Digests = list[bytes]
PEERS_MAX = 100_000
FORMS = "all, iid:i/n, drop-class:i/n, dirichlet:ALPHA:i/n, by:COLUMN=VALUE or by:COLUMN:i/n"
SHOWN_VALUES_MAX = 12
_SHARE = r":(?P<index>\d{1,6})/(?P<peers>\d{1,6})"
_EQUAL = re.compile(rf"(?P<kind>drop-class|iid){_SHARE}")
_DIRICHLET = re.compile(rf"dirichlet:(?P<alpha>\d{{1,6}}(\.\d{{1,9}})?){_SHARE}")
_VALUE = re.compile(r"by:(?P<column>[^=]+)=(?P<value>.+)")
_GROUPS = re.compile(rf"by:(?P<column>[^=]+){_SHARE}")


def digests_of(x: NDArray[np.generic]) -> Digests:
    """SHA-256 of each raw sample (type, shape and bytes)."""
    kind = f"{x.dtype.str} {x.shape[1:]} ".encode()
    return [hashlib.sha256(kind + sample.tobytes()).digest() for sample in x]


def ranks(digests: Sequence[bytes], role: str) -> NDArray[np.uint64]:
    """One uniform 64-bit number a sample, under the key `role`."""
    key = role.encode() + b" "
    joined = b"".join(hashlib.sha256(key + digest).digest()[:8] for digest in digests)
    return np.frombuffer(joined, dtype="<u8")


def fractions(digests: Sequence[bytes], role: str) -> NDArray[np.float64]:
    """`ranks` as numbers in [0, 1]."""
    return ranks(digests, role) / 2.0**64


@dataclass(frozen=True, slots=True)
class Candidates:
    """What shards choose from: digests, class indices, and what the column says that the shard asked for."""

    digests: Digests
    labels: NDArray[np.int64]
    classes: int
    groups: NDArray[np.str_] | None = None


class Shard(Protocol):
    """A part of the samples."""

    @property
    def group(self) -> str:
        """The column or array that it goes by; "" for none."""

    def members(self, candidates: Candidates) -> NDArray[np.bool_]:
        """Which of them are this shard's. Raises DataError."""


def parse_shard(text: str) -> Shard:
    """The shard that `text` names; raises ConfigurationError."""
    if text == "all":
        return EqualShare(0, 1, drops_class=False)
    if match := _EQUAL.fullmatch(text):
        return EqualShare(*_share(match, text), match["kind"] == "drop-class")
    if (match := _DIRICHLET.fullmatch(text)) and float(match["alpha"]) > 0:
        return DirichletShare(*_share(match, text), float(match["alpha"]))
    if match := _VALUE.fullmatch(text):
        return ValueShard(match["column"], match["value"])
    if match := _GROUPS.fullmatch(text):
        return GroupShare(*_share(match, text), match["column"])
    raise _wrong(text)


def _share(match: "re.Match[str]", text: str) -> tuple[int, int]:
    index, peers = int(match["index"]), int(match["peers"])
    if not index < peers <= PEERS_MAX:
        raise _wrong(text)
    return index, peers


def _wrong(text: str) -> ConfigurationError:
    return ConfigurationError(f"shard {text!r} is none of {FORMS} with 0 <= i < n <= {PEERS_MAX} and ALPHA above 0")


@dataclass(frozen=True, slots=True)
class EqualShare:
    """Share `index` of `peers`; `drops_class`: without the class `index` mod the number of classes."""

    index: int
    peers: int
    drops_class: bool
    group: str = ""

    def members(self, candidates: Candidates) -> NDArray[np.bool_]:
        mine: NDArray[np.bool_] = ranks(candidates.digests, "shard") % np.uint64(self.peers) == self.index
        return mine & (candidates.labels != self.index % candidates.classes) if self.drops_class else mine


@dataclass(frozen=True, slots=True)
class DirichletShare:
    """Of each class the part between two bounds that are drawn for that class; a sample lies where its hash does."""

    index: int
    peers: int
    alpha: float
    group: str = ""

    def members(self, candidates: Candidates) -> NDArray[np.bool_]:
        places = fractions(candidates.digests, "dirichlet")
        mine = np.zeros(len(places), dtype=bool)
        for label in np.unique(candidates.labels):
            low, high = bounds(self.alpha, self.peers, int(label))[self.index : self.index + 2]
            mine |= (candidates.labels == label) & (low <= places) & (places < high)
        return mine


@dataclass(frozen=True, slots=True)
class ValueShard:
    """The samples with one value of a column."""

    group: str
    value: str

    def members(self, candidates: Candidates) -> NDArray[np.bool_]:
        groups = _groups_of(candidates, self.group)
        mine: NDArray[np.bool_] = groups == self.value
        if not mine.any():
            values = np.unique(groups)
            shown = ", ".join(values[:SHOWN_VALUES_MAX]) + (", …" if len(values) > SHOWN_VALUES_MAX else "")
            raise DataError(f"no sample has {self.group} = {self.value!r}; the {len(values)} values are: {shown}")
        return mine


@dataclass(frozen=True, slots=True)
class GroupShare:
    """Those values of a column, with all of their samples, whose hash falls to this share."""

    index: int
    peers: int
    group: str

    def members(self, candidates: Candidates) -> NDArray[np.bool_]:
        values, places = np.unique(_groups_of(candidates, self.group), return_inverse=True)
        mine = ranks([value.encode() for value in values], "group") % np.uint64(self.peers) == self.index
        return np.asarray(mine[places], dtype=bool)


def _groups_of(candidates: Candidates, column: str) -> NDArray[np.str_]:
    if candidates.groups is None:
        raise DataError(f"the data have no {column!r} to make shards by; use iid:i/n")
    return candidates.groups
