"""The lines of a scenario, as something done at the table. One function a sentence; nothing else is understood."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hdus_peer.domain.envelope import sign
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.unlearning import UnlearnNotice
from hdus_peer.protocol.limits import Limits
from hdus_peer.protocol.messages import NoticeItem
from hdus_peer.protocol.records import OwnSeedRow
from hdus_peer.protocol.step import Erase, Forget, Leave, Obey, Rejoin, Step
from hdus_peer.simulation import cast
from tests.protocol.table import Seat, Table, sharing, tight
from tests.transcripts.names import EVERYTHING, Names
from tests.transcripts.recording import Moment, moment

Act = Callable[..., None]
SENTENCES: list[tuple[re.Pattern[str], Act]] = []


def says(pattern: str) -> Callable[[Act], Act]:
    """`pattern` is the sentence; its groups are the arguments."""

    def enter(act: Act) -> Act:
        SENTENCES.append((re.compile(pattern), act))
        return act

    return enter


class Stage:
    """A table whose seats have names, and what happened at it since `moments` was emptied."""

    def __init__(self) -> None:
        self.table = Table(0)
        self.seats: dict[str, Seat] = {}
        self.copies: dict[str, Any] = {}
        self.names = Names()
        self.moments: list[Moment] = []

    def act(self, sentence: str) -> None:
        """Do what the sentence says, and let it have its consequences. Raises LookupError for an unknown sentence."""
        for pattern, act in SENTENCES:
            found = pattern.fullmatch(sentence)
            if found:
                act(self, *found.groups())
                self.table.settle()
                return
        raise LookupError(f"No sentence of tests/transcripts/stage.py reads: {sentence}")

    def sit(self, table: Table, names: str) -> None:
        self.table = table
        self.seats = dict(zip(_listed(names), table.seats, strict=True))
        for name, seat in self.seats.items():
            self.names.call(seat.peer, name)
        self.names.call(cast.root().peer_id, "the authority")
        table.watched = self._record

    def _record(self, seat: Seat, cause: Any, sender: PeerId | None, step: Step) -> None:
        shown = moment(seat, cause, sender, step, self.names)
        if shown is not None:
            self.moments.append(shown)


def _listed(names: str) -> list[str]:
    return re.split(r", | and ", names)


# --- who is there -----------------------------------------------------------------------------------------------------
@says(r"([\w, ]+), who (never met|hold one another's seeds)(?:, under leases of (\d+) s to use and (\d+) s to hold)?")
def _begin(stage: Stage, names: str, how: str, use_s: str | None, hold_s: str | None) -> None:
    limits = _leases(int(use_s), int(hold_s)) if use_s and hold_s else None
    count = len(_listed(names))
    stage.sit(Table(count, limits) if how == "never met" else sharing(count, limits), names)
    for seat in stage.seats.values():
        stage.names.learn(seat.peer, "first")


def _leases(use_s: int, hold_s: int) -> Limits:
    return tight(lease_use_s=use_s, lease_hold_s=hold_s, lease_renew_s=use_s / 4)


# --- links ------------------------------------------------------------------------------------------------------------
@says(r"(\w+) and (\w+) meet")
def _meet(stage: Stage, one: str, other: str) -> None:
    stage.table.link(stage.seats[one], stage.seats[other])


@says(r"(\w+) is (off|on)-line(?: again)?")
def _reach(stage: Stage, who: str, state: str) -> None:
    for other in stage.seats.values():
        if other is not stage.seats[who]:
            _connect(stage, stage.seats[who], other, is_wanted=state == "on")


@says(r"the network is split into ([\w, ]+) \| ([\w, ]+)")
def _split(stage: Stage, here: str, there: str) -> None:
    for one in _listed(here):
        for other in _listed(there):
            _connect(stage, stage.seats[one], stage.seats[other], is_wanted=False)


def _connect(stage: Stage, one: Seat, other: Seat, is_wanted: bool) -> None:
    is_linked = frozenset((one.peer, other.peer)) in stage.table.links
    if is_wanted and not is_linked:
        stage.table.link(one, other)
    elif is_linked and not is_wanted:
        stage.table.unlink(one, other)


@says(r"(\d+) s pass")
def _pass(stage: Stage, duration_s: str) -> None:
    stage.table.wait(float(duration_s))


@says(r"what (\w+) sends to (\w+) is lost")
def _lose(stage: Stage, one: str, other: str) -> None:
    pair = (stage.seats[one].peer, stage.seats[other].peer)
    stage.table.lost = lambda sender, to, message: (sender, to) == pair


@says(r"nothing is lost any more")
def _carry(stage: Stage) -> None:
    stage.table.lost = lambda sender, to, message: False


# --- what a peer does -------------------------------------------------------------------------------------------------
@says(r"(\w+) publishes (\w+)")
def _publish(stage: Stage, who: str, seed: str) -> None:
    seat = stage.seats[who]
    stage.names.learn(seat.peer, seed)
    seat.publish(seed)


@says(r"(\w+) leaves")
def _leave(stage: Stage, who: str) -> None:
    stage.seats[who].command(Leave())


@says(r"(\w+) comes back")
def _rejoin(stage: Stage, who: str) -> None:
    stage.seats[who].command(Rejoin())


@says(r"(\w+) forgets (\d+) samples")
def _forget(stage: Stage, who: str, samples: str) -> None:
    stage.seats[who].command(Forget("ab" * 32, int(samples)))


@says(r"the authority revokes (\w+), and (\w+) is told")
def _revoke(stage: Stage, who: str, told: str) -> None:
    revoked = stage.seats[who]
    notice = UnlearnNotice(revoked.peer, EVERYTHING, "revoke", "", 0, 0)
    item = NoticeItem(sign(cast.root(), notice), revoked.person.membership, None, ())
    stage.seats[told].command(Obey(item))


@says(r"(\w+) signs (\w+) under the generation of (\w+)")
def _equivocate(stage: Stage, who: str, other: str, first: str) -> None:
    """Its core would not: the row is changed behind its back."""
    seat = stage.seats[who]
    row = seat.core.state.own_seed()
    assert row is not None
    assert stage.names.payload(row.manifest.statement.payload_sha256) == f"{who}/{first}"
    statement = replace(row.manifest.statement, payload_sha256=stage.names.learn(seat.peer, other))
    row = replace(row, manifest=sign(seat.person.identity, statement))
    seat.core.state._tables[OwnSeedRow][(seat.peer,)] = row


@says(r"erasures (take for ever|are quick again)")
def _delay(stage: Stage, how: str) -> None:
    stage.table.withheld = {Erase} if how == "take for ever" else set()


@says(r"(\w+) crashes and starts again")
def _crash(stage: Stage, who: str) -> None:
    stage.table.restart(stage.seats[who])


# --- its directory ----------------------------------------------------------------------------------------------------
@says(r"(\w+)'s directory is copied")
def _copy(stage: Stage, who: str) -> None:
    stage.copies[who] = {kind: dict(rows) for kind, rows in stage.seats[who].disk.rows.items()}


@says(r"(\w+) is started on the copy")
def _put_back(stage: Stage, who: str) -> None:
    stage.table.restart(stage.seats[who])
    stage.seats[who].disk.rows = stage.copies[who]
    stage.seats[who].restart()
