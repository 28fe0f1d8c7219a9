"""What happened: each Step with its input and its instant, in words, and who it was sent to."""

from dataclasses import dataclass
from typing import Any

from hdus_peer.domain.identity import PeerId
from hdus_peer.protocol.messages import Heartbeat, Key
from hdus_peer.protocol.records import Row, key_of
from hdus_peer.protocol.step import Put, Send, SendKey, Step, Write
from tests.protocol.table import KEY, Seat
from tests.transcripts import saying
from tests.transcripts.names import START_S, Names

INDENT = 16


@dataclass(frozen=True, slots=True)
class Sent:
    """A message on its way; `text` is what `saying` made of it."""

    to: str
    text: str
    is_lost: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """One Step of `who`; its parts are carried out in this order. `keys`: what its effects send, after all else."""

    at_s: float
    who: str
    cause: str
    writes: tuple[str, ...]
    sends: tuple[Sent, ...]
    acts: tuple[str, ...]
    tells: tuple[str, ...]
    keys: tuple[Sent, ...]

    def lines(self, is_dated: bool) -> list[str]:
        """As it stands in a transcript."""
        sends = tuple(f"{sent.text} to {sent.to}{', lost' if sent.is_lost else ''}" for sent in self.sends)
        parts = (("writes", self.writes), ("sends", sends), ("acts", self.acts), ("tells", self.tells))
        shown = [line for name, texts in parts if texts for line in _column(name, texts)]
        date = f"{self.at_s:.1f} s" if is_dated else ""
        return [f"{date:>10}  {self.who}: {self.cause}", *shown]


def _column(name: str, texts: tuple[str, ...]) -> list[str]:
    heads = [name] + [""] * (len(texts) - 1)
    return [f"{' ' * INDENT}{head:<8}{text}" for head, text in zip(heads, texts, strict=True)]


def moment(seat: Seat, cause: Any, sender: PeerId | None, step: Step, names: Names) -> Moment | None:
    """The Step in words; None where nothing of it is worth a line. To be called before its writes are committed."""
    is_timer = cause == "timer"
    sends = [send for send in step.sends if not (is_timer and isinstance(send.message, Heartbeat))]
    parts = (
        tuple(filter(None, (_write(seat, write, names) for write in step.writes))),
        tuple(_sent(seat, send, names) for send in sends),
        tuple(saying.effect_text(effect, names) for effect in step.effects),
        tuple(saying.event_text(event, names) for event in step.events),
    )
    if not any(parts):
        return None
    keys = [effect for effect in step.effects if isinstance(effect, SendKey)]
    given = tuple(_sent(seat, Send(key.to, Key(key.grant, key.lease, KEY)), names) for key in keys)
    at_s = round(seat.table.now_s - START_S, 1)
    return Moment(at_s, names.of(seat.peer), saying.cause_text(cause, sender, names), *parts, given)


def _sent(seat: Seat, send: Send, names: Names) -> Sent:
    is_lost = seat.table.lost(seat.peer, send.to, send.message)
    return Sent(names.of(send.to), saying.message_text(send.message, names), is_lost)


def _write(seat: Seat, write: Write, names: Names) -> str:
    if isinstance(write, Put):
        return saying.row_text(write.row, _stored(seat, type(write.row), key_of(write.row)), names)
    old = _stored(seat, write.table, write.key)
    return saying.deleted_text(old, names) if old is not None else ""


def _stored(seat: Seat, table: type[Row], key: tuple[str | int, ...]) -> Row | None:
    return seat.disk.rows[table].get(key)
