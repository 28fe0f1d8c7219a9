"""The ledger's rows in memory, and the draft of the Step that is being decided.

Rule: memory changes only together with a write of the same row (`put`, `delete`), so that what the core believes is
what a restart would find. `Draft.step` counts the Step in `SelfRow.state_sequence` when it writes anything.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar, cast

from hdus_peer.domain.envelope import Signed, Statement
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.membership import Membership
from hdus_peer.domain.seed import Parameter
from hdus_peer.protocol.limits import Limits
from hdus_peer.protocol.messages import Message
from hdus_peer.protocol.records import (
    TABLES,
    EquivocationRow,
    HeldSeedRow,
    OwnSeedRow,
    Phase,
    Row,
    SelfRow,
    TombstoneRow,
    key_of,
)
from hdus_peer.protocol.step import NOTHING, Delete, Effect, Event, Put, Send, Step, Write

S = TypeVar("S", bound=Statement)
R = TypeVar("R", bound=Row)
T = TypeVar("T")


class Signer(Protocol):
    """Signs with the peer's own key."""

    def __call__(self, statement: S) -> Signed[S]: ...


class Random(Protocol):
    """The one source of chance: `random()` in [0, 1)."""

    def random(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Me:
    """Who this peer is in this run. `root` is the PeerId of the network's authority; `run_nonce` is drawn per start."""

    peer: PeerId
    root: PeerId
    network: str
    membership: Signed[Membership]
    task: str
    parameters: tuple[Parameter, ...]
    architectures: tuple[str, ...]
    tls_spki_sha256: str
    run_nonce: str
    sign: Signer = field(repr=False)


class State:
    """All rows, by table and key. `row`: this peer's own counters."""

    def __init__(self, me: Me, limits: Limits, rows: Iterable[Row], rng: Random) -> None:
        self.me, self.limits, self.rng = me, limits, rng
        self._tables: dict[type, dict[Any, Row]] = {table: {} for table in TABLES}
        self._writes = dict.fromkeys(TABLES, 0)
        self._derived: dict[Callable[[State], Any], tuple[int, Any]] = {}
        for row in rows:
            self._tables[type(row)][key_of(row)] = row
        self.row = self.get(SelfRow, me.peer) or SelfRow(me.peer)
        self._tables[SelfRow][me.peer,] = self.row

    @property
    def is_active(self) -> bool:
        return self.row.phase == Phase.ACTIVE

    @property
    def next_sequence(self) -> int:
        """The `state_sequence` that the Step being drafted will have."""
        return self.row.state_sequence + 1

    def get(self, table: type[R], *key: str | int) -> R | None:
        """The row of `table` under `key`."""
        row = self._tables[table].get(key)
        return row if isinstance(row, table) else None

    def all(self, table: type[R]) -> list[R]:
        """All rows of `table`."""
        return cast(list[R], list(self._tables[table].values()))

    def has(self, table: type[Row]) -> bool:
        """Whether there is any row in `table`."""
        return bool(self._tables[table])

    def writes(self, *tables: type) -> int:
        """How often `tables` were written to in this run: what is a function of them stays while this does."""
        return sum(map(self._writes.__getitem__, tables))

    def derived(self, what: Callable[["State"], T], *tables: type) -> T:
        """`what` of this state, computed anew only after a write to one of `tables`, of which it is a function."""
        writes = self.writes(*tables)
        known = self._derived.get(what)
        if known is None or known[0] != writes:
            known = self._derived[what] = (writes, what(self))
        return cast(T, known[1])

    def through(self, owner: PeerId) -> int:
        """The generation through which everything of `owner` is unlearned, by a notice or by a proof of equivocation;
        0 where nothing is."""
        tombstone, proof = self.get(TombstoneRow, owner), self.get(EquivocationRow, owner)
        return max(tombstone.through if tombstone else 0, proof.generation if proof else 0)

    def own_seed(self) -> OwnSeedRow | None:
        return self.get(OwnSeedRow, self.me.peer)

    def held(self) -> tuple[HeldSeedRow, ...]:
        """The seeds held, in the order of their owners' PeerIds."""
        return self.derived(_held, HeldSeedRow)

    def put(self, draft: "Draft", row: Row) -> None:
        table, key = type(row), key_of(row)
        self._tables[table][key] = row
        self._writes[table] += 1
        if isinstance(row, SelfRow):
            self.row = row
        draft.writes[table, key] = Put(row)

    def delete(self, draft: "Draft", row: Row) -> None:
        key = key_of(row)
        if self._tables[type(row)].pop(key, None) is not None:
            self._writes[type(row)] += 1
            draft.writes[type(row), key] = Delete(type(row), key)

    def change_self(self, draft: "Draft", **changes: Any) -> None:
        self.put(draft, replace(self.row, **changes))


def _held(state: State) -> tuple[HeldSeedRow, ...]:
    return tuple(sorted(state.all(HeldSeedRow), key=lambda row: row.owner))


class Draft:
    """A Step in the making. Of several writes to one row the last one counts."""

    __slots__ = ("_state", "effects", "events", "sends", "writes")

    def __init__(self, state: State) -> None:
        self._state = state
        self.writes: dict[tuple[type, Any], Write] = {}
        self.sends: list[Send] = []
        self.effects: list[Effect] = []
        self.events: list[Event] = []

    def send(self, to: PeerId, message: Message) -> None:
        self.sends.append(Send(to, message))

    def act(self, effect: Effect) -> None:
        self.effects.append(effect)

    def tell(self, name: str, peer: PeerId | None = None, **details: str | int) -> None:
        self.events.append(Event(name, peer, tuple(details.items())))

    def refuse(self, peer: PeerId | None, reason: str) -> None:
        """Something of `peer` cannot be accepted: counted, and nothing changes."""
        self.tell("Refused", peer, reason=reason)

    def step(self) -> Step:
        if self.writes:
            self._state.change_self(self, state_sequence=self._state.next_sequence)
        elif not (self.sends or self.effects or self.events):
            return NOTHING
        return Step(tuple(self.writes.values()), tuple(self.sends), tuple(self.effects), tuple(self.events))
