"""The sentence that an unlearning ends with says what is known of whom, and no more."""

from dataclasses import replace

import pytest

from hdus_peer.cli.unlearning_view import outcome, show_who_holds
from hdus_peer.control.port import HolderErasure, HolderView
from tests.control.memory_daemon import ANNA, BELA

NOW_S = 1_700_000_000
LATER_S, EARLIER_S = NOW_S + 3600, NOW_S - 3 * 3600
DONE = HolderErasure(ANNA, "anna", True, "receipt", 84, ())
AWAY = HolderErasure(BELA, "garage-pi", False, "", -1, (), LATER_S)


def _named(holder, *names):
    return [replace(holder, name=name) for name in names]


def test_all_erased_says_how_quickly():
    assert outcome([DONE, replace(DONE, after_ms=12)], NOW_S) == "2 of 2 holders erased in 84 ms"


def test_an_entry_that_an_earlier_run_closed_has_no_time():
    assert outcome([replace(DONE, after_ms=-1)], NOW_S) == "1 of 1 holders erased"


@pytest.mark.parametrize(
    ("holder", "said"),
    [
        (AWAY, "garage-pi is off line: it erases when it returns, and by 2023-11-14 23:13 UTC at the latest"),
        (
            replace(AWAY, hold_until_s=0),
            "garage-pi is off line: it erases when it returns, and not before, since no lease of it is known",
        ),
        (replace(AWAY, state="alive"), "garage-pi is in reach and has not signed yet"),
        (
            replace(AWAY, hold_until_s=EARLIER_S),
            "garage-pi did not sign, and its lease ended 2023-11-14 19:13 UTC: it has erased, "
            "or does so when it is next switched on",
        ),
        (
            replace(AWAY, confirmed=True, closed_by="receipt", cloned=True),
            "garage-pi runs on two devices, so its answer does not count",
        ),
        (
            replace(AWAY, revoked=True),
            "garage-pi was put out by the network's authority and answers nobody; its lease ends 2023-11-14 23:13 UTC",
        ),
    ],
)
def test_who_is_pending_is_named_with_what_is_known_of_it(holder, said):
    assert outcome([DONE, holder], NOW_S) == f"1 of 2 holders erased; {said}"


def test_those_of_one_kind_stand_together_under_their_latest_date():
    away = [AWAY, *_named(replace(AWAY, hold_until_s=LATER_S + 60), "attic")]
    said = outcome([*away, *_named(replace(AWAY, state="alive"), "desk")], NOW_S)
    assert said == (
        "0 of 3 holders erased; desk is in reach and has not signed yet; "
        "attic and garage-pi are off line: they erase when they return, and by 2023-11-14 23:14 UTC at the latest"
    )


def test_many_are_counted_instead_of_named():
    assert "a, b, c, d and 3 others are off line" in outcome(_named(AWAY, *"gfedcba"), NOW_S)
    assert "a, b, c, d and e are off line" in outcome(_named(AWAY, *"edcba"), NOW_S)


def test_a_holder_is_shown_once_with_its_latest_generation(capsys):
    older = HolderView(BELA, "garage-pi", 17, "gone", 0, 0, "")
    closed = HolderView(ANNA, "anna", 17, "alive", 0, 0, "release")
    show_who_holds([replace(older, generation=18, hold_until_s=LATER_S), older, closed])
    heading, line = capsys.readouterr().out.splitlines()
    assert heading.split() == ["holder", "id", "generation", "reachable", "lease", "ends"]
    assert line.split() == ["garage-pi", BELA[:8], "18", "gone", "2023-11-14", "23:13", "UTC"]
