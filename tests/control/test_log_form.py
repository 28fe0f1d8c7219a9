"""The two forms of a log entry."""

import json

from hdus_peer.control import log_form
from tests.control.memory_daemon import ENTRIES


def test_for_people() -> None:
    first, second = map(log_form.human, ENTRIES)
    assert first[8:] == " info    Started address=127.0.0.1:7000"
    assert second[8:] == " error   EffectFailed peer=anna generation=17\nTraceback: it broke"


def test_for_programs() -> None:
    assert [json.loads(log_form.as_json(entry)) for entry in ENTRIES] == [
        {"time": 1_700_000_000.25, "level": "info", "event": "Started", "address": "127.0.0.1:7000"},
        {
            "time": 1_700_000_001.5,
            "level": "error",
            "event": "EffectFailed",
            "trace": "Traceback: it broke",
            "peer": "anna",
            "generation": 17,
        },
    ]
