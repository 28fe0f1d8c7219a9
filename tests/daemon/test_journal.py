"""Log lines of both forms, counters, and wake-ups."""

import asyncio
import json
import logging

import pytest

from hdus_peer.daemon.journal import Journal, set_up_logging
from hdus_peer.protocol.step import Event


@pytest.fixture
def root_logger():
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    yield root
    root.setLevel(before[0])
    root.handlers[:] = before[1]


def test_an_event_is_one_json_object_with_the_members_name(root_logger, capsys):
    set_up_logging("info", "json")
    Journal(lambda peer: "mira").publish(Event("SeedAdopted", "qkqunxkj" * 6, (("generation", 7),)))
    line = json.loads(capsys.readouterr().err)
    assert line.pop("time") > 0
    assert line == {"level": "info", "event": "SeedAdopted", "peer": "mira", "id": "qkqunxkj", "generation": 7}


def test_the_human_form_is_one_readable_line(root_logger, capsys):
    set_up_logging("info", "human")
    journal = Journal(lambda peer: "mira")
    journal.publish(Event("SeedAdopted", "q" * 52, (("generation", 7),)))
    journal.publish(Event("KeyGranted", "q" * 52))
    assert capsys.readouterr().err.split(maxsplit=1)[1] == "info    SeedAdopted peer=mira id=qqqqqqqq generation=7\n"


async def test_refusals_are_counted_by_their_word_and_whoever_waits_is_woken():
    journal = Journal(str)
    waiting = asyncio.create_task(journal.changed())
    await asyncio.sleep(0)
    for word in ("gone", "gone", "not-owner"):
        journal.publish(Event("Refused", None, (("reason", word),)))
    await asyncio.wait_for(waiting, 5)
    assert journal.refusals.by_reason == {"gone": 2, "not-owner": 1}


async def test_a_change_between_looking_and_waiting_is_not_missed():
    journal = Journal(str)
    change = journal.coming_change()
    journal.publish(Event("GrantClosed"))
    await asyncio.wait_for(change.wait(), 10)
    assert not journal.coming_change().is_set()
