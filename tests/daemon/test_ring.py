"""The ring is bounded, its followers wait for nothing and hold up nobody."""

import asyncio
import json
import logging
import sys
import threading
from collections.abc import AsyncGenerator

import pytest

from hdus_peer.control.port import LogEntry, LogsWanted
from hdus_peer.daemon.journal import Journal
from hdus_peer.daemon.ring import ENTRIES_MAX, TEXT_MAX, Ring
from hdus_peer.errors import DataError
from hdus_peer.protocol.step import Event

ALL = LogsWanted(1000, "debug", follow=False, events_only=False)
FOLLOW = LogsWanted(0, "debug", follow=True, events_only=False)


def entry(number: int, level: str = "info") -> LogEntry:
    return LogEntry(float(number), level, f"Event{number}", "{}", "")


async def names(stream: AsyncGenerator[LogEntry, None]) -> list[str]:
    return [each.event async for each in stream]


async def test_the_last_ones_are_kept_in_their_order() -> None:
    ring = Ring(entries_max=3)
    for number in range(6):
        ring.add(entry(number), is_event=True)
    assert await names(ring.stream(ALL)) == ["Event3", "Event4", "Event5"]
    assert await names(ring.stream(LogsWanted(2, "info", follow=False, events_only=False))) == ["Event4", "Event5"]
    assert await names(ring.stream(LogsWanted(0, "info", follow=False, events_only=False))) == []


async def test_a_flood_of_small_news_pushes_out_only_small_news() -> None:
    ring = Ring(entries_max=3)
    ring.add(entry(0, "warning"), is_event=True)
    for number in range(1, 100):
        ring.add(entry(number, "debug"), is_event=True)
    assert await names(ring.stream(ALL)) == ["Event0", "Event97", "Event98", "Event99"]


async def test_levels_and_events_are_chosen() -> None:
    ring = Ring()
    for number, level in enumerate(("debug", "info", "warning", "error")):
        ring.add(entry(number, level), is_event=number != 2)
    assert await names(ring.stream(LogsWanted(9, "warning", follow=False, events_only=False))) == ["Event2", "Event3"]
    assert await names(ring.stream(LogsWanted(9, "debug", follow=False, events_only=True))) == [
        "Event0",
        "Event1",
        "Event3",
    ]
    with pytest.raises(DataError, match="choose one of debug, info"):
        await names(ring.stream(LogsWanted(9, "loud", follow=False, events_only=False)))


async def test_a_follower_hears_what_was_and_what_comes_and_ends_with_the_daemon() -> None:
    ring = Ring()
    ring.add(entry(0), is_event=True)
    stream = ring.stream(LogsWanted(5, "info", follow=True, events_only=False))
    assert (await anext(stream)).event == "Event0"
    coming = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)
    ring.add(entry(1, "debug"), is_event=True)
    ring.add(entry(2), is_event=True)
    assert (await asyncio.wait_for(coming, 5)).event == "Event2"
    ring.add(entry(3), is_event=True)
    ring.close()
    assert await names(stream) == ["Event3"]
    assert await names(ring.stream(FOLLOW)) == []


async def test_a_follower_that_cannot_keep_up_is_told_how_many_it_missed_and_holds_up_nobody() -> None:
    ring = Ring(backlog_max=4)
    slow, quick = ring.stream(FOLLOW), ring.stream(FOLLOW)
    waiting = [asyncio.create_task(anext(stream)) for stream in (slow, quick)]
    await asyncio.sleep(0)
    ring.add(entry(0), is_event=True)
    assert [(await task).event for task in waiting] == ["Event0", "Event0"]
    for number in range(1, 21):
        ring.add(entry(number), is_event=True)
        if number % 4 == 0:
            assert (await anext(quick)).event == f"Event{number - 3}"
            assert [(await anext(quick)).event for _ in range(3)][-1] == f"Event{number}"
    missed = await anext(slow)
    assert (missed.event, missed.level, json.loads(missed.fields)) == ("EntriesMissed", "warning", {"missed": 16})
    assert [(await anext(slow)).event for _ in range(4)] == ["Event17", "Event18", "Event19", "Event20"]
    await slow.aclose()
    await quick.aclose()
    assert ring._followers == []


async def test_entries_of_another_thread_are_heard() -> None:
    ring = Ring()
    stream = ring.stream(FOLLOW)
    coming = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)
    thread = threading.Thread(target=lambda: ring.add(entry(7), is_event=False))
    thread.start()
    assert (await asyncio.wait_for(coming, 5)).event == "Event7"
    thread.join()
    await stream.aclose()


async def test_the_journal_tells_the_ring_everything_whatever_the_level() -> None:
    journal = Journal(lambda peer: "mira")
    journal.publish(Event("KeyGranted", "q" * 52, (("generation", 7),)))
    (kept,) = [each async for each in journal.ring.stream(ALL)]
    assert (kept.level, kept.event) == ("debug", "KeyGranted")
    assert json.loads(kept.fields) == {"peer": "mira", "id": "qqqqqqqq", "generation": 7}


async def test_log_lines_that_are_no_events_are_heard_once_with_their_trace() -> None:
    root, journal = logging.getLogger(), Journal(str)
    before = list(root.handlers)
    journal.hear_others()
    try:
        journal.publish(Event("Left"))
        logging.getLogger("some.part").critical("child %d died", 7, exc_info=ValueError("why"))
    finally:
        root.handlers[:] = before
    assert await names(journal.ring.stream(ALL)) == ["Left", "child 7 died"]
    (line,) = [each async for each in journal.ring.stream(LogsWanted(1, "error", follow=False, events_only=False))]
    assert (line.level, line.trace) == ("error", "ValueError: why")
    assert await names(journal.ring.stream(LogsWanted(9, "debug", follow=False, events_only=True))) == ["Left"]


def test_no_event_can_carry_bytes() -> None:
    """Keys, payloads and samples are bytes: an event with one is an error of ours, and shows itself."""
    with pytest.raises(TypeError, match="bytes"):
        Journal(str).publish(Event("Leak", None, (("key", b"secret"),)))  # type: ignore[arg-type]


async def test_a_long_text_is_kept_to_its_end() -> None:
    ring = Ring()
    ring.add(LogEntry(0.0, "error", "x" * 10_000, "{}", "y" * 10_000 + "the end"), is_event=False)
    (kept,) = [each async for each in ring.stream(ALL)]
    assert len(kept.event) == len(kept.trace) == TEXT_MAX
    assert kept.trace.endswith("the end")


def test_a_full_ring_is_small() -> None:
    ring = Ring()
    for number in range(10 * ENTRIES_MAX):
        text = json.dumps({"peer": "somebody", "id": "qkqunxkj", "generation": number, "reason": "not-asked-for"})
        ring.add(LogEntry(number + 0.5, ("debug", "info")[number % 2], "KeyRefused", text, ""), is_event=True)
    kept = [each for half in ring._halves for each in half]
    parts = [part for each in kept for part in (each, each.number, each.entry, each.entry.time_s, each.entry.fields)]
    assert len(kept) == 2 * ENTRIES_MAX
    assert sum(map(sys.getsizeof, parts)) < 250_000
