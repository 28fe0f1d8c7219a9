"""The credentials' end is said in time, once a day, and not more often."""

import asyncio

import pytest

from hdus_peer.admission.certificates import Validity
from hdus_peer.daemon.expiry import Expiry
from hdus_peer.domain.clock import Instant
from hdus_peer.protocol.step import Event

DAY_S, END_S = 86_400, 1_800_000_000


class Watched:
    def __init__(self, days_left: float) -> None:
        self.now_s = END_S - days_left * DAY_S
        self.events: list[Event] = []
        self.expiry = Expiry(Validity(0, END_S), lambda: Instant(0.0, self.now_s), self.events.append)

    def after(self, days: float) -> list[tuple[str, object]]:
        """What is said `days` later."""
        self.now_s += days * DAY_S
        self.events.clear()
        self.expiry.look()
        return [(event.name, dict(event.details).get("days_left")) for event in self.events]


def test_nothing_is_said_while_there_is_time() -> None:
    assert Watched(300).after(0) == Watched(14).after(0) == []


def test_the_last_days_are_counted_once_each() -> None:
    watched = Watched(15.5)
    assert watched.after(1) == []
    assert watched.after(1) == [("CredentialsExpireSoon", 13)]
    assert watched.after(0.1) == []
    assert watched.after(1) == [("CredentialsExpireSoon", 12)]
    assert watched.after(12) == [("CredentialsExpireSoon", 0)]
    assert watched.after(1) == [("CredentialsExpired", None)]
    assert watched.after(0.1) == []


def test_what_to_do_is_said_with_it() -> None:
    watched = Watched(3)
    watched.after(0)
    assert dict(watched.events[0].details)["renew"] == "hdus-peer network request --renew"


async def test_it_is_said_as_soon_as_it_runs() -> None:
    watched = Watched(3)
    running = asyncio.create_task(watched.expiry.run())
    await asyncio.sleep(0)
    assert [event.name for event in watched.events] == ["CredentialsExpireSoon"]
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
